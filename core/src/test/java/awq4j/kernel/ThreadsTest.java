package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.testing.GgufBlocks;
import awq4j.testing.Samples;
import awq4j.weight.GgufType;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.ZeroPoint;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

class ThreadsTest {
    @ParameterizedTest
    @EnumSource(
            value = Arithmetic.class,
            names = {"SCALAR", "VECTOR"})
    void resultsDoNotDependOnTheNumberOfThreads(Arithmetic arithmetic) {
        float[] one = results(arithmetic, 1);
        assertThat(results(arithmetic, 2)).containsExactly(one);
        assertThat(results(arithmetic, 3)).containsExactly(one);
    }

    @ParameterizedTest
    @EnumSource(GgufType.class)
    void blocksGiveTheSameOnAnyNumberOfThreads(GgufType type) {
        for (Precision precision : Precision.values()) {
            for (int tokens : new int[] {1, 13}) {
                float[] one = blocks(type, precision, tokens, 1);
                for (int threads : new int[] {2, 3}) {
                    assertThat(blocks(type, precision, tokens, threads))
                            .as("%s %d tokens, %d threads", precision, tokens, threads)
                            .containsExactly(one);
                }
            }
        }
    }

    private static float[] blocks(GgufType type, Precision precision, int tokens, int threads) {
        try (var backend = CpuBackend.open(new CpuOptions(Arithmetic.VECTOR, precision, threads))) {
            var weight = backend.place(GgufBlocks.weight(4, 300, 512, type));
            Buffer x = backend.allocate(tokens, 512);
            backend.write(Samples.floats(5, tokens * 512), x);
            Buffer out = backend.allocate(tokens, 300);
            backend.kernels().linear(weight, null, x, out);
            float[] result = new float[tokens * 300];
            backend.read(out, result);
            return result;
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Arithmetic.class,
            names = {"SCALAR", "VECTOR"})
    void longContextsAreTheSameOnAnyNumberOfThreads(Arithmetic arithmetic) {
        for (int window : new int[] {0, 600}) {
            float[] one = longContexts(arithmetic, 1, window);
            for (int threads : new int[] {2, 3, 5}) {
                assertThat(longContexts(arithmetic, threads, window))
                        .as("%d threads, window %d", threads, window)
                        .containsExactly(one);
            }
        }
    }

    /** Two sequences, one token of the first and three of the second. */
    private static float[] longContexts(Arithmetic arithmetic, int threads, int window) {
        try (var backend = CpuBackend.open(new CpuOptions(arithmetic, threads))) {
            int length = 1400;
            Buffer keys = backend.allocate(length, 20);
            backend.write(Samples.floats(1, length * 20), keys);
            Buffer values = backend.allocate(length, 20);
            backend.write(Samples.floats(2, length * 20), values);
            KvBuffer[] caches = {
                backend.allocateKv(length, 1, 20, KvBuffer.KvPrecision.F16),
                backend.allocateKv(length, 1, 20, KvBuffer.KvPrecision.I8)
            };
            int[] all = java.util.stream.IntStream.range(0, length).toArray();
            var kernels = backend.kernels();
            kernels.store(keys, values, all, new int[length], caches);
            int[] second = new int[length];
            Arrays.fill(second, 1);
            kernels.store(values, keys, all, second, caches);
            Buffer queries = backend.allocate(4, 60);
            backend.write(Samples.floats(3, 4 * 60), queries);
            Buffer out = backend.allocate(4, 60);
            kernels.attend(
                    queries,
                    new AttentionShape(3, 1, 20, 0.2f, window, null),
                    new int[] {length - 1, 1100, 1101, 1102},
                    new int[] {0, 1, 1, 1},
                    caches,
                    out);
            float[] result = new float[4 * 60];
            backend.read(out, result);
            return result;
        }
    }

    /** The same code is interpreted first and compiled later; both have to sum in one order. */
    @ParameterizedTest
    @EnumSource(
            value = Arithmetic.class,
            names = {"SCALAR", "VECTOR"})
    void resultsDoNotDependOnHowWarmTheCodeIs(Arithmetic arithmetic) {
        try (var backend = CpuBackend.open(new CpuOptions(arithmetic, 1))) {
            float[] cold = results(backend);
            for (int i = 0; i < 400; i++) {
                assertThat(results(backend)).as("run %d", i).containsExactly(cold);
            }
        }
    }

    private static float[] results(Arithmetic arithmetic, int threads) {
        try (var backend = CpuBackend.open(new CpuOptions(arithmetic, threads))) {
            return results(backend);
        }
    }

    private static float[] results(Backend backend) {
        int n = 19;
        var kernels = backend.kernels();
        Buffer x = backend.allocate(n, 264);
        backend.write(Samples.floats(1, n * 264), x);
        Buffer y = backend.allocate(n, 264);
        var dense = backend.place(Weight.ofFloats("dense", 264, 264, Samples.floats(4, 264 * 264)));
        kernels.linear(dense, null, x.view(1), y.view(1));
        kernels.add(y.view(1), x.view(1));
        var weight = backend.place(Samples.grouped(2, 264, 264, 4, 64, ZeroPoint.INTEGER));
        kernels.linear(weight, null, x, y);
        kernels.linear(weight, null, y.view(1), x.view(1));
        Buffer gain = backend.allocate(1, 264);
        backend.write(Samples.floats(3, 264), gain);
        kernels.rmsNorm(y, gain, 1e-5f, y);
        kernels.layerNorm(x, gain, null, 1e-5f, x);
        kernels.gate(Activation.SILU, y, x);
        KvBuffer[] caches = {backend.allocateKv(n, 11, 24, KvBuffer.KvPrecision.F16)};
        int[] positions = java.util.stream.IntStream.range(0, n).toArray();
        kernels.store(y, x, positions, new int[n], caches);
        Buffer out = backend.allocate(n, 264);
        kernels.attend(x, new AttentionShape(11, 11, 24, 0.2f, 0, null), positions, new int[n], caches, out);
        float[] all = new float[n * 264];
        backend.read(out, all);
        return all;
    }

    @ParameterizedTest
    @ValueSource(ints = {1, 2, 3})
    void everyUnitIsDoneOnce(int threads) {
        try (var team = new ThreadTeam(threads)) {
            for (int units : new int[] {0, 1, 2, 5, 100, 1001}) {
                for (int step : new int[] {1, 3, 64}) {
                    var done = new AtomicIntegerArray(units);
                    team.run(units, step, (from, to, scratch) -> {
                        assertThat(to - from).isBetween(1, step);
                        for (int i = from; i < to; i++) {
                            done.incrementAndGet(i);
                        }
                    });
                    for (int i = 0; i < units; i++) {
                        assertThat(done.get(i)).isEqualTo(1);
                    }
                }
            }
        }
    }

    @Test
    void anExceptionOfAnyThreadReachesTheCallerAndTheTeamLivesOn() {
        try (var team = new ThreadTeam(3)) {
            for (int wrong = 0; wrong < 40; wrong++) {
                int unit = wrong;
                assertThatThrownBy(() -> team.run(40, 1, (from, to, scratch) -> {
                            if (from == unit) {
                                throw new IllegalStateException("unit " + unit);
                            }
                        }))
                        .isInstanceOf(IllegalStateException.class)
                        .hasMessage("unit " + unit);
            }
            int[] sum = new int[40];
            team.run(40, 1, (from, to, scratch) -> sum[from] = 1);
            assertThat(Arrays.stream(sum).sum()).isEqualTo(40);
        }
    }

    @Test
    void closeEndsTheThreads() {
        var team = new ThreadTeam(3);
        team.run(10, 1, (from, to, scratch) -> {});
        team.close();
        team.close();
        assertThat(team.living()).isZero();
        assertThatThrownBy(() -> team.run(1, 1, (from, to, scratch) -> {}))
                .isInstanceOf(IllegalStateException.class)
                .hasMessage("the backend is closed");
    }

    @Test
    void zeroThreadsMeansOneForEachCore() {
        try (var backend = CpuBackend.open(new CpuOptions(Arithmetic.SCALAR, 0))) {
            assertThat(backend.threads()).isEqualTo(Runtime.getRuntime().availableProcessors());
        }
    }
}
