package awq4j.format.pickle;

import awq4j.format.MalformedFileException;
import awq4j.format.TensorFolder;
import awq4j.format.UnsupportedModelException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * The PyTorch files of a model folder: {@code pytorch_model.bin}, or the shards that {@code
 * pytorch_model.bin.index.json} lists, or the only other {@code .pt}, {@code .pth} or {@code .bin} file there is.
 */
public final class PickleFolder {
    /** The file of an unsharded model. */
    public static final String SINGLE = "pytorch_model.bin";

    /** The file that maps tensors to shards. */
    public static final String INDEX = "pytorch_model.bin.index.json";

    /** What trainers leave beside a model: no weights of it. */
    private static final Pattern OTHERS = Pattern.compile(
            "(training_args|optimizer|scheduler|scaler|rng_state|random_states)\\b.*|rng_state_\\d+\\..*");

    /** Meta's own form of Llama, a file for each GPU that it was cut for. */
    private static final Pattern CONSOLIDATED = Pattern.compile("consolidated\\.\\d+\\.pth");

    private PickleFolder() {}

    /** Whether a file is named as PyTorch's are. */
    public static boolean isPickle(Path file) {
        String name = name(file);
        return name.endsWith(".bin") || name.endsWith(".pt") || name.endsWith(".pth");
    }

    /**
     * Whether the folder has tensors that {@link #open} would read.
     *
     * @throws UnsupportedModelException if it has nothing but Meta's own form of Llama
     */
    public static boolean present(Path folder) {
        if (Files.isRegularFile(folder.resolve(SINGLE)) || Files.isRegularFile(folder.resolve(INDEX))) {
            return true;
        }
        refuseOriginals(folder);
        return loose(files(folder)).size() == 1;
    }

    /**
     * Refuses a folder whose only PyTorch files are of Meta's own form of Llama.
     *
     * @throws UnsupportedModelException if it is one
     */
    public static void refuseOriginals(Path folder) {
        List<Path> files = files(folder);
        if (loose(files).isEmpty()) {
            files.forEach(PickleFolder::refuseOriginal);
        }
    }

    /**
     * Maps all files and checks that the index and they agree.
     *
     * @throws MalformedFileException if a shard is missing, damaged, or lacks a tensor that the index promises
     */
    public static TensorFolder open(Path folder) {
        if (Files.isRegularFile(folder.resolve(SINGLE))) {
            return of(folder, folder.resolve(SINGLE));
        }
        Path index = folder.resolve(INDEX);
        if (Files.isRegularFile(index)) {
            return TensorFolder.sharded(folder, index, PickleFile::open);
        }
        List<Path> loose = loose(files(folder));
        if (loose.size() == 1) {
            return of(folder, loose.getFirst());
        }
        throw new MalformedFileException(
                folder, -1, "expected " + SINGLE + " or " + INDEX + ", found " + loose.size() + " files of PyTorch");
    }

    /**
     * The tensors of one file.
     *
     * @throws MalformedFileException if it holds none that have names
     * @throws UnsupportedModelException if it is of Meta's own form of Llama
     */
    public static TensorFolder of(Path folder, Path file) {
        refuseOriginal(file);
        PickleFile opened = PickleFile.open(file);
        if (opened.names().isEmpty()) {
            opened.close();
            throw new MalformedFileException(
                    file,
                    opened.rootAt(),
                    "expected a dict of tensors, alone or as \"state_dict\" or \"model\", found none");
        }
        return TensorFolder.single(folder, opened);
    }

    private static void refuseOriginal(Path file) {
        String name = name(file);
        if (CONSOLIDATED.matcher(name).matches()) {
            throw new UnsupportedModelException(name + " is a model in Meta's own form, whose names, order of rows and"
                    + " parts for several GPUs are not read; convert it with transformers'"
                    + " convert_llama_weights_to_hf.py, or take the model in Hugging Face's form");
        }
    }

    private static List<Path> loose(List<Path> files) {
        return files.stream()
                .filter(path -> !CONSOLIDATED.matcher(name(path)).matches())
                .toList();
    }

    private static List<Path> files(Path folder) {
        if (!Files.isDirectory(folder)) {
            return List.of();
        }
        try (Stream<Path> paths = Files.list(folder)) {
            return paths.filter(PickleFolder::isPickle)
                    .filter(path -> !OTHERS.matcher(name(path)).matches())
                    .sorted()
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder + ": " + e.getMessage(), e);
        }
    }

    private static String name(Path path) {
        return String.valueOf(path.getFileName());
    }
}
