package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.testing.AttentionContract;
import awq4j.testing.BackendContract;
import java.net.URL;
import java.net.URLClassLoader;
import java.security.CodeSource;
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

    /** The vector kernels' classes once more, under a class loader of their own: their width is a static constant. */
    private static RowKernels forced(int bits, Precision precision) {
        System.setProperty("awq4j.vectorBits", String.valueOf(bits));
        try {
            Class<?> kernels = Class.forName(
                    "awq4j.kernel.vector.VectorRowKernels",
                    true,
                    new Reloaded(CpuBackend.class.getProtectionDomain().getCodeSource()));
            RowKernels made =
                    (RowKernels) kernels.getConstructor(Precision.class).newInstance(precision);
            assertThat(made.name()).isNotNull(); // the width is read now, while the property stands
            return made;
        } catch (ReflectiveOperationException e) {
            throw new IllegalStateException(e);
        } finally {
            System.clearProperty("awq4j.vectorBits");
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
