package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.weight.Weight;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.List;
import org.assertj.core.api.ThrowableAssert.ThrowingCallable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

/** What the CPU backend answers to wrong calls, and which kernels it takes. */
class CpuBackendTest {
    private final CpuBackend backend = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, 1));

    @AfterEach
    void close() {
        backend.close();
    }

    private static void refused(String message, ThrowingCallable call) {
        assertThatThrownBy(call).isInstanceOf(IllegalArgumentException.class).hasMessage(message);
    }

    @Test
    void wrongShapesAreNamed() {
        Kernels kernels = backend.kernels();
        PlacedWeight weight = backend.place(Weight.ofFloats("model.layers.3.mlp.down_proj", 2, 3, new float[6]));
        Buffer four = backend.allocate(2, 4);
        Buffer three = backend.allocate(2, 3);
        Buffer two = backend.allocate(2, 2);
        refused(
                "linear: x has 4 columns, weight model.layers.3.mlp.down_proj has 3",
                () -> kernels.linear(weight, null, four, two));
        refused(
                "linear: x [2, 3] and weight model.layers.3.mlp.down_proj [2, 3] give [2, 2], out is [2, 4]",
                () -> kernels.linear(weight, null, three, four));
        refused(
                "linear: bias of weight model.layers.3.mlp.down_proj has 3 values, weight has 2 rows",
                () -> kernels.linear(weight, three.view(1), three, two));
        refused(
                "embed: row 2 of table model.layers.3.mlp.down_proj, which has 2",
                () -> kernels.embed(weight, new int[] {0, 2}, three));
        refused(
                "rmsNorm: x [2, 4] is not made of segments of the gain's [1, 3]",
                () -> kernels.rmsNorm(four, three.view(1), 0, four));
        refused(
                "layerNorm: x [2, 4] is not made of segments of the gain's [1, 3]",
                () -> kernels.layerNorm(four, three.view(1), null, 0, four));
        refused("add: x [2, 3] to [2, 4]", () -> kernels.add(three, four));
        refused("gate: [2, 3] and [2, 4] should have one shape", () -> kernels.gate(Activation.SILU, three, four));
        refused("gather: row 2 of [2, 3]", () -> kernels.gather(three, new int[] {2}, three.view(1)));
        refused("rotate: x [2, 3] in heads of 2, tables [2, 2]", () -> kernels.rotate(three, 2, two, two));
        refused("view of 3 rows: the buffer was allocated with 2 of 4 columns", () -> four.view(3));
    }

    @Test
    void wrongCachesAreNamed() {
        Kernels kernels = backend.kernels();
        KvBuffer[] caches = {backend.allocateKv(4, 1, 2, KvPrecision.F32)};
        Buffer k = backend.allocate(1, 2);
        refused("store: position 4, the cache holds 4", () -> kernels.store(k, k, new int[] {4}, new int[1], caches));
        refused("store: sequence 1 of 1", () -> kernels.store(k, k, new int[1], new int[] {1}, caches));
        var shape = new AttentionShape(2, 2, 1, 1, 0, null);
        refused(
                "attend: 2 kv heads of 1, cache F32 [4, 1, 2]",
                () -> kernels.attend(k, shape, new int[1], new int[1], caches, backend.allocate(1, 2)));
        refused("attend: out may not be queries", () -> kernels.attend(k, shape, new int[1], new int[1], caches, k));
    }

    @Test
    void exhaustedMemoryIsTheMachinesFault() {
        assertThatThrownBy(() -> {
                    Buffer[] held = new Buffer[1024];
                    for (int i = 0; i < held.length; i++) {
                        held[i] = backend.allocate(1, Integer.MAX_VALUE - 8);
                    }
                })
                .isInstanceOf(BackendException.class)
                .hasMessageMatching(
                        "no memory for buffer \\[1, 2147483639\\], 8192 MiB: the heap may grow to \\d+ MiB\\."
                                + " Try a larger -Xmx, a shorter context or a smaller chunk");
    }

    @Test
    void autoTakesVectorsWhereTheyAre() {
        try (var auto = CpuBackend.open(new CpuOptions(Arithmetic.AUTO, 1))) {
            assertThat(auto.name()).matches("cpu/vector \\d+ bit, 1 thread");
        }
        assertThat(backend.name()).isEqualTo("cpu/scalar, 1 thread");
    }

    @Test
    void withoutTheModuleAutoIsScalarAndVectorIsRefused() throws IOException, InterruptedException {
        Path java = Path.of(System.getProperty("java.home"), "bin", "java");
        Process child = new ProcessBuilder(
                        List.of(java.toString(), "-cp", System.getProperty("java.class.path"), Child.class.getName()))
                .redirectErrorStream(true)
                .start();
        String said = new String(child.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(child.waitFor()).as(said).isZero();
        assertThat(said)
                .contains("scalar kernels run, many times slower than vector kernels: start Java with"
                        + " --add-modules jdk.incubator.vector to get the fast ones")
                .contains("auto: cpu/scalar, 1 thread")
                .contains("vector: vector kernels need the module jdk.incubator.vector, which is absent. Start Java"
                        + " with --add-modules jdk.incubator.vector, or choose scalar kernels");
    }

    /** Runs in a JVM that was started without the module. */
    static final class Child {
        private Child() {}

        public static void main(String[] arguments) {
            try (var auto = CpuBackend.open(new CpuOptions(Arithmetic.AUTO, 1))) {
                System.out.println("auto: " + auto.name());
            }
            try {
                CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, 1)).close();
            } catch (BackendException e) {
                System.out.println("vector: " + e.getMessage());
            }
        }
    }
}
