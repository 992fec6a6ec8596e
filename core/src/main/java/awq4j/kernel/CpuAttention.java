package awq4j.kernel;

import org.jspecify.annotations.Nullable;

/**
 * Stores keys and values and attends to them: splits the work by tokens, heads and, where these are fewer than the
 * threads want, spans of positions. What a call needs is kept for the next one, so that a token costs no memory.
 */
final class CpuAttention {
    /** Pieces of work that a thread should have at least, on average, before spans are counted too. */
    private static final int PIECES = 4;

    /** Results of spans that are worth their memory: 64 MiB. */
    private static final long MOST_RESULTS = 1 << 24;

    private static final float[] NO_FLOATS = {};
    private static final int[] NO_INTS = {};
    private static final KvBuffer[] NO_CACHES = {};

    private final RowKernels rows;
    private final ThreadTeam team;
    private final ThreadTeam.Work storing = this::store;
    private final ThreadTeam.Work coding = this::code;
    private final ThreadTeam.Work attending = this::attend;
    private final ThreadTeam.Work spanning = this::span;
    private final ThreadTeam.Work merging = this::merge;

    private float[] first = NO_FLOATS;
    private float[] second = NO_FLOATS;
    private AttentionShape shape = new AttentionShape(1, 1, 1, 1, 0, null);
    private int[] positions = NO_INTS;
    private int[] sequences = NO_INTS;
    private KvBuffer[] caches = NO_CACHES;

    /** Where runs of tokens begin that one piece of work takes; the end comes last. */
    private int[] starts = NO_INTS;

    private int runs;
    private @Nullable FourBitKv filled;

    /** By run: how many spans all runs before it have, and where its results begin. */
    private int[] spans = NO_INTS;

    private int[] places = NO_INTS;
    private float[] results = NO_FLOATS;

    CpuAttention(RowKernels rows, ThreadTeam team) {
        this.rows = rows;
        this.team = team;
    }

    /**
     * As {@link Kernels#store}, shapes checked.
     *
     * @param step tokens that one piece of work takes
     */
    void store(float[] keys, float[] values, int[] positions, int[] sequences, KvBuffer[] caches, int step) {
        begin(keys, values, positions, sequences, caches);
        try {
            split(Integer.MAX_VALUE, false);
            for (int run = 0; run < runs; run++) {
                open(run);
            }
            team.run(positions.length, step, storing);
            for (int run = 0; run < runs; run++) {
                if (cache(run).memory() instanceof FourBitKv codes && codes.completed() > 0) {
                    filled = codes;
                    team.run(codes.completed() * cache(run).kvHeads(), 1, coding);
                }
            }
        } finally {
            end();
        }
    }

    private void store(int from, int to, Scratch scratch) {
        int at = 0;
        for (int i = from; i < to; i++) {
            CpuKvBuffer cache = CpuKernels.own(caches[sequences[i]]);
            at = i * cache.kvHeads() * cache.headDim();
            for (int h = 0; h < cache.kvHeads(); h++) {
                cache.store(positions[i], h, first, second, at + h * cache.headDim());
            }
        }
    }

    /** Makes room for a run's positions where room has to be made. */
    private void open(int run) {
        if (cache(run).memory() instanceof FourBitKv codes) {
            int from = starts[run];
            int to = starts[run + 1];
            if (positions[to - 1] - positions[from] != to - 1 - from) {
                throw new IllegalArgumentException("store: " + (to - from) + " positions from " + positions[from]
                        + " to " + positions[to - 1] + " into a 4-bit cache; they have to follow one another");
            }
            codes.open(positions[from], positions[to - 1] + 1);
        }
    }

    private void code(int from, int to, Scratch scratch) {
        FourBitKv codes = filled;
        for (int piece = from; codes != null && piece < to; piece++) {
            codes.code(piece / codes.kvHeads(), piece % codes.kvHeads());
        }
    }

    /** As {@link Kernels#attend}, shapes checked. */
    void attend(
            float[] queries, AttentionShape shape, int[] positions, int[] sequences, KvBuffer[] caches, float[] out) {
        begin(queries, out, positions, sequences, caches);
        this.shape = shape;
        try {
            split(rows.attendTokens(shape), true);
            int pieces = runs * shape.kvHeads();
            SpanAttention divided = rows.spans();
            if (divided == null || team.size() == 1 || pieces >= PIECES * team.size() || !count(divided)) {
                team.run(pieces, 1, attending);
            } else {
                team.run(spans[runs] * shape.kvHeads(), 1, spanning);
                team.run(pieces, Math.max(1, CpuRows.ELEMENTS * pieces / places[runs]), merging);
            }
        } finally {
            end();
        }
    }

