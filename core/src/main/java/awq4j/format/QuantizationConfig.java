package awq4j.format;

import awq4j.format.Checkpoint.Quantization;
import awq4j.format.awq.AwqPacking;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;

/** The {@code quantization_config} of an AWQ checkpoint, in config.json or in a file of its own. */
final class QuantizationConfig {
    /** Where older tools put it. */
    private static final List<String> FILES = List.of("quant_config.json", "quantize_config.json");

    private QuantizationConfig() {}

    static Optional<Quantization> of(Path folder, Config config) {
        Optional<Config> section = config.section("quantization_config");
        if (section.isPresent()) {
            return section.map(QuantizationConfig::parse);
        }
        return FILES.stream()
                .map(folder::resolve)
                .filter(Files::isRegularFile)
                .findFirst()
                .map(file -> parse(Config.read(file)));
    }

    private static Quantization parse(Config section) {
        String method = section.text("quant_method", "awq");
        if (!method.equals("awq")) {
            throw new UnsupportedModelException(section.file().getFileName() + ": quant_method \"" + method
                    + "\" is not supported; supported: awq");
        }
        int bits = section.has("bits") ? section.integer("bits") : section.integer("w_bit");
        if (bits < 2 || bits > 8) {
            throw new UnsupportedModelException(
                    "bits " + bits + " in " + section.file().getFileName() + " is not supported; supported: 2 to 8");
        }
        int groupSize =
                section.has("group_size") ? section.integer("group_size") : section.integer("q_group_size", 128);
        if (groupSize != -1 && groupSize < 1) {
            throw new MalformedFileException(
                    section.file(), -1, "group_size should be positive or -1, is " + groupSize);
        }
        var version = AwqPacking.Version.of(
                section.has("version") ? section.text("version") : section.text("format", "gemm"));
        if (version == AwqPacking.Version.GEMM && bits != 4) {
            throw new UnsupportedModelException(section.file().getFileName() + ": AWQ version gemm holds 4 bits, found "
                    + bits + "; other widths are read from version " + AwqPacking.Version.DENSE.label());
        }
        return new Quantization(
                method,
                bits,
                groupSize,
                !section.flag("zero_point", true),
                version.label(),
                section.texts("modules_to_not_convert"));
    }
}
