package awq4j.format;

import awq4j.format.Checkpoint.Quantization;
import awq4j.format.awq.AwqLinears;
import awq4j.format.awq.AwqPacking;
import awq4j.format.compressed.CompressedLinears;
import awq4j.format.compressed.CompressedLinears.Scheme;
import awq4j.format.gptq.GptqLinears;
import awq4j.format.gptq.GptqPacking;
import awq4j.format.tinychat.BlockOrder;
import awq4j.format.tinychat.EngineLinears;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/** The {@code quantization_config} of a checkpoint, in config.json or in a file of its own, and the packing it asks for. */
record QuantizationConfig(Quantization stated, LinearPacking packing) {
    /** Where older tools put it. */
    private static final List<String> FILES = List.of("quant_config.json", "quantize_config.json");

    /** What only GPTQ's configurations have; old ones do not name their method. */
    private static final List<String> GPTQ_KEYS = List.of("desc_act", "sym", "checkpoint_format", "damp_percent");

    static Optional<QuantizationConfig> of(Path folder, Config config) {
        Optional<Config> section = config.section("quantization_config")
                .or(() -> config.section("compression_config")); // what compressed-tensors was called at first
        if (section.isPresent()) {
            return section.map(QuantizationConfig::parse);
        }
        return FILES.stream()
                .map(folder::resolve)
                .filter(Files::isRegularFile)
                .findFirst()
                .map(file -> parse(Config.read(file)));
    }

    private static QuantizationConfig parse(Config section) {
        String method = section.text("quant_method", GPTQ_KEYS.stream().anyMatch(section::has) ? "gptq" : "awq");
        return switch (method) {
            case "awq" -> awq(section);
            case "gptq" -> gptq(section);
            case "compressed-tensors" -> compressed(section);
            case EngineLinears.METHOD -> engine(section);
            default ->
                throw unsupported(
                        section,
                        "quant_method \"" + method + "\" is not supported; supported: awq, gptq, compressed-tensors, "
                                + EngineLinears.METHOD);
        };
    }

    private static QuantizationConfig awq(Config section) {
        int bits = section.has("bits") ? section.integer("bits") : section.integer("w_bit");
        if (bits < 2 || bits > 8) {
            throw new UnsupportedModelException(
                    "bits " + bits + " in " + section.file().getFileName() + " is not supported; supported: 2 to 8");
        }
        int groupSize = groupSize(section, section.has("group_size") ? "group_size" : "q_group_size", 128);
        var version = AwqPacking.Version.of(
                section.has("version") ? section.text("version") : section.text("format", "gemm"));
        if (!version.holds(bits)) {
            throw unsupported(
                    section,
                    "AWQ version " + version.label() + " holds " + version.widths() + ", found " + bits
                            + "; other widths are read from version " + AwqPacking.Version.DENSE.label());
        }
        return new QuantizationConfig(
                new Quantization(
                        "awq",
                        bits,
                        groupSize,
                        !section.flag("zero_point", true),
                        version.label(),
                        section.texts("modules_to_not_convert")),
                new AwqLinears(version, bits, groupSize, moduleBits(section, version)));
    }

    /** Linears of widths of their own, by tensor prefix; what {@code awq4j quantize --bits auto} writes. */
    private static Map<String, Integer> moduleBits(Config section, AwqPacking.Version version) {
        var bits = new TreeMap<String, Integer>();
        section.section("module_bits")
                .ifPresent(own -> own.json().propertyNames().forEach(name -> {
                    int width = own.integer(name);
                    if (!version.holds(width)) {
                        throw unsupported(
                                section,
                                "module_bits: AWQ version " + version.label() + " holds " + version.widths()
                                        + ", found " + width + " for " + name);
                    }
                    bits.put(name, width);
                }));
        return bits;
    }

    private static QuantizationConfig gptq(Config section) {
        int bits = section.integer("bits");
        if (!GptqPacking.WIDTHS.contains(bits)) {
            throw unsupported(section, "GPTQ bits " + bits + " are not supported; supported: 2, 3, 4 and 8");
        }
        int groupSize = groupSize(section, "group_size", -1);
        if (section.flag("is_marlin_format", false)) {
            throw unsupported(
                    section,
                    "weights are repacked for the Marlin kernels of CUDA; supported: checkpoint_format gptq, gptq_v2");
        }
        var version = GptqPacking.Version.of(
                section.has("checkpoint_format") ? section.text("checkpoint_format") : section.text("format", "gptq"));
        return new QuantizationConfig(
                new Quantization(
                        "gptq",
                        bits,
                        groupSize,
                        section.flag("sym", true),
                        version.label(),
                        section.texts("modules_to_not_convert")),
                new GptqLinears(version, bits, groupSize));
    }

