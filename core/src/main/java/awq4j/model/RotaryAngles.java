package awq4j.model;

import java.util.List;

/**
 * Cosines and sines of rotary positions (Su et al., RoFormer), with the scalings that stretch the context.
 *
 * <p>Frequencies and angles are rounded to float32 where transformers rounds them, so that long positions agree too.
 */
final class RotaryAngles {
    private final Rotary rotary;
    private final int pairs;
    private final float attentionFactor;
    private final float[] fixed;

    /** Of sequences that are longer than the original context, where that makes a difference once and for all. */
    private final float[] beyond;

    RotaryAngles(Rotary rotary) {
        if (rotary.rotaryDim() < 2 || rotary.rotaryDim() % 2 != 0) {
            throw new IllegalArgumentException("rotary dimension must be even, was " + rotary.rotaryDim());
        }
        this.rotary = rotary;
        this.pairs = rotary.rotaryDim() / 2;
        this.attentionFactor = switch (rotary.scaling()) {
            case RopeScaling.Yarn yarn -> (float) yarn.attentionFactor();
            case RopeScaling.LongRope stretched -> (float) stretched.attentionFactor();
            default -> 1;
        };
        this.fixed = frequencies(0);
        this.beyond = rotary.scaling() instanceof RopeScaling.LongRope ? frequencies(Integer.MAX_VALUE) : fixed;
    }

    /** Pairs of values that turn together: columns of the tables. */
    int pairs() {
        return pairs;
    }

    /**
     * Fills row {@code row} of both tables.
     *
     * @param length of the whole sequence, as far as it is known: what dynamic scaling goes by
     */
    void fill(int position, int length, float[] cos, float[] sin, int row) {
        float[] frequencies = fixed;
        if (rotary.scaling() instanceof RopeScaling.DynamicNtk dynamic && length > dynamic.maxPositions()) {
            frequencies = frequencies(length);
        } else if (rotary.scaling() instanceof RopeScaling.LongRope stretched
                && length > stretched.originalPositions()) {
            frequencies = beyond;
        }
        int at = row * pairs;
        for (int i = 0; i < pairs; i++) {
            float angle = position * frequencies[i];
            cos[at + i] = (float) Math.cos(angle) * attentionFactor;
            sin[at + i] = (float) Math.sin(angle) * attentionFactor;
        }
    }

    /** Radians a position, by pair. */
    private float[] frequencies(int length) {
        float[] plain = plain(rotary.theta());
        return switch (rotary.scaling()) {
            case RopeScaling.Default ignored -> plain;
            case RopeScaling.LinearInterpolation linear -> divided(plain, linear.factor());
            case RopeScaling.DynamicNtk dynamic -> {
                if (length <= dynamic.maxPositions()) {
                    yield plain;
                }
                double stretch = dynamic.factor() * length / dynamic.maxPositions() - (dynamic.factor() - 1);
                int r = rotary.rotaryDim();
                yield plain(rotary.theta() * Math.pow(stretch, r / (r - 2.0)));
            }
            case RopeScaling.LongRope stretched ->
                divided(length > stretched.originalPositions() ? stretched.longFactors() : stretched.shortFactors());
            case RopeScaling.Llama3 llama3 -> llama3(plain, llama3);
            case RopeScaling.Yarn yarn -> yarn(plain, yarn);
        };
    }

    private float[] plain(double theta) {
        float[] out = new float[pairs];
        for (int i = 0; i < pairs; i++) {
            float exponent = 2f * i / rotary.rotaryDim();
            out[i] = 1f / (float) Math.pow(theta, exponent);
        }
        return out;
    }

    private static float[] divided(float[] frequencies, double factor) {
        float[] out = frequencies.clone();
        for (int i = 0; i < out.length; i++) {
            out[i] /= (float) factor;
        }
        return out;
    }

    /** Divided before they are inverted, as the reference rounds. */
    private float[] divided(List<Double> factors) {
        if (factors.size() != pairs) {
            throw new IllegalArgumentException(
                    "rotary dimension " + rotary.rotaryDim() + ": " + factors.size() + " factors, " + pairs + " pairs");
        }
        float[] out = new float[pairs];
        for (int i = 0; i < pairs; i++) {
            float power = (float) Math.pow(rotary.theta(), 2f * i / rotary.rotaryDim());
            out[i] = 1 / (factors.get(i).floatValue() * power);
        }
        return out;
    }

    private static float[] llama3(float[] plain, RopeScaling.Llama3 scaling) {
        double longest = scaling.originalPositions() / scaling.lowFrequencyFactor();
        double shortest = scaling.originalPositions() / scaling.highFrequencyFactor();
        float[] out = new float[plain.length];
        for (int i = 0; i < out.length; i++) {
            float wavelength = (float) (2 * Math.PI) / plain[i];
            if (wavelength > longest) {
                out[i] = plain[i] / (float) scaling.factor();
            } else if (wavelength < shortest) {
                out[i] = plain[i];
            } else {
                float smooth = (float) ((scaling.originalPositions() / wavelength - scaling.lowFrequencyFactor())
                        / (scaling.highFrequencyFactor() - scaling.lowFrequencyFactor()));
                out[i] = (1 - smooth) * plain[i] / (float) scaling.factor() + smooth * plain[i];
            }
        }
        return out;
    }

    private float[] yarn(float[] plain, RopeScaling.Yarn scaling) {
        int r = rotary.rotaryDim();
        double low = Math.max(0, Math.floor(turning(scaling.betaFast(), scaling.originalPositions())));
        double high = Math.min(r - 1, Math.ceil(turning(scaling.betaSlow(), scaling.originalPositions())));
        if (low == high) {
            high += 0.001; // as in the reference: keeps the ramp finite
        }
        float[] out = new float[plain.length];
        for (int i = 0; i < out.length; i++) {
            float ramp = (float) Math.clamp((i - low) / (high - low), 0.0, 1.0);
            float interpolated = plain[i] / (float) scaling.factor();
            out[i] = interpolated * ramp + plain[i] * (1 - ramp);
        }
        return out;
    }

    /** The dimension that makes {@code rotations} full turns over the original context. */
    private double turning(double rotations, int originalPositions) {
        return rotary.rotaryDim()
                * Math.log(originalPositions / (rotations * 2 * Math.PI))
                / (2 * Math.log(rotary.theta()));
    }
}
