package awq4j.testing;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import awq4j.kernel.AttentionShape;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.KvBuffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.scalar.ScalarRowKernels;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What every backend's attention owes: the scalar kernels' results. */
public abstract class AttentionContract {
    private static final long SEED = 20261126;

    /** Of the cap: tanh in float32, from an exponential that is good to 2e-7. */
    private static final double SOFTCAP = 5e-7;

    private Backend backend;
    private Backend scalar;

    /** A backend of this kind. */
    protected abstract Backend open();

    /** Positions that are tried. */
    protected int[] lengths() {
        return new int[] {1, 2, 15, 16, 17, 33, 70, 255, 256, 257, 300, 530};
    }

    @BeforeEach
    void start() {
        backend = open();
        scalar = CpuBackend.open(new ScalarRowKernels(), 1);
    }

    @AfterEach
    void stop() {
        backend.close();
        scalar.close();
    }

    @Test
    void groupedQueriesAndWholeHeads() {
        for (int length : lengths()) {
            assertAttention(new AttentionShape(4, 2, 24, 0.2f, 0, null), length, Math.min(length, 9), KvPrecision.F32);
            assertAttention(new AttentionShape(3, 3, 16, 0.25f, 0, null), length, 1, KvPrecision.F16);
            assertAttention(new AttentionShape(8, 1, 80, 0.11f, 0, null), length, Math.min(length, 2), KvPrecision.F16);
        }
    }

    @Test
    void everyPrecision() {
        for (KvPrecision precision : KvPrecision.values()) {
            for (int length : lengths()) {
                assertAttention(new AttentionShape(6, 2, 33, 0.2f, 0, null), length, Math.min(length, 5), precision);
            }
        }
    }

    @Test
    void oneTokenBehindALongContext() {
        for (KvPrecision precision : KvPrecision.values()) {
            assertAttention(new AttentionShape(8, 2, 16, 0.3f, 0, null), 1300, 1, precision);
            assertAttention(new AttentionShape(3, 1, 40, 0.3f, 300, null), 1300, 1, precision);
        }
        float[] slopes = {0.5f, 0.01f};
        assertAttention(new AttentionShape(2, 1, 16, 0.3f, 0, slopes), 1300, 1, KvPrecision.F32);
        assertAttention(new AttentionShape(2, 1, 16, 0.3f, 700, slopes), 1300, 2, KvPrecision.F16);
    }

    @Test
    void slidingWindows() {
        for (int window : new int[] {1, 6, 40, 1000}) {
            assertAttention(new AttentionShape(2, 1, 32, 0.2f, window, null), 90, 40, KvPrecision.F32);
            assertAttention(new AttentionShape(12, 1, 32, 0.2f, window, null), 310, 90, KvPrecision.F16);
        }
    }

    @Test
    void slopes() {
        float[] slopes = {0.5f, 0.25f, 0.125f};
        assertAttention(new AttentionShape(3, 3, 20, 0.2f, 0, slopes), 75, 20, KvPrecision.F32);
    }

    @Test
    void roundedBiases() {
        float[] slopes = {0.70703125f, 0.5f, 0.04412842f};
        for (int length : new int[] {1, 17, 75, 300, 1300}) {
            var shape = new AttentionShape(3, 3, 20, 0.2f, 0, 0, slopes, true);
            assertAttention(shape, length, Math.min(length, 20), KvPrecision.F32);
            var capped = new AttentionShape(3, 1, 24, 1.5f, 60, 5, slopes, true);
            assertAttention(capped, length, Math.min(length, 3), KvPrecision.F16);
        }
    }

    @Test
    void softCaps() {
        for (float cap : new float[] {0.5f, 5, 50}) {
            for (int length : lengths()) {
                var shape = new AttentionShape(4, 2, 24, 1.5f, 0, cap, null);
                assertAttention(shape, length, Math.min(length, 3), KvPrecision.F32);
            }
        }
        float[] slopes = {0.5f, 0.125f};
        assertAttention(new AttentionShape(2, 1, 20, 2, 60, 3, slopes), 310, 70, KvPrecision.F16);
        assertAttention(new AttentionShape(2, 1, 20, 2, 0, 3, slopes), 1300, 1, KvPrecision.F32);
    }

    @Test
    void headsWiderThanOneTile() {
        assertAttention(new AttentionShape(2, 1, 300, 0.06f, 0, null), 20, 5, KvPrecision.F32);
    }

    /** The last {@code tokens} of {@code length} positions, against the definition on the same numbers. */
    private void assertAttention(AttentionShape shape, int length, int tokens, KvPrecision precision) {
        int width = shape.kvHeads() * shape.headDim();
        float[] keys = Samples.floats(SEED, length * width);
        float[] values = Samples.floats(SEED + 1, length * width);
        float[] queries = Samples.floats(SEED + 2, tokens * shape.heads() * shape.headDim());
        float[] expected = attend(scalar, shape, keys, values, queries, tokens, precision);
        float[] actual = attend(backend, shape, keys, values, queries, tokens, precision);
        double bound = bound(keys, values, queries, shape, length);
        for (int i = 0; i < expected.length; i++) {
            assertThat(actual[i])
                    .as("%s, %d of %d positions, %s, at %d, seed %d", shape, tokens, length, precision, i, SEED)
                    .isCloseTo(expected[i], within((float) bound));
        }
    }

