package awq4j.cli;

import awq4j.cli.hub.HubCache;
import awq4j.cli.hub.HubSettings;
import awq4j.cli.hub.ModelName;
import awq4j.format.Checkpoints;
import awq4j.format.tinychat.EngineFolder;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Finds the model that a command was given, and says what is wrong with an argument that is none. */
final class ModelFolder {
    private static final List<String> OTHER_FORMATS = List.of(".ggml", ".onnx", ".ckpt");

    private static final Pattern FILE =
            Pattern.compile("\\.(gguf|safetensors|bin|pt|pth|json)$", Pattern.CASE_INSENSITIVE);

    private ModelFolder() {}

    /**
     * The folder that holds {@code config.json}, or the GGUF file that is a model by itself, or the file of PyTorch that
     * has {@code config.json} beside it.
     *
     * @param argument as typed: a folder, or a file of it ({@code config.json}, {@code *.safetensors}), or a GGUF file, or
     *     one of PyTorch, or the hub's name of a model that was downloaded, {@code ORG/MODEL} or {@code ORG/MODEL@REVISION}
     * @throws Refusal if there is no model, with a hint at what there is
     */
    static Path of(Path argument) {
        return of(argument, HubSettings.cacheOfProcess());
    }

    /** The same with a cache of one's own. */
    static Path of(Path argument, HubCache cache) {
        if (Files.isDirectory(argument)) {
            return checked(argument);
        }
        String name = String.valueOf(argument.getFileName()).toLowerCase(Locale.ROOT);
        if (Checkpoints.isGguf(argument)) {
            return argument;
        }
        if (Files.isRegularFile(argument)) {
            for (String ending : OTHER_FORMATS) {
                if (name.endsWith(ending)) {
                    throw new Refusal(argument + " is a " + ending + " file, which is not supported yet; give a folder"
                            + " with config.json, *.safetensors and tokenizer.json");
                }
            }
            Path parent = argument.toAbsolutePath().getParent();
            if (Checkpoints.isPickle(argument)) {
                return checkedFile(argument);
            }
            if (parent != null && (name.endsWith(".safetensors") || name.endsWith(".json"))) {
                return checked(parent);
            }
            throw new Refusal(
                    argument
                            + " is a file, expected a model folder (config.json, *.safetensors, tokenizer.json) or a .gguf file");
        }
        Optional<ModelName> hub = ModelName.parse(argument.toString().replace('\\', '/'));
        Optional<Path> downloaded = hub.flatMap(cache::find);
        if (hub.isPresent() && downloaded.isPresent()) {
            return whole(hub.get(), downloaded.get());
        }
        if (hub.isPresent() && argument.getNameCount() == 2 && !Files.exists(argument.getName(0))) {
            throw new Refusal(notThere(hub.get(), cache));
        }
        String kind = FILE.matcher(argument.toString()).find() ? "file " : "folder ";
        throw new Refusal("there is no " + kind + argument + nearby(argument));
    }

    /** What to call a model: its name at the hub, or that of its folder. */
    static String name(Path folder) {
        return HubCache.idOf(folder)
                .orElseGet(
                        () -> String.valueOf(folder.toAbsolutePath().normalize().getFileName()));
    }

    /** Whether a folder of the cache has all that a model needs. */
    static boolean isWhole(Path snapshot) {
        return HubCache.missing(snapshot).isEmpty();
    }

    private static Path whole(ModelName name, Path snapshot) {
        HubCache.missing(snapshot).ifPresent(missing -> {
            if (HubCache.isKnownAbsent(snapshot, missing)) {
                throw new Refusal(name + " has no " + missing + " at its hub, as Python's library noted in the cache"
                        + " (.no_exist); it holds no model that can be opened");
            }
            throw new Refusal(name + " is in the cache without " + missing + ", as an interrupted download leaves it;"
                    + " awq4j pull " + name + " completes it");
        });
        return HubCache.gguf(snapshot).map(ModelFolder::of).orElseGet(() -> checked(snapshot));
    }

    private static String notThere(ModelName name, HubCache cache) {
        List<String> others = cache.revisions(name);
        return "there is no folder " + name + ", and no such model in the cache " + cache.folder()
                + (others.isEmpty() ? "" : " (only its " + String.join(", ", others) + ")")
                + "; if that is its name on the Hugging Face hub, awq4j pull " + name + " downloads it";
    }

    private static Path checkedFile(Path file) {
        Path config = Checkpoints.folder(file).resolve(Checkpoints.CONFIG);
        if (!Files.isRegularFile(config)) {
            throw new Refusal(file + " holds weights only: put the model's config.json and tokenizer beside it");
        }
        return file;
    }

    private static Path checked(Path folder) {
        if (Files.isRegularFile(folder.resolve("config.json"))) {
            return folder;
        }
        Path located = Checkpoints.located(folder);
        if (!located.equals(folder)) {
            return located;
        }
        if (EngineFolder.present(folder)) {
            throw new Refusal(folder + " " + EngineFolder.WITHOUT_CONFIG);
        }
        if (HubCache.hasWeights(folder)) {
            throw new Refusal(folder + " holds weights only: put the model's config.json and tokenizer beside them");
        }
        String found = folderBelow(folder);
        throw new Refusal(folder + " is not a model folder: it has no config.json and no .gguf file"
                + (found.isEmpty() ? "" : "; did you mean " + found + "?"));
    }

    /** The first folder below, at most three levels down, that holds a model; a hub cache nests that deep. */
    private static String folderBelow(Path folder) {
        try (Stream<Path> below =
                Files.find(folder, 4, (path, attributes) -> "config.json".equals(String.valueOf(path.getFileName())))) {
            return below.limit(1000)
                    .sorted()
                    .findFirst()
                    .map(path -> String.valueOf(path.getParent()))
                    .orElse("");
        } catch (IOException | UncheckedIOException e) {
            return ""; // only a hint: what cannot be read cannot be suggested
        }
    }

    private static String nearby(Path missing) {
        Path parent = missing.toAbsolutePath().normalize().getParent();
        Path name = missing.getFileName();
        if (parent == null || name == null || !Files.isDirectory(parent)) {
            return "";
        }
        try (Stream<Path> siblings = Files.list(parent)) {
            return siblings.filter(Files::isDirectory)
                    .map(path -> String.valueOf(path.getFileName()))
                    .filter(other -> Spelling.distance(other, name.toString())
                            <= Math.max(other.length() / 4, Math.min(2, other.length() / 2)))
                    .sorted()
                    .findFirst()
                    .map(other -> "; did you mean " + missing.resolveSibling(other) + "?")
                    .orElse("");
        } catch (IOException | UncheckedIOException e) {
            return "";
        }
    }
}
