package awq4j.quant;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.format.safetensors.SafetensorsFile;
import awq4j.quant.QuantScheme.Range;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Random;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;

class QuantizerTest {
    private static final Pattern CASE = Pattern.compile("(f32|f16|bf16)\\.(asym|sym)\\.w(\\d)g(-?\\d+)\\.dq");

    @Test
    void everyBitIsTheReferences() {
        try (var file = SafetensorsFile.open(Golden.path("quantization/unit/pseudo_quantize.safetensors"))) {
            List<String> cases = file.names().stream()
                    .filter(name -> CASE.matcher(name).matches())
                    .sorted()
                    .toList();
            assertThat(cases).hasSize(30);
            for (String name : cases) {
                Matcher matcher = CASE.matcher(name);
                assertThat(matcher.matches()).isTrue();
                DType type = DType.valueOf(
                        matcher.group(1).equals("bf16")
                                ? "BF16"
                                : "F" + matcher.group(1).substring(1));
                var scheme = new QuantScheme(
                        Integer.parseInt(matcher.group(3)),
                        Integer.parseInt(matcher.group(4)),
                        matcher.group(2).equals("sym"),
                        Range.REFERENCE);
                check(file, name.substring(0, name.length() - 3), scheme, type);
            }
        }
    }

    private static void check(SafetensorsFile file, String name, QuantScheme scheme, DType type) {
        float[] values = file.tensor("W").as(type).toFloats();
        int rows = (int) file.shape("W").dim(0);
        int columns = (int) file.shape("W").dim(1);
        var quantizer = new Quantizer(scheme, type, type);
        float[] out = new float[values.length];
        quantizer.round(rows, columns, values, out);
        Golden.assertEqual(out, file.tensor(name + ".dq").toFloats(), name);

        Weight weight = quantizer.quantize("w", rows, columns, values, null);
        assertThat(scales(weight))
                .as(name)
                .containsExactly(file.tensor(name + ".scale").toFloats());
        if (!scheme.symmetric()) {
            assertThat(zeros(weight)).as(name).containsExactly(bytes(file, name + ".zero"));
        }
        float[] decoded = WeightCodec.decode(weight);
        for (int i = 0; i < decoded.length; i++) {
            assertThat(FloatFormats.round(decoded[i], type))
                    .as("%s at %d", name, i)
                    .isEqualTo(out[i]);
        }
    }

    /** The idea of AWQ in one weight: an example that docs/how-awq-works.md tells. */
    @Test
    void scalingBeforeRoundingBringsAWeightNearer() {
        double step = 0.1;
        double weight = 0.24;
        double plain = Math.rint(weight / step) * step;
        double scaled = Math.rint(2 * weight / step) * step / 2;
        assertThat(plain).isCloseTo(0.2, within(1e-12));
        assertThat(Math.abs(plain - weight)).isCloseTo(0.04, within(1e-12));
        assertThat(scaled).isCloseTo(0.25, within(1e-12));
        assertThat(Math.abs(scaled - weight)).isCloseTo(0.01, within(1e-12));
    }

    /** The same example through the quantizer: the group's other weights set the step, 0.1, and are the same for both. */
    @Test
    void scalingOneOfTwoWeightsBringsItNearer() {
        var quantizer = new Quantizer(new QuantScheme(4, 3, false, Range.REFERENCE), DType.F32, DType.F32);
        float[] plain = {0.24f, -0.5f, 1f};
        float[] scaled = {0.48f, -0.5f, 1f};
        quantizer.round(1, 3, plain, plain);
        quantizer.round(1, 3, scaled, scaled);
        assertThat(plain[0]).isCloseTo(0.2f, within(1e-6f));
        assertThat(scaled[0] / 2).isCloseTo(0.25f, within(1e-6f));
        assertThat(scaled[1]).isEqualTo(plain[1]);
        assertThat(scaled[2]).isEqualTo(plain[2]);
    }

    @Test
    void decodedWeightsAreWithinAStep() {
        var random = new Random(7);
        for (var scheme : schemes()) {
            int columns = 100;
            float[] values = new float[6 * columns];
            for (int i = 0; i < values.length; i++) {
                values[i] = (float) random.nextGaussian();
            }
            Weight weight = Quantizer.forCheckpoints(scheme).quantize("w", 6, columns, values, null);
            float[] decoded = WeightCodec.decode(weight);
            float[] scales = scales(weight);
            int size = scheme.groupSizeFor(columns);
            int groups = (columns + size - 1) / size;
            for (int i = 0; i < decoded.length; i++) {
                int group = i % columns / size;
                int start = i / columns * columns + group * size;
                int end = Math.min(start + size, (i / columns + 1) * columns);
                float scale = scales[i / columns * groups + group];
                assertThat(scale).isEqualTo(FloatFormats.roundToF16(scale));
                if (scheme.range() == Range.INCLUDE_ZERO || bothSigns(values, start, end)) {
                    // half a step, and at the ends half a step more because zero is one of the codes; float16 scales
                    // are off by 2^-11, as often as there are steps
                    float bound = scale * (1 + (1 << scheme.bits()) * 0x1p-11f);
                    assertThat(Math.abs(decoded[i] - values[i]))
                            .as("%s at %d", scheme, i)
                            .isLessThan(bound);
                }
            }
        }
    }