    /** An error d in a score moves a weight by 2d of itself; the weights sum to one. */
    private static double bound(float[] keys, float[] values, float[] queries, AttentionShape shape, int length) {
        double score = Tolerance.ofSum(
                shape.headDim() * shape.scale() * greatest(keys) * greatest(queries) / 4, shape.headDim());
        double slopes = shape.alibiSlopes() == null ? 0 : length * 0x1p-23;
        return (2 * (score + slopes + SOFTCAP * shape.softcap()) + 1e-6 + Tolerance.ofSum(1, length))
                * greatest(values);
    }

    private static double greatest(float[] x) {
        double most = 0;
        for (float value : x) {
            most = Math.max(most, Math.abs(value));
        }
        return most;
    }

    private static float[] attend(
            Backend on,
            AttentionShape shape,
            float[] keys,
            float[] values,
            float[] queries,
            int tokens,
            KvPrecision precision) {
        int width = shape.kvHeads() * shape.headDim();
        int length = keys.length / width;
        KvBuffer[] caches = {on.allocateKv(length, shape.kvHeads(), shape.headDim(), precision)};
        on.kernels()
                .store(
                        BackendContract.matrix(on, keys, length),
                        BackendContract.matrix(on, values, length),
                        IntStream.range(0, length).toArray(),
                        new int[length],
                        caches);
        Buffer out = BackendContract.fenced(on, tokens, shape.heads() * shape.headDim());
        on.kernels()
                .attend(
                        BackendContract.matrix(on, queries, tokens),
                        shape,
                        IntStream.range(length - tokens, length).toArray(),
                        new int[tokens],
                        caches,
                        out.view(tokens));
        return BackendContract.contents(on, out, tokens);
    }

    @Test
    void sequencesDoNotSeeEachOther() {
        var shape = new AttentionShape(2, 1, 8, 0.3f, 0, null);
        KvBuffer[] caches = {backend.allocateKv(8, 1, 8, KvPrecision.F32), backend.allocateKv(40, 1, 8, KvPrecision.F32)
        };
        int[] positions = {0, 1, 0, 1, 2};
        int[] sequences = {1, 1, 0, 0, 0};
        float[] keys = Samples.floats(SEED, 5 * 8);
        float[] values = Samples.floats(SEED + 1, 5 * 8);
        float[] queries = Samples.floats(SEED + 2, 5 * 16);
        var kernels = backend.kernels();
        kernels.store(
                BackendContract.matrix(backend, keys, 5),
                BackendContract.matrix(backend, values, 5),
                positions,
                sequences,
                caches);
        Buffer out = BackendContract.fenced(backend, 5, 16);
        kernels.attend(BackendContract.matrix(backend, queries, 5), shape, positions, sequences, caches, out.view(5));
        float[] together = BackendContract.contents(backend, out, 5);
        float[] first = attend(
                backend,
                shape,
                Arrays.copyOf(keys, 16),
                Arrays.copyOf(values, 16),
                Arrays.copyOf(queries, 32),
                2,
                KvPrecision.F32);
        assertThat(Arrays.copyOf(together, 32)).containsExactly(first);
    }

    @Test
    void aTokensResultIsTheSameAloneAndInAPrompt() {
        int length = 600;
        for (int window : new int[] {0, 70}) {
            var shape = new AttentionShape(6, 2, 20, 0.3f, window, null);
            for (KvPrecision precision : KvPrecision.values()) {
                float[] keys = Samples.floats(SEED, length * 40);
                float[] values = Samples.floats(SEED + 1, length * 40);
                float[] queries = Samples.floats(SEED + 2, length * 120);
                float[] together = attend(backend, shape, keys, values, queries, length, precision);
                for (int last : new int[] {0, 7, 40, 256, 257, 599}) {
                    float[] alone = attend(
                            backend,
                            shape,
                            Arrays.copyOf(keys, (last + 1) * 40),
                            Arrays.copyOf(values, (last + 1) * 40),
                            Arrays.copyOfRange(queries, last * 120, (last + 1) * 120),
                            1,
                            precision);
                    assertThat(Arrays.copyOfRange(together, last * 120, (last + 1) * 120))
                            .as("%s, window %d, position %d, seed %d", precision, window, last, SEED)
                            .containsExactly(alone);
                }
            }
        }
    }

    @Test
    void aLaterTokensNanIsNotSeenBefore() {
        for (KvPrecision precision : KvPrecision.values()) {
            aLaterTokensNanIsNotSeenBefore(precision);
        }
    }

