package awq4j.cli;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoint.Quantization;
import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.GgufCheckpoint;
import awq4j.model.ModelSpec;
import awq4j.model.TensorCheck;
import awq4j.model.family.Families;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * What can be known about a model without reading its weights.
 *
 * @param path the folder, or a single file of tensors
 * @param config empty for a single file
 * @param model empty if the family is not known or its configuration cannot be used
 * @param obstacle why the model cannot be run, if it cannot
 * @param quantization empty for a plain model
 * @param linears empty without a model
 * @param parameters numbers of the model, as far as tensors alone tell
 * @param tokenizer what is known about the tokenizer
 * @param warnings one sentence each
 */
record Inspection(
        Path path,
        Optional<Config> config,
        Optional<ModelSpec> model,
        Optional<String> obstacle,
        Optional<Quantization> quantization,
        Optional<LinearFacts> linears,
        StoredTensors stored,
        long parameters,
        TokenizerFacts tokenizer,
        List<String> warnings) {
    /** As many faults are listed beside the first, and as many names in one. */
    private static final int LISTED = 5;

    private static final int NAMED = 3;

    /**
     * Looks at a model folder, at a GGUF file, at one of PyTorch that has its configuration beside it, or at a single safetensors file that belongs to no folder.
     *
     * @throws Refusal if it is none of these
     * @throws MalformedFileException if a file is damaged
     * @throws UnsupportedModelException if the folder's weights are of another format
     */
    static Inspection of(Path argument) throws IOException {
        if (Files.isRegularFile(argument)
                && argument.toString().endsWith(".safetensors")
                && !Files.exists(argument.resolveSibling(Checkpoints.CONFIG))) {
            return ofFile(argument, "a file of tensors alone, without config.json, says nothing about its model");
        }
        Path model = ModelFolder.of(argument);
        if (Checkpoints.isGguf(model)) {
            return ofGguf(model);
        }
        Path folder = Checkpoints.folder(model);
        Config config = Config.read(folder.resolve(Checkpoints.CONFIG));
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            return of(model, config, checkpoint);
        } catch (UnsupportedModelException e) {
            if (!Checkpoints.hasTensors(model)) {
                throw e;
            }
            var stored = StoredTensors.of(model);
            return new Inspection(
                    model,
                    Optional.of(config),
                    Optional.empty(),
                    Optional.ofNullable(e.getMessage()),
                    Optional.empty(),
                    Optional.empty(),
                    stored,
                    stored.parameters(),
                    TokenizerFacts.of(folder),
                    FolderOddities.of(folder, config, stored));
        }
    }

    private static Inspection ofGguf(Path file) throws IOException {
        try (GgufCheckpoint checkpoint = GgufCheckpoint.open(file)) {
            return of(file, checkpoint.config(), checkpoint);
        } catch (UnsupportedModelException e) {
            return ofFile(file, String.valueOf(e.getMessage())); // throws the same if the container is what is not read
        }
    }

    private static Inspection ofFile(Path file, String obstacle) throws IOException {
        var stored = StoredTensors.ofFile(file);
        return new Inspection(
                file,
                Optional.empty(),
                Optional.empty(),
                Optional.of(obstacle),
                Optional.empty(),
                Optional.empty(),
                stored,
                stored.parameters(),
                TokenizerFacts.NONE,
                List.of());
    }

    private static Inspection of(Path place, Config config, Checkpoint checkpoint) throws IOException {
        Path folder = Checkpoints.folder(place);
        ModelSpec model = null;
        String obstacle = null;
        try {
            model = Families.spec(checkpoint);
        } catch (UnsupportedModelException | MalformedFileException e) {
            obstacle = e.getMessage();
        }
        var stored = StoredTensors.of(place);
        var tokenizer = TokenizerFacts.of(folder);
        var warnings = new ArrayList<>(FolderOddities.of(folder, config, stored));
        warnings.addAll(tokenizer.obstacles());
        if (model != null) {
            TensorCheck check = TensorCheck.of(model, checkpoint);
            if (!check.faults().isEmpty()) {
                obstacle = "tensors and config.json disagree: " + check.faults().getFirst()
                        + (check.faults().size() == 1
                                ? ""
                                : "; " + (check.faults().size() - 1) + " more");
                check.faults().stream().skip(1).limit(LISTED).forEach(warnings::add);
            }
            List<String> unused = check.unused().stream()
                    .filter(name -> !name.endsWith("rotary_emb.inv_freq")) // older files store what everyone computes
                    .toList();
            if (!unused.isEmpty()) {
                warnings.add("not used by the model: " + some(unused, "tensors"));
            }
            warnings.addAll(tokenizer.oddities(model));
        }
        if (checkpoint instanceof GgufCheckpoint gguf && obstacle == null) {
            obstacle = gguf.unreadable().orElse(null);
        }
        if (checkpoint.quantization().isPresent()
                && !(checkpoint instanceof GgufCheckpoint)
                && checkpoint.packed().isEmpty()
                && checkpoint.names().stream().noneMatch(name -> checkpoint.hasPacked(StoredTensors.prefix(name)))) {
            warnings.add("config.json states a quantization, but no linear is packed");
        }
        return new Inspection(
                place,
                Optional.of(config),
                Optional.ofNullable(model),
                Optional.ofNullable(obstacle),
                checkpoint.quantization(),
                model == null ? Optional.empty() : Optional.of(LinearFacts.of(model, checkpoint)),
                stored,
                stored.parameters(checkpoint),
                tokenizer,
                warnings);
    }

    /** The first names of a list, and how many more there are. */
    static String some(List<String> names, String kind) {
        return String.join(", ", names.subList(0, Math.min(NAMED, names.size())))
                + (names.size() > NAMED ? " and " + (names.size() - NAMED) + " more " + kind : "");
    }

    /** The class that the model was made with, as config.json names it. */
    Optional<String> architecture() {
        return config.filter(file -> file.json().path("architectures").path(0).isString())
                .map(file -> file.json().path("architectures").path(0).asString());
    }

    /** The element type that config.json states. */
    Optional<String> statedType() {
        return config.map(file -> file.json().path(file.has("dtype") ? "dtype" : "torch_dtype"))
                .filter(tools.jackson.databind.JsonNode::isString)
                .map(tools.jackson.databind.JsonNode::asString);
    }
}
