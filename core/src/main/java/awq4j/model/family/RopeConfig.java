package awq4j.model.family;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.model.RopeScaling;
import awq4j.model.Rotary;
import java.util.List;
import java.util.Optional;

/**
 * Reads rotary settings: {@code rope_theta} with {@code rope_scaling}, as files on the hub have them, or
 * {@code rope_parameters}, as transformers 5 writes them.
 */
final class RopeConfig {
    private RopeConfig() {}

    /** Under which keys a family states its base and the part of a head that rotates, where not in rope_parameters. */
    private record Keys(String theta, double defaultTheta, String part, double defaultPart) {}

    /** @param headDim values a head; all of them rotate unless {@code partial_rotary_factor} says less */
    static Rotary read(Config config, int headDim, double defaultTheta) {
        return read(
                config,
                config.section("rope_parameters"),
                headDim,
                new Keys("rope_theta", defaultTheta, "partial_rotary_factor", 1));
    }

    /** The same for a family with other keys for base and part. */
    static Rotary read(Config config, int headDim, String theta, double defaultTheta, String part, double defaultPart) {
        return read(
                config, config.section("rope_parameters"), headDim, new Keys(theta, defaultTheta, part, defaultPart));
    }

    /** Of the layers of one type, which have parameters of their own in newer files. */
    static Rotary ofLayers(Config config, String type, int headDim, double defaultTheta) {
        Optional<Config> parameters = config.section("rope_parameters");
        return read(
                config,
                parameters.flatMap(all -> all.section(type)).or(() -> parameters),
                headDim,
                new Keys("rope_theta", defaultTheta, "partial_rotary_factor", 1));
    }

    /** Unscaled, with the base at a key of its own. */
    static Rotary plain(Config config, String theta, int headDim, double defaultTheta) {
        return checked(config, config.number(theta, defaultTheta), 1, headDim, new RopeScaling.Default());
    }

    private static Rotary read(Config config, Optional<Config> parameters, int headDim, Keys keys) {
        double theta = config.number(keys.theta(), keys.defaultTheta());
        double part = config.number(keys.part(), keys.defaultPart());
        if (parameters.isPresent()) {
            theta = parameters.get().number("rope_theta", theta);
            part = parameters.get().number("partial_rotary_factor", part);
        }
        RopeScaling scaling = parameters
                .or(() -> config.section("rope_scaling"))
                .map(stated -> scaling(config, stated))
                .orElse(new RopeScaling.Default());
        return checked(config, theta, part, headDim, scaling);
    }

    private static Rotary checked(Config config, double theta, double part, int headDim, RopeScaling scaling) {
        int rotaryDim = (int) (headDim * part);
        if (!(theta > 0) || !(part > 0 && part <= 1) || rotaryDim < 2 || rotaryDim % 2 != 0) {
            throw new MalformedFileException(
                    config.file(),
                    -1,
                    "rotary positions need a positive theta and an even part of each head, found theta " + theta
                            + " and " + rotaryDim + " of " + headDim + " values");
        }
        if (scaling instanceof RopeScaling.LongRope stretched
                && (stretched.shortFactors().size() != rotaryDim / 2
                        || stretched.longFactors().size() != rotaryDim / 2)) {
            throw new MalformedFileException(
                    config.file(),
                    -1,
                    "longrope needs " + rotaryDim / 2 + " factors of each kind, found "
                            + stretched.shortFactors().size() + " short and "
                            + stretched.longFactors().size() + " long ones");
        }
        return new Rotary(theta, rotaryDim, scaling);
    }

    private static RopeScaling scaling(Config config, Config scaling) {
        if (scaling.number("factor", 1) <= 0) {
            throw new MalformedFileException(
                    config.file(), -1, "rotary factor should be positive, is " + scaling.number("factor"));
        }
        // "rope_type" is the newer key; where both stand they agree
        String type = scaling.has("rope_type") ? scaling.text("rope_type") : scaling.text("type", "default");
        return switch (type) {
            case "default" -> new RopeScaling.Default();
            case "linear" -> new RopeScaling.LinearInterpolation(scaling.number("factor"));
            case "dynamic" ->
                new RopeScaling.DynamicNtk(scaling.number("factor"), config.positive("max_position_embeddings"));
            case "llama3" ->
                new RopeScaling.Llama3(
                        scaling.number("factor"),
                        scaling.number("low_freq_factor"),
                        scaling.number("high_freq_factor"),
                        original(config, scaling));
            case "yarn" -> yarn(config, scaling);
            case "longrope", "su" -> longRope(config, scaling);
            default ->
                throw new UnsupportedModelException(
                        "rope type \"" + type + "\" in " + config.file().getFileName()
                                + " is not supported; supported: default, linear, dynamic, llama3, yarn, longrope");
        };
    }

    private static RopeScaling longRope(Config config, Config scaling) {
        int original = original(config, scaling);
        double factor = (double) config.positive("max_position_embeddings", Bounds.POSITIONS) / original;
        double attention = scaling.number(
                "attention_factor", factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(original)));
        return new RopeScaling.LongRope(
                factors(config, scaling, "short_factor"), factors(config, scaling, "long_factor"), original, attention);
    }

    private static List<Double> factors(Config config, Config scaling, String key) {
        List<Double> factors = scaling.numbers(key);
        if (!factors.stream().allMatch(factor -> factor > 0 && factor < Double.POSITIVE_INFINITY)) {
            throw new MalformedFileException(config.file(), -1, key + ": rotary factors should be positive");
        }
        return factors;
    }

    private static RopeScaling yarn(Config config, Config scaling) {
        int original = original(config, scaling);
        double factor = scaling.has("factor")
                ? scaling.number("factor")
                : config.positive("max_position_embeddings") / (double) original;
        double attention;
        if (scaling.has("attention_factor")) {
            attention = scaling.number("attention_factor");
        } else if (scaling.number("mscale", 0) != 0 && scaling.number("mscale_all_dim", 0) != 0) {
            attention =
                    magnitude(factor, scaling.number("mscale")) / magnitude(factor, scaling.number("mscale_all_dim"));
        } else {
            attention = magnitude(factor, 1);
        }
        return new RopeScaling.Yarn(
                factor, scaling.number("beta_fast", 32), scaling.number("beta_slow", 1), original, attention);
    }

    private static double magnitude(double factor, double scale) {
        return factor <= 1 ? 1 : 0.1 * scale * Math.log(factor) + 1;
    }

    private static int original(Config config, Config scaling) {
        int stated = scaling.integer(
                "original_max_position_embeddings",
                config.integer("original_max_position_embeddings", config.integer("max_position_embeddings", 2048)));
        if (stated < 1) {
            throw new MalformedFileException(
                    config.file(), -1, "\"original_max_position_embeddings\" should be positive, is " + stated);
        }
        return stated;
    }
}