    private void aLaterTokensNanIsNotSeenBefore(KvPrecision precision) {
        var shape = new AttentionShape(2, 1, 16, 0.3f, 0, null);
        float[] keys = Samples.floats(SEED, 12 * 16);
        float[] values = Samples.floats(SEED + 1, 12 * 16);
        float[] queries = Samples.floats(SEED + 2, 12 * 32);
        float[] clean = attend(backend, shape, keys, values, queries, 12, precision);
        keys[9 * 16] = Float.NaN;
        values[9 * 16 + 3] = Float.NaN;
        float[] actual = attend(backend, shape, keys, values, queries, 12, precision);
        for (int i = 0; i < 9 * 32; i++) {
            assertThat(actual[i]).isCloseTo(clean[i], within(1e-5f));
        }
        for (int i = 9 * 32; i < 12 * 32; i++) {
            assertThat(actual[i]).isNaN();
        }
    }

    @Test
    void aGrownCacheKeepsWhatWasStored() {
        for (KvPrecision precision : KvPrecision.values()) {
            var shape = new AttentionShape(2, 2, 10, 0.3f, 0, null);
            float[] keys = Samples.floats(SEED, 20 * 20);
            float[] values = Samples.floats(SEED + 1, 20 * 20);
            float[] query = Samples.floats(SEED + 2, 20);
            float[] expected = attend(backend, shape, keys, values, query, 1, precision);
            KvBuffer[] small = {backend.allocateKv(20, 2, 10, precision)};
            backend.kernels()
                    .store(
                            BackendContract.matrix(backend, keys, 20),
                            BackendContract.matrix(backend, values, 20),
                            IntStream.range(0, 20).toArray(),
                            new int[20],
                            small);
            KvBuffer[] large = {backend.allocateKv(300, 2, 10, precision)};
            backend.copyKv(small[0], large[0], 20);
            Buffer out = BackendContract.fenced(backend, 1, 20);
            backend.kernels()
                    .attend(
                            BackendContract.matrix(backend, query, 1),
                            shape,
                            new int[] {19},
                            new int[1],
                            large,
                            out.view(1));
            assertThat(BackendContract.contents(backend, out, 1)).containsExactly(expected);
        }
    }

    @Test
    void fourBitsWithWindowsSlopesAndSharedHeads() {
        assertAttention(new AttentionShape(4, 4, 64, 0.12f, 0, null), 310, 90, KvPrecision.I4);
        assertAttention(new AttentionShape(8, 2, 40, 0.2f, 0, null), 310, 90, KvPrecision.I4);
        for (int window : new int[] {1, 100, 170, 250}) {
            assertAttention(new AttentionShape(4, 1, 32, 0.2f, window, null), 330, 70, KvPrecision.I4);
        }
        float[] slopes = {0.5f, 0.01f, 0.125f};
        assertAttention(new AttentionShape(3, 3, 20, 0.2f, 0, slopes), 310, 40, KvPrecision.I4);
        assertAttention(new AttentionShape(3, 1, 20, 0.2f, 200, 3, slopes), 310, 40, KvPrecision.I4);
    }

    @Test
    void fourBitsAreTheSameInAnyPieces() {
        int length = 600;
        var shape = new AttentionShape(4, 2, 40, 0.3f, 0, null);
        float[] keys = Samples.floats(SEED, length * 80);
        float[] values = Samples.floats(SEED + 1, length * 80);
        float[] queries = Samples.floats(SEED + 2, length * 160);
        float[] together = inPieces(shape, keys, values, queries, length, length);
        for (int piece : new int[] {1, 7, 32, 100, 300}) {
            assertThat(inPieces(shape, keys, values, queries, length, piece))
                    .as("pieces of %d, seed %d", piece, SEED)
                    .containsExactly(together);
        }
    }

    /** What all tokens of a text see that comes in pieces, into a cache that grows. */
    private float[] inPieces(
            AttentionShape shape, float[] keys, float[] values, float[] queries, int length, int piece) {
        int width = shape.kvHeads() * shape.headDim();
        int queryWidth = shape.heads() * shape.headDim();
        float[] all = new float[length * queryWidth];
        KvBuffer[] caches = {backend.allocateKv(200, shape.kvHeads(), shape.headDim(), KvPrecision.I4)};
        for (int from = 0; from < length; from += piece) {
            int to = Math.min(length, from + piece);
            if (to > caches[0].capacity()) {
                KvBuffer larger =
                        backend.allocateKv(Math.max(to, 400), shape.kvHeads(), shape.headDim(), KvPrecision.I4);
                backend.copyKv(caches[0], larger, from);
                caches[0] = larger;
            }
            int[] positions = IntStream.range(from, to).toArray();
            int n = to - from;
            backend.kernels()
                    .store(
                            BackendContract.matrix(backend, Arrays.copyOfRange(keys, from * width, to * width), n),
                            BackendContract.matrix(backend, Arrays.copyOfRange(values, from * width, to * width), n),
                            positions,
                            new int[n],
                            caches);
            Buffer out = BackendContract.fenced(backend, n, queryWidth);
            float[] asking = Arrays.copyOfRange(queries, from * queryWidth, to * queryWidth);
            backend.kernels()
                    .attend(
                            BackendContract.matrix(backend, asking, n),
                            shape,
                            positions,
                            new int[n],
                            caches,
                            out.view(n));
            System.arraycopy(BackendContract.contents(backend, out, n), 0, all, from * queryWidth, n * queryWidth);
        }
        return all;
    }
}