    private static boolean bothSigns(float[] values, int from, int to) {
        float min = Float.POSITIVE_INFINITY;
        float max = Float.NEGATIVE_INFINITY;
        for (int i = from; i < to; i++) {
            min = Math.min(min, values[i]);
            max = Math.max(max, values[i]);
        }
        return min < 0 && max > 0;
    }

    private static List<QuantScheme> schemes() {
        var schemes = new ArrayList<QuantScheme>();
        for (int bits : new int[] {2, 3, 4, 5, 8}) {
            for (int size : new int[] {16, 32, QuantScheme.WHOLE_ROW}) {
                schemes.add(new QuantScheme(bits, size, false, Range.REFERENCE));
                schemes.add(new QuantScheme(bits, size, false, Range.INCLUDE_ZERO));
                schemes.add(new QuantScheme(bits, size, true, Range.REFERENCE));
            }
        }
        return schemes;
    }

    @Test
    void groupOfZerosStaysZero() {
        for (var scheme : schemes()) {
            float[] decoded =
                    WeightCodec.decode(Quantizer.forCheckpoints(scheme).quantize("w", 2, 48, new float[96], null));
            assertThat(decoded).as("%s", scheme).containsOnly(0f);
        }
    }

    @Test
    void rangeWithZeroServesGroupsOfOneSign() {
        float[] values = new float[32];
        java.util.Arrays.fill(values, 0.37f);
        float[] reference = WeightCodec.decode(Quantizer.forCheckpoints(new QuantScheme(4, 32, false, Range.REFERENCE))
                .quantize("w", 1, 32, values, null));
        float[] withZero =
                WeightCodec.decode(Quantizer.forCheckpoints(new QuantScheme(4, 32, false, Range.INCLUDE_ZERO))
                        .quantize("w", 1, 32, values, null));
        assertThat(reference[0]).isLessThan(1e-4f); // what the references do, kept for parity
        assertThat(withZero[0]).isCloseTo(0.37f, within(2e-4f));
    }

    @Test
    void lastGroupMayBeShorter() {
        float[] values = {1, 2, 3, 4, 100, 200};
        var scheme = new QuantScheme(8, 4, false, Range.INCLUDE_ZERO);
        Weight weight = new Quantizer(scheme, DType.F32, DType.F32).quantize("w", 1, 6, values, null);
        assertThat(scales(weight)).containsExactly(4f / 255, 200f / 255);
        assertThat(WeightCodec.decode(weight)[4]).isCloseTo(100, within(0.5f));
    }

    @Test
    void clippedValuesSetTheRange() {
        float[] values = {-3, 1, 0.5f, 9};
        var scheme = new QuantScheme(4, 4, false, Range.REFERENCE);
        var quantizer = new Quantizer(scheme, DType.F32, DType.F32);
        Weight weight = quantizer.quantize("w", 1, 4, values, new float[] {2});
        assertThat(scales(weight)).containsExactly((2f - -2f) / 15);
        assertThat(values).as("not modified").containsExactly(-3, 1, 0.5f, 9);
    }

    @Test
    void clipsOfAnotherShapeAreRefused() {
        var quantizer = Quantizer.forCheckpoints(QuantScheme.INT4_G128);
        org.assertj.core.api.Assertions.assertThatIllegalArgumentException()
                .isThrownBy(() -> quantizer.quantize("up_proj", 2, 256, new float[512], new float[3]))
                .withMessage("clips of up_proj: expected 2 x 2, found 3 values");
    }

    static float[] scales(Weight weight) {
        return Objects.requireNonNull(weight.scales()).toArray(ValueLayout.JAVA_FLOAT);
    }

    static byte[] zeros(Weight weight) {
        return Objects.requireNonNull(weight.zeros()).toArray(ValueLayout.JAVA_BYTE);
    }

    static byte[] bytes(SafetensorsFile file, String name) {
        return file.tensor(name).data().toArray(ValueLayout.JAVA_BYTE);
    }
}
