package awq4j.quant.checkpoint;

import awq4j.format.Checkpoints;
import awq4j.format.Config;
import awq4j.format.awq.AwqPacking.Version;
import awq4j.quant.QuantScheme;
import awq4j.quant.Widths;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.stream.Stream;
import tools.jackson.databind.node.ObjectNode;

/** The files of a model folder beside its tensors: configuration, tokenizer, templates, licence. */
final class ModelFiles {
    /** What tokenizers, generation settings, chat templates and licences come as. */
    private static final List<String> COPIED =
            List.of(".json", ".model", "merges.txt", "vocab.txt", ".jinja", ".tiktoken", ".py");

    private static final Set<String> NOT_COPIED = Set.of(
            Checkpoints.CONFIG,
            QuantizationReport.FILE,
            "model.safetensors.index.json",
            "pytorch_model.bin.index.json",
            "quant_config.json",
            "quantize_config.json");

    private static final List<String> LICENCES = List.of("license", "licence", "notice", "use_policy", "copying");

    private ModelFiles() {}

    /**
     * Copies them all but config.json, which changes. Folders inside the model's are left alone. What a GGUF file has in
     * their place is written as files.
     */
    static void copy(Path from, Path to) {
        if (Checkpoints.isGguf(from)) {
            GgufModelFiles.write(from, to);
            return;
        }
        try (Stream<Path> entries = Files.list(from)) {
            for (Path entry : entries.sorted().toList()) {
                if (Files.isRegularFile(entry) && wanted(String.valueOf(entry.getFileName()))) {
                    WholeFile.write(to.resolve(entry.getFileName()), Files.readAllBytes(entry));
                }
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static boolean wanted(String name) {
        String lower = name.toLowerCase(Locale.ROOT);
        return !lower.startsWith(".")
                && !NOT_COPIED.contains(lower)
                && (COPIED.stream().anyMatch(lower::endsWith)
                        || LICENCES.stream().anyMatch(lower::startsWith));
    }

    /**
     * Writes config.json: the model's own, with the {@code quantization_config} that AutoAWQ writes.
     *
     * <p>Tensors that are not quantized are float16 whatever they were, as AutoAWQ leaves them and as the kernels of vLLM
     * and transformers want them, and the configuration says so. {@code zero_point} is always true: zeros are stored in
     * any case, for symmetric codes the middle one everywhere, and readers that take false at its word expect none.
     *
     * <p>Matrices of several widths are listed in {@code module_bits}, which only this project reads; {@code low_rank} is
     * the rank of matrices that run beside the linears, for whoever reads the file: what is stored says it, too.
     *
     * <p>Without codes there is no {@code quantization_config}: the folder is a plain one.
     *
     * @param notConverted tensor prefixes of linears that were left alone
     */
    static void writeConfig(Config model, Path folder, QuantizeSettings settings, List<String> notConverted) {
        Widths widths = settings.widths();
        ObjectNode config = ((ObjectNode) model.json()).deepCopy();
        putFloat16(config);
        QuantScheme scheme = widths.scheme();
        if (!settings.method().codes()) {
            WholeFile.writeJson(folder.resolve(Checkpoints.CONFIG), config);
            return;
        }
        putAwq(config, widths.version(), scheme.bits(), scheme.groupSize(), notConverted);
        if (widths.isMixed()) {
            ObjectNode own = ((ObjectNode) config.get("quantization_config")).putObject("module_bits");
            widths.bits().forEach(own::put);
        }
        if (settings.method().rank() > 0) {
            ((ObjectNode) config.get("quantization_config"))
                    .put("low_rank", settings.method().rank());
        }
        WholeFile.writeJson(folder.resolve(Checkpoints.CONFIG), config);
    }

    /** Says that tensors are float16. */
    static void putFloat16(ObjectNode config) {
        if (config.has("dtype")) {
            config.put("dtype", "float16");
        }
        if (config.has("torch_dtype") || !config.has("dtype")) {
            config.put("torch_dtype", "float16");
        }
    }

    /** Says how linears are packed. */
    static void putAwq(ObjectNode config, Version version, int bits, int groupSize, List<String> notConverted) {
        ObjectNode quantization = config.putObject("quantization_config");
        quantization.put("quant_method", "awq");
        quantization.put("zero_point", true);
        quantization.put("group_size", groupSize);
        quantization.put("bits", bits);
        quantization.put("version", version.label());
        if (notConverted.isEmpty()) {
            quantization.putNull("modules_to_not_convert");
        } else {
            notConverted.forEach(quantization.putArray("modules_to_not_convert")::add);
        }
    }
}
