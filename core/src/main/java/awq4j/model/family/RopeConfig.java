package awq4j.model.family;

import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.model.RopeScaling;
import awq4j.model.Rotary;

/**
 * Reads rotary settings: {@code rope_theta} with {@code rope_scaling}, as files on the hub have them, or
 * {@code rope_parameters}, as transformers 5 writes them.
 */
final class RopeConfig {
    private RopeConfig() {}

    /** @param headDim values a head; all of them rotate unless {@code partial_rotary_factor} says less */
    static Rotary read(Config config, int headDim, double defaultTheta) {
        Config parameters = config.section("rope_parameters").orElse(null);
        double theta = parameters == null
                ? config.number("rope_theta", defaultTheta)
                : parameters.number("rope_theta", config.number("rope_theta", defaultTheta));
        double partial = parameters == null
                ? config.number("partial_rotary_factor", 1)
                : parameters.number("partial_rotary_factor", config.number("partial_rotary_factor", 1));
        int rotaryDim = (int) (headDim * partial);
        if (!(theta > 0) || !(partial > 0 && partial <= 1) || rotaryDim < 2 || rotaryDim % 2 != 0) {
            throw new MalformedFileException(
                    config.file(),
                    -1,
                    "rotary positions need a positive theta and an even part of each head, found theta " + theta
                            + " and " + rotaryDim + " of " + headDim + " values");
        }
        Config scaling = parameters == null ? config.section("rope_scaling").orElse(null) : parameters;
        return new Rotary(theta, rotaryDim, scaling == null ? new RopeScaling.Default() : scaling(config, scaling));
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
            default ->
                throw new UnsupportedModelException(
                        "rope type \"" + type + "\" in " + config.file().getFileName()
                                + " is not supported; supported: default, linear, dynamic, llama3, yarn");
        };
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
        return scaling.integer(
                "original_max_position_embeddings",
                config.integer("original_max_position_embeddings", config.integer("max_position_embeddings", 2048)));
    }
}
