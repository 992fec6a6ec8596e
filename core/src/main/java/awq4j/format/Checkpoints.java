package awq4j.format;

import awq4j.format.gguf.GgufCheckpoint;
import awq4j.format.gguf.GgufFiles;
import awq4j.format.packed.PackedFile;
import awq4j.format.pickle.PickleFolder;
import awq4j.format.safetensors.SafetensorsFolder;
import awq4j.format.tinychat.EngineFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Opens what people have. */
public final class Checkpoints {
    /** The configuration every model folder has. */
    public static final String CONFIG = "config.json";

    private Checkpoints() {}

    /**
     * Where a model lies: the GGUF file, or the first of its parts, of a folder that has one and no configuration; else
     * the path itself.
     *
     * @throws MalformedFileException if the folder has several such files
     */
    public static Path located(Path path) {
        if (!Files.isDirectory(path) || Files.exists(path.resolve(CONFIG))) {
            return path;
        }
        List<Path> models = GgufFiles.in(path);
        if (models.size() > 1) {
            throw new MalformedFileException(
                    path,
                    -1,
                    "has " + models.size() + " GGUF models, name one of them: "
                            + models.stream()
                                    .limit(3)
                                    .map(file -> MalformedFileException.shown(String.valueOf(file.getFileName())))
                                    .collect(Collectors.joining(", "))
                            + (models.size() > 3 ? ", ..." : ""));
        }
        return models.isEmpty() ? path : models.getFirst();
    }

    /**
     * Where a model's tokenizer, templates and settings lie: beside a file of PyTorch; else in the folder, or the GGUF
     * file, itself.
     *
     * @param model as {@link #located} gives it
     */
    public static Path folder(Path model) {
        Path parent = isPickle(model) ? model.toAbsolutePath().getParent() : null;
        return parent == null ? model : parent;
    }

    /**
     * Opens a model folder in Hugging Face's form, {@code config.json} and safetensors or files of PyTorch, plain or
     * packed, or {@code awq4j.packed} or a model of TinyChatEngine in their place; or one file of PyTorch with {@code config.json} beside it; or a GGUF
     * file, of a model in several parts any of them, or a folder with one. Safetensors are preferred where both are.
     *
     * @throws MalformedFileException if the folder or a file in it is not what it should be
     * @throws UnsupportedModelException if its files are of a kind that is not read
     */
    public static Checkpoint open(Path model) {
        if (!Files.exists(model)) {
            throw new MalformedFileException(model, -1, "no such folder or file: " + model.toAbsolutePath());
        }
        Path path = located(model);
        if (isGguf(path)) {
            return GgufCheckpoint.open(path);
        }
        if (isPickle(path)) {
            return open(path, folder(path));
        }
        if (!Files.isDirectory(path)) {
            throw new MalformedFileException(
                    path,
                    -1,
                    "expected a model folder with " + CONFIG + " and .safetensors files, or a .gguf file, found another"
                            + " file");
        }
        Config config = config(path);
        Optional<TensorFolder> tensors = tensors(path);
        if (tensors.isEmpty()) {
            if (PackedFile.present(path)) {
                return PackedCheckpoint.open(path, config);
            }
            throw noTensors(path);
        }
        return HuggingFaceCheckpoint.open(path, config, tensors.get());
    }

    /**
     * Opens the weights in one file of PyTorch.
     *
     * @param folder has the configuration, and the tokenizer
     * @throws MalformedFileException if a file is not what it should be
     * @throws UnsupportedModelException if the weights are of a kind that is not read
     */
    public static Checkpoint open(Path file, Path folder) {
        Config config = config(folder);
        return HuggingFaceCheckpoint.open(folder, config, PickleFolder.of(folder, file));
    }

    /**
     * The tensors of a model without its configuration: of a folder safetensors, else TinyChatEngine's files, else those of
     * PyTorch, empty if it has none; of a file of PyTorch those in it.
     *
     * @throws MalformedFileException if a file is not what it should be
     */
    public static Optional<TensorFolder> tensors(Path folder) {
        if (isPickle(folder)) {
            return Optional.of(PickleFolder.of(folder(folder), folder));
        }
        if (SafetensorsFolder.present(folder)) {
            return Optional.of(SafetensorsFolder.open(folder));
        }
        if (EngineFolder.present(folder)) {
            return Optional.of(EngineFolder.open(folder));
        }
        return PickleFolder.present(folder) ? Optional.of(PickleFolder.open(folder)) : Optional.empty();
    }

    /** Whether {@link #tensors} finds any. */
    public static boolean hasTensors(Path folder) {
        return isPickle(folder)
                || SafetensorsFolder.present(folder)
                || EngineFolder.present(folder)
                || PickleFolder.present(folder);
    }

    private static Config config(Path folder) {
        if (!Files.isRegularFile(folder.resolve(CONFIG))) {
            if (EngineFolder.present(folder)) {
                throw new MalformedFileException(folder, -1, EngineFolder.WITHOUT_CONFIG);
            }
            PickleFolder.refuseOriginals(folder); // they have no config.json, and are told in better words
            throw new MalformedFileException(
                    folder, -1, "expected a model folder, found no " + CONFIG + " in " + folder.toAbsolutePath());
        }
        return Config.read(folder.resolve(CONFIG));
    }

    /** Whether a path is a file that is named as PyTorch's are. */
    public static boolean isPickle(Path path) {
        return PickleFolder.isPickle(path) && Files.isRegularFile(path);
    }

    /** Whether a path is a file that is named as GGUF files are. */
    public static boolean isGguf(Path path) {
        return String.valueOf(path.getFileName()).toLowerCase(Locale.ROOT).endsWith(".gguf")
                && Files.isRegularFile(path);
    }

    private static RuntimeException noTensors(Path folder) {
        List<String> others;
        try (Stream<Path> paths = Files.list(folder)) {
            others = paths.map(path -> String.valueOf(path.getFileName()))
                    .filter(name -> name.endsWith(".bin")
                            || name.endsWith(".pt")
                            || name.endsWith(".pth")
                            || name.endsWith(".gguf")
                            || name.endsWith(".safetensors"))
                    .sorted()
                    .limit(3)
                    .toList();
        } catch (IOException e) {
            throw new UncheckedIOException("cannot list " + folder + ": " + e.getMessage(), e);
        }
        if (others.isEmpty()) {
            return new MalformedFileException(
                    folder, -1, "has " + CONFIG + " but no weights: expected model.safetensors or its index");
        }
        return new UnsupportedModelException(folder.getFileName() + ": weights come as " + String.join(", ", others)
                + "; expected model.safetensors or pytorch_model.bin, the index of one in shards, or exactly one file");
    }
}