    private void begin(float[] first, float[] second, int[] positions, int[] sequences, KvBuffer[] caches) {
        this.first = first;
        this.second = second;
        this.positions = positions;
        this.sequences = sequences;
        this.caches = caches;
    }

    /** Lets go of the caller's memory. */
    private void end() {
        begin(NO_FLOATS, NO_FLOATS, NO_INTS, NO_INTS, NO_CACHES);
        filled = null;
    }

    /**
     * Finds the runs: same sequence, ascending positions, at most {@code most} tokens.
     *
     * @param alike whether a run's tokens have to read the same positions as codes
     */
    private void split(int most, boolean alike) {
        int n = positions.length;
        if (starts.length <= n) {
            starts = new int[n + 1];
        }
        runs = 0;
        for (int i = 0; i < n; i++) {
            if (i == 0
                    || sequences[i] != sequences[i - 1]
                    || positions[i] <= positions[i - 1]
                    || i - starts[runs - 1] == most
                    || (alike && codedBefore(i) != codedBefore(i - 1))) {
                starts[runs++] = i;
            }
        }
        starts[runs] = n;
    }

    private int codedBefore(int token) {
        return caches[sequences[token]].precision().codedBefore(positions[token]);
    }

    /** Counts spans and makes room for their results; false if there is nothing to divide, or too much. */
    private boolean count(SpanAttention divided) {
        if (spans.length <= runs) {
            spans = new int[runs + 1];
            places = new int[runs + 1];
        }
        long place = 0;
        spans[0] = 0;
        places[0] = 0;
        for (int run = 0; run < runs; run++) {
            int count = positions[starts[run + 1] - 1] / divided.length() - firstSpan(run, divided) + 1;
            spans[run + 1] = spans[run] + count;
            int size = divided.resultSize(shape, starts[run + 1] - starts[run]);
            place += (long) count * shape.kvHeads() * size;
            if (place > MOST_RESULTS) {
                return false;
            }
            places[run + 1] = (int) place;
        }
        if (results.length < place) {
            results = new float[(int) Math.min(MOST_RESULTS, 2 * place)];
        }
        return spans[runs] > runs;
    }

    private int firstSpan(int run, SpanAttention divided) {
        return shape.window() == 0 ? 0 : Math.max(0, positions[starts[run]] - shape.window() + 1) / divided.length();
    }

    private void attend(int from, int to, Scratch scratch) {
        for (int piece = from; piece < to; piece++) {
            int run = piece / shape.kvHeads();
            rows.attend(
                    first,
                    shape,
                    piece % shape.kvHeads(),
                    positions,
                    starts[run],
                    starts[run + 1],
                    cache(run),
                    second,
                    scratch);
        }
    }

    private CpuKvBuffer cache(int run) {
        return CpuKernels.own(caches[sequences[starts[run]]]);
    }

    private void span(int from, int to, Scratch scratch) {
        SpanAttention divided = rows.spans();
        for (int piece = from; divided != null && piece < to; piece++) {
            int run = 0;
            while (piece >= spans[run + 1] * shape.kvHeads()) {
                run++;
            }
            int count = spans[run + 1] - spans[run];
            int within = piece - spans[run] * shape.kvHeads();
            int size = (places[run + 1] - places[run]) / (count * shape.kvHeads());
            divided.attend(
                    first,
                    shape,
                    within / count,
                    positions,
                    starts[run],
                    starts[run + 1],
                    cache(run),
                    firstSpan(run, divided) + within % count,
                    results,
                    places[run] + within * size,
                    scratch);
        }
    }

    private void merge(int from, int to, Scratch scratch) {
        SpanAttention divided = rows.spans();
        for (int piece = from; divided != null && piece < to; piece++) {
            int run = piece / shape.kvHeads();
            int kvHead = piece % shape.kvHeads();
            divided.merge(
                    first,
                    shape,
                    kvHead,
                    positions,
                    starts[run],
                    starts[run + 1],
                    cache(run),
                    results,
                    places[run] + kvHead * ((places[run + 1] - places[run]) / shape.kvHeads()),
                    spans[run + 1] - spans[run],
                    second,
                    scratch);
        }
    }
}
