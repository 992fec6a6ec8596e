package awq4j.cli.hub;

import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Collectors;

/**
 * Which files of a model are fetched. Without patterns those that it takes to run and to quantize it: repositories often
 * hold the same weights in several formats.
 *
 * @param taken what is fetched
 * @param skipped the rest
 */
record FileChoice(List<RemoteFile> taken, List<RemoteFile> skipped) {
    private static final Pattern CANONICAL =
            Pattern.compile("(?:.*/)?model(?:-\\d{5}-of-\\d{5})?\\.safetensors(?:\\.index\\.json)?");
    private static final Pattern PICKLED =
            Pattern.compile("(?:.*/)?pytorch_model(?:-\\d{5}-of-\\d{5})?\\.bin(?:\\.index\\.json)?");
    private static final Pattern GGUF_PART = Pattern.compile("-\\d{5}-of-\\d{5}(?=\\.gguf$)");
    /** Chat templates by name, the one folder that a plain model has. */
    private static final String TEMPLATES = "additional_chat_templates/";

    private static final Set<String> FOREIGN_FOLDERS = Set.of(
            "onnx", "original", "openvino", "coreml", "metal", "mlx", "flax", "tf", "tflite", "gguf", "runs", "logs");
    private static final List<String> FOREIGN_WEIGHTS = List.of(
            ".bin",
            ".bin.index.json",
            ".pt",
            ".pth",
            ".ckpt",
            ".h5",
            ".msgpack",
            ".msgpack.index.json",
            ".ot",
            ".onnx",
            ".onnx_data",
            ".onnx.data",
            ".tflite",
            ".mlmodel",
            ".nemo",
            ".gguf",
            ".ggml",
            ".llamafile",
            ".safetensors",
            ".safetensors.index.json",
            ".npz",
            ".tar",
            ".tar.gz",
            ".tgz",
            ".zip");
    private static final List<String> PICTURES = List.of(
            ".png", ".jpg", ".jpeg", ".gif", ".webp", ".svg", ".bmp", ".mp4", ".webm", ".mov", ".mp3", ".wav", ".pdf",
            ".ipynb");

    FileChoice {
        taken = List.copyOf(taken);
        skipped = List.copyOf(skipped);
    }

    /**
     * Chooses.
     *
     * @param include patterns of what to take, instead of the usual choice; none for the usual choice
     * @param exclude patterns of what to leave out of that
     * @throws HubException if nothing is left, or the hub has several models in one place and none was chosen
     */
    static FileChoice of(ModelName model, List<RemoteFile> files, List<String> include, List<String> exclude) {
        List<Glob> wanted = include.stream().map(Glob::of).toList();
        List<Glob> unwanted = exclude.stream().map(Glob::of).toList();
        for (Glob glob : wanted) {
            if (files.stream().noneMatch(glob::matches)) {
                throw new HubException("no file of " + model + " is like " + glob.text() + "; it has " + some(files));
            }
        }
        Predicate<RemoteFile> chosen =
                wanted.isEmpty() ? usual(model, files) : file -> wanted.stream().anyMatch(glob -> glob.matches(file));
        var taken = new ArrayList<RemoteFile>();
        var skipped = new ArrayList<RemoteFile>();
        for (RemoteFile file : files) {
            boolean take = chosen.test(file) && unwanted.stream().noneMatch(glob -> glob.matches(file));
            (take ? taken : skipped).add(file);
        }
        if (taken.isEmpty()) {
            throw new HubException("nothing of " + model + " is left to download; it has " + some(files));
        }
        return new FileChoice(taken, skipped);
    }

    private static Predicate<RemoteFile> usual(ModelName model, List<RemoteFile> files) {
        boolean top = files.stream().anyMatch(file -> !file.isBelow() && isWeights(file));
        // A model in parts, each in a folder with a configuration of its own, has no weights beside them.
        Set<RemoteFile> near = files.stream()
                .filter(file -> !file.isBelow() || file.path().startsWith(TEMPLATES) || (!top && !foreign(file)))
                .collect(Collectors.toCollection(LinkedHashSet::new));
        Predicate<RemoteFile> weights = weights(model, near);
        return file -> near.contains(file)
                && !file.path().startsWith(".")
                && !endsWith(file, PICTURES)
                && (weights.test(file) || !endsWith(file, FOREIGN_WEIGHTS));
    }

    /** The one format of those that are there. */
    private static Predicate<RemoteFile> weights(ModelName model, Set<RemoteFile> files) {
        Predicate<RemoteFile> safetensors = file -> endsWith(file, List.of(".safetensors", ".safetensors.index.json"));
        Predicate<RemoteFile> canonical = file -> CANONICAL.matcher(file.path()).matches();
        Predicate<RemoteFile> pickled = file -> PICKLED.matcher(file.path()).matches();
        Predicate<RemoteFile> gguf = file -> endsWith(file, List.of(".gguf"));
        if (files.stream().anyMatch(canonical)) {
            return canonical;
        }
        if (files.stream().anyMatch(safetensors)) {
            return safetensors;
        }
        if (files.stream().anyMatch(pickled)) {
            return pickled;
        }
        var models = new TreeSet<String>();
        files.stream()
                .filter(gguf)
                .forEach(file -> models.add(GGUF_PART.matcher(file.path()).replaceFirst("")));
        if (models.size() > 1) {
            throw new HubException(model + " holds " + models.size() + " GGUF files, of which one is enough; choose it,"
                    + " for example with --include \"" + models.first() + "\"");
        }
        return gguf;
    }

    private static boolean isWeights(RemoteFile file) {
        return endsWith(file, List.of(".safetensors", ".gguf"))
                || PICKLED.matcher(file.path()).matches();
    }

    private static boolean foreign(RemoteFile file) {
        String folder = file.path().substring(0, file.path().indexOf('/'));
        return FOREIGN_FOLDERS.contains(folder.toLowerCase(Locale.ROOT)) || folder.startsWith("checkpoint-");
    }

    private static boolean endsWith(RemoteFile file, List<String> endings) {
        String name = file.name().toLowerCase(Locale.ROOT);
        return endings.stream().anyMatch(name::endsWith);
    }

    private static String some(List<RemoteFile> files) {
        if (files.isEmpty()) {
            return "no files";
        }
        List<String> names = files.stream().map(RemoteFile::path).limit(4).toList();
        return String.join(", ", names) + (files.size() > 4 ? " and " + (files.size() - 4) + " more" : "");
    }

    /** Bytes of files, each content once. */
    static long bytes(List<RemoteFile> files) {
        return files.stream().mapToLong(RemoteFile::size).sum();
    }
}
