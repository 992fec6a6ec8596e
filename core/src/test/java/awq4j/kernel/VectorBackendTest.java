package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.testing.AttentionContract;
import awq4j.testing.BackendContract;
import awq4j.testing.Samples;
import awq4j.weight.PackedMatrix;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.net.URL;
import java.net.URLClassLoader;
import java.security.CodeSource;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.DisabledIf;

/** The vector kernels, on the machine's vectors and on forced widths. */
class VectorBackendTest {
    @Nested
    class Preferred extends BackendContract {
        @Override
        protected Backend open() {
            return CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, 2));
        }
    }

    @Nested
    class PreferredOfRoundedActivations extends BackendContract {
        @Override
        protected Backend open() {
            return CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, Precision.W4A8, 2));
        }

        @Override
        protected Precision precision() {
            return Precision.W4A8;
        }
    }

    @Nested
    class PreferredAttention extends AttentionContract {
        @Override
        protected Backend open() {
            return CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, 2));
        }
    }

    @Nested
    class RoundedActivationsOf128Bits extends Forced {
        RoundedActivationsOf128Bits() {
            super(128, Precision.W4A8);
        }
    }

    @Nested
    @DisabledIf(
            value = "awq4j.kernel.VectorBackendTest#preferred256",
            disabledReason = "256 bits are this machine's own width, tested as such")
    class RoundedActivationsOf256Bits extends Forced {
        RoundedActivationsOf256Bits() {
            super(256, Precision.W4A8);
        }
    }

    @Nested
    class RoundedActivationsOf512Bits extends Forced {
        RoundedActivationsOf512Bits() {
            super(512, Precision.W4A8);
        }
    }

    @Nested
    class RoundedForAllCodes extends BackendContract {
        @Override
        protected Backend open() {
            return CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, Precision.W8A8, 2));
        }

        @Override
        protected Precision precision() {
            return Precision.W8A8;
        }
    }

    @Nested
    class RoundedForAllCodesOf128Bits extends Forced {
        RoundedForAllCodesOf128Bits() {
            super(128, Precision.W8A8);
        }
    }

    @Nested
    @DisabledIf(
            value = "awq4j.kernel.VectorBackendTest#preferred256",
            disabledReason = "256 bits are this machine's own width, tested as such")
    class RoundedForAllCodesOf256Bits extends Forced {
        RoundedForAllCodesOf256Bits() {
            super(256, Precision.W8A8);
        }
    }

    @Nested
    class RoundedForAllCodesOf512Bits extends Forced {
        RoundedForAllCodesOf512Bits() {
            super(512, Precision.W8A8);
        }
    }

    /** Many tokens in 16-bit integers or in floats: the machine prefers one, the other must be right, too. */
    @Nested
    class RoundedActivationsInIntegers extends ForcedTiles {
        RoundedActivationsInIntegers() {
            super("integers");
        }

        @Test
        void manyTokensGiveTheBitsOfOne() {
            try (Backend backend = open()) {
                for (ZeroPoint zero : ZeroPoint.values()) {
                    for (int group : new int[] {32, 64, 128, 100, 256}) {
                        for (int bits = 2; bits <= 4; bits++) {
                            assertSameBits(backend, Samples.grouped(5, 70, 512, bits, group, zero));
                        }
                    }
                }
            }
        }

        private static void assertSameBits(Backend backend, Weight of) {
            PlacedWeight weight = backend.place(of);
            float[] x = Samples.floats(6, 13 * 512);
            float[] many = product(backend, weight, x, 13);
            for (int t = 0; t < 13; t++) {
                float[] token = Arrays.copyOfRange(x, t * 512, (t + 1) * 512);
                assertThat(Arrays.copyOfRange(many, t * 70, (t + 1) * 70))
                        .as("token %s, %s", t, of.layout())
                        .isEqualTo(product(backend, weight, token, 1));
            }
        }
    }

    private static float[] product(Backend backend, PlacedWeight weight, float[] x, int tokens) {
        Buffer from = backend.allocate(tokens, weight.columns());
        Buffer to = backend.allocate(tokens, weight.rows());
        backend.write(x, from);
        backend.kernels().linear(weight, null, from, to);
        float[] out = new float[tokens * weight.rows()];
        backend.read(to, out);
        return out;
    }

    /** In several pieces of memory, as a large matrix is packed, or in one, as a file of packed weights has it. */
    @Test
    void piecesOfMemoryDoNotMatter() {
        int rows = 2001;
        int columns = 2048;
        float[] x = Samples.floats(6, 5 * columns);
        for (Precision precision : Precision.values()) {
            try (var backend = CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, precision, 3))) {
                for (int bits : new int[] {2, 3, 4, 8}) {
                    Weight plain = Samples.grouped(bits, rows, columns, bits, 128, ZeroPoint.INTEGER);
                    for (Weight weight : List.of(plain, Samples.inRandomOrder(8, plain))) {
                        PlacedWeight placed = backend.place(weight);
                        PackedMatrix packed = backend.packed(placed).orElseThrow();
                        assertThat(packed.pieces()).hasSizeGreaterThan(1);
                        assertThat(packed.memory().byteSize()).isEqualTo(packed.sizeBytes());
                        PlacedWeight whole = backend.place(packed);
                        for (int tokens : new int[] {1, 5}) {
                            assertThat(product(backend, placed, x, tokens))
                                    .isEqualTo(product(backend, whole, x, tokens));
                        }
                        Buffer row = backend.allocate(1, columns);
                        float[] values = new float[columns];
                        for (int r : new int[] {0, 500, rows - 1}) {
                            backend.kernels().embed(placed, new int[] {r}, row);
                            backend.read(row, values);
                            float[] expected = new float[columns];
                            WeightCodec.decodeRow(weight, r, expected);
                            assertThat(values).isEqualTo(expected);
                        }
                    }
                }
            }
        }
    }

    @Nested
    class RoundedActivationsInFloats extends ForcedTiles {
        RoundedActivationsInFloats() {
            super("floats");
        }
    }

    @Test
    void tilesOfAnotherKindAreRefused() {
        assertThatThrownBy(() -> forced("awq4j.tiles", "doubles", Precision.W4A8))
                .rootCause()
                .hasMessage("system property awq4j.tiles should be integers or floats, was doubles");
    }

    @Nested
    class Of128Bits extends Forced {
        Of128Bits() {
            super(128);
        }
    }

    /** On a machine of this width {@link Preferred} is the same with more sizes. */
    static boolean preferred256() {
        return new awq4j.kernel.vector.VectorRowKernels().name().equals("vector 256 bit");
    }

    @Nested
    @DisabledIf(
            value = "awq4j.kernel.VectorBackendTest#preferred256",
            disabledReason = "256 bits are this machine's own width, tested as such")
    class Of256Bits extends Forced {
        Of256Bits() {
            super(256);
        }
    }

    @Nested
    class Of512Bits extends Forced {
        Of512Bits() {
            super(512);
        }
    }

    @Nested
    class AttentionOf128Bits extends ForcedAttention {
        AttentionOf128Bits() {
            super(128);
        }
    }

    @Nested
    @DisabledIf(
            value = "awq4j.kernel.VectorBackendTest#preferred256",
            disabledReason = "256 bits are this machine's own width, tested as such")
    class AttentionOf256Bits extends ForcedAttention {
        AttentionOf256Bits() {
            super(256);
        }
    }

    @Nested
    class AttentionOf512Bits extends ForcedAttention {
        AttentionOf512Bits() {
            super(512);
        }
    }

    /** A width the machine lacks is computed by the library in Java, a hundred times slower: few sizes then. */
    abstract static class Forced extends BackendContract {
        private final int bits;
        private final Precision precision;

        Forced(int bits) {
            this(bits, Precision.W4A16);
        }

        Forced(int bits, Precision precision) {
            this.bits = bits;
            this.precision = precision;
        }

        @Override
        protected Backend open() {
            return CpuBackend.open(forced(bits, precision), 2);
        }

        @Override
        protected Precision precision() {
            return precision;
        }

        @Override
        protected int[] sizes() {
            return new int[] {1, 7, 17, 33, 127, 260};
        }

        @Test
        void widthIsTheForcedOne() {
            assertThat(forced(bits, precision).name()).startsWith("vector " + bits + " bit");
        }
    }

    abstract static class ForcedTiles extends BackendContract {
        private final String kind;

        ForcedTiles(String kind) {
            this.kind = kind;
        }

        @Override
        protected Backend open() {
            return CpuBackend.open(forced("awq4j.tiles", kind, precision()), 2);
        }

        @Override
        protected Precision precision() {
            return Precision.W4A8;
        }
    }

    abstract static class ForcedAttention extends AttentionContract {
        private final int bits;

        ForcedAttention(int bits) {
            this.bits = bits;
        }

        @Override
        protected Backend open() {
            return CpuBackend.open(forced(bits, Precision.W4A16), 2);
        }

        @Override
        protected int[] lengths() {
            return new int[] {1, 17, 70, 257};
        }
    }

    private static RowKernels forced(int bits, Precision precision) {
        return forced("awq4j.vectorBits", String.valueOf(bits), precision);
    }

    /** The vector kernels' classes once more, under a class loader of their own: what a property forces is constant. */
    private static RowKernels forced(String property, String value, Precision precision) {
        System.setProperty(property, value);
        try {
            Class<?> kernels = Class.forName(
                    "awq4j.kernel.vector.VectorRowKernels",
                    true,
                    new Reloaded(CpuBackend.class.getProtectionDomain().getCodeSource()));
            RowKernels made =
                    (RowKernels) kernels.getConstructor(Precision.class).newInstance(precision);
            Class.forName("awq4j.kernel.vector.PackedWeight", true, kernels.getClassLoader()); // reads the properties
            return made;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        } finally {
            System.clearProperty(property);
        }
    }

    private static final class Reloaded extends URLClassLoader {
        Reloaded(CodeSource classes) {
            super(new URL[] {classes.getLocation()}, CpuBackend.class.getClassLoader());
        }

        @Override
        protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
            if (!name.startsWith("awq4j.kernel.vector.")) {
                return super.loadClass(name, resolve);
            }
            synchronized (getClassLoadingLock(name)) {
                Class<?> loaded = findLoadedClass(name);
                return loaded == null ? findClass(name) : loaded;
            }
        }
    }
}