    private static QuantizationConfig engine(Config section) {
        String version = section.text("version");
        return BlockOrder.of(version)
                .map(order -> engine(new EngineLinears(order)))
                .orElseThrow(() -> unsupported(
                        section,
                        "TinyChatEngine's order \"" + MalformedFileException.shown(version)
                                + "\" is not supported; supported: QM_x86, QM_ARM, QM_METAL"));
    }

    static QuantizationConfig engine(EngineLinears linears) {
        return new QuantizationConfig(
                new Quantization(
                        EngineLinears.METHOD,
                        BlockOrder.LAYOUT.bits(),
                        BlockOrder.LAYOUT.groupSize(),
                        true,
                        linears.order().label(),
                        List.of()),
                linears);
    }

    private static QuantizationConfig compressed(Config section) {
        requireFormat(section, section.text("format", "pack-quantized"));
        if (section.section("transform_config")
                .flatMap(config -> config.section("config_groups"))
                .filter(groups -> !groups.json().isEmpty())
                .isPresent()) {
            throw unsupported(section, "transform_config: weights that were rotated are not supported");
        }
        section.section("sparsity_config").ifPresent(sparsity -> {
            String format = sparsity.text("format", "dense");
            if (!format.equals("dense")) {
                throw unsupported(section, "sparsity_config of format \"" + format + "\" is not supported");
            }
        });
        Config groups = section.section("config_groups")
                .orElseThrow(() ->
                        new MalformedFileException(section.file(), -1, "has no \"quantization_config.config_groups\""));
        var schemes = new ArrayList<Scheme>();
        for (String name : groups.json().propertyNames()) {
            schemes.add(scheme(section, groups, name));
        }
        if (schemes.isEmpty()) {
            throw new MalformedFileException(section.file(), -1, "\"config_groups\" names no scheme");
        }
        Scheme first = schemes.getFirst();
        var packing = new CompressedLinears(schemes);
        return new QuantizationConfig(
                new Quantization(
                        "compressed-tensors",
                        first.bits(),
                        first.groupSize(),
                        first.symmetric(),
                        packing.label(),
                        section.texts("ignore")),
                packing);
    }

    private static Scheme scheme(Config section, Config groups, String name) {
        Config group = groups.section(name)
                .orElseThrow(() -> new MalformedFileException(
                        section.file(), -1, "\"config_groups." + name + "\" should be an object, is null"));
        requireFormat(section, group.text("format", "pack-quantized"));
        if (group.has("input_activations")) {
            throw unsupported(
                    section,
                    "config_groups." + name + " quantizes activations, too; supported: weights of 4 or 8 bits alone");
        }
        Config weights = group.section("weights")
                .orElseThrow(() -> new MalformedFileException(
                        section.file(), -1, "has no \"config_groups." + name + ".weights\""));
        int bits = weights.integer("num_bits");
        String type = weights.text("type", "int");
        if (!type.equals("int") || (bits != 4 && bits != 8)) {
            throw unsupported(
                    section,
                    "config_groups." + name + ": weights of " + bits + " bits, type \"" + type
                            + "\", are not supported; supported: 4 or 8 bits, type \"int\"");
        }
        String strategy = weights.text("strategy", weights.has("group_size") ? "group" : "channel");
        int groupSize = switch (strategy) {
            case "group" -> groupSize(weights, "group_size", 128);
            case "channel" -> -1;
            default ->
                throw unsupported(
                        section,
                        "config_groups." + name + ": strategy \"" + strategy
                                + "\" is not supported; supported: group, channel");
        };
        return new Scheme(bits, groupSize, weights.flag("symmetric", true));
    }

    private static void requireFormat(Config section, String format) {
        if (!format.equals("pack-quantized")) {
            throw unsupported(
                    section,
                    "compressed-tensors format \"" + format + "\" is not supported; supported: pack-quantized");
        }
    }

    private static int groupSize(Config section, String key, int otherwise) {
        int groupSize = section.integer(key, otherwise);
        if (groupSize != -1 && groupSize < 1) {
            throw new MalformedFileException(
                    section.file(), -1, "group_size should be positive or -1, is " + groupSize);
        }
        return groupSize;
    }

    private static UnsupportedModelException unsupported(Config section, String message) {
        return new UnsupportedModelException(section.file().getFileName() + ": " + message);
    }
}
