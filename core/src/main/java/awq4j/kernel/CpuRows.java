package awq4j.kernel;

/**
 * The operations that take rows or values one by one, on their way through the team. Arguments lie in fields, so that a
 * call makes no object: one of these runs some hundred times for each token.
 */
final class CpuRows {
    /** Values in a part of an operation: small operations stay on the caller's thread. */
    static final int ELEMENTS = 8192;

    private static final float[] NONE = {};
    private static final int[] NO_ROWS = {};

    private final RowKernels rows;
    private final ThreadTeam team;
    private final ThreadTeam.Work rmsNorm = this::rmsNorm;
    private final ThreadTeam.Work layerNorm = this::layerNorm;
    private final ThreadTeam.Work rotate = this::rotate;
    private final ThreadTeam.Work rotateNeighbours = this::rotateNeighbours;
    private final ThreadTeam.Work activate = this::activate;
    private final ThreadTeam.Work gate = this::gate;
    private final ThreadTeam.Work add = this::add;
    private final ThreadTeam.Work multiply = this::multiply;
    private final ThreadTeam.Work scale = this::scale;
    private final ThreadTeam.Work clamp = this::clamp;
    private final ThreadTeam.Work softcap = this::softcap;
    private final ThreadTeam.Work scatter = this::scatter;

    private float[] x = NONE;
    private float[] y = NONE;
    private float[] first = NONE;
    private float[] second = NONE;
    private int[] targets = NO_ROWS;
    private int columns;
    private int stride;
    private int headDim;
    private float epsilon;
    private float number;
    private Activation activation = Activation.RELU;

    CpuRows(RowKernels rows, ThreadTeam team) {
        this.rows = rows;
        this.team = team;
    }

    /** Rows in a part. */
    static int step(int columns) {
        return Math.max(1, ELEMENTS / Math.max(1, columns));
    }

    private void run(int units, int step, ThreadTeam.Work work) {
        try {
            team.run(units, step, work);
        } finally {
            x = NONE; // lets go of the caller's memory
            y = NONE;
            first = NONE;
            second = NONE;
            targets = NO_ROWS;
        }
    }

    /** Norms {@code segments} stretches of as many values as the gain has, from x to y. */
    void rmsNorm(float[] x, float[] gain, int n, float epsilon, float[] y, int segments) {
        this.x = x;
        this.y = y;
        this.first = gain;
        this.epsilon = epsilon;
        columns = n;
        run(segments, step(n), rmsNorm);
    }

    private void rmsNorm(int from, int to, Scratch scratch) {
        for (int s = from; s < to; s++) {
            rows.rmsNorm(x, s * columns, first, epsilon, y, s * columns, columns);
        }
    }

    /** Norms {@code segments} stretches of as many values as the gain has, from x to y; without bias that is empty. */
    void layerNorm(float[] x, float[] gain, float[] bias, int n, float epsilon, float[] y, int segments) {
        this.x = x;
        this.y = y;
        this.first = gain;
        this.second = bias;
        this.epsilon = epsilon;
        columns = n;
        run(segments, step(n), layerNorm);
    }

    private void layerNorm(int from, int to, Scratch scratch) {
        for (int r = from; r < to; r++) {
            rows.layerNorm(x, r * columns, first, second, epsilon, y, r * columns, columns);
        }
    }

    /** Turns {@code pairs} pairs of each head of {@code count} rows, of neighbours or of values half a rotation apart. */
    void rotate(float[] x, int n, int headDim, int pairs, float[] cos, float[] sin, int count, boolean neighbours) {
        this.x = x;
        this.first = cos;
        this.second = sin;
        this.headDim = headDim;
        columns = n;
        stride = pairs;
        run(count, step(n), neighbours ? rotateNeighbours : rotate);
    }

    private void rotate(int from, int to, Scratch scratch) {
        for (int r = from; r < to; r++) {
            for (int d = 0; d < columns; d += headDim) {
                rows.rotate(x, r * columns + d, stride, first, second, r * stride);
            }
        }
    }

    private void rotateNeighbours(int from, int to, Scratch scratch) {
        for (int r = from; r < to; r++) {
            for (int d = 0; d < columns; d += headDim) {
                rows.rotateNeighbours(x, r * columns + d, stride, first, second, r * stride);
            }
        }
    }

    /** {@code x = f(x)}. */
    void activate(Activation activation, float[] x, int n) {
        this.activation = activation;
        this.x = x;
        run(n, ELEMENTS, activate);
    }

    private void activate(int from, int to, Scratch scratch) {
        rows.activate(activation, x, from, to);
    }

    /** {@code x = f(x) * y}. */
    void gate(Activation activation, float[] x, float[] y, int n) {
        this.activation = activation;
        this.x = x;
        this.y = y;
        run(n, ELEMENTS, gate);
    }

    private void gate(int from, int to, Scratch scratch) {
        rows.gate(activation, x, y, from, to);
    }

    /** Adds to {@code count} rows of y those of x, or its only one if {@code repeated}. */
    void add(float[] x, boolean repeated, float[] y, int n, int count) {
        this.x = x;
        this.y = y;
        columns = n;
        stride = repeated ? 0 : n;
        run(count, step(n), add);
    }

    private void add(int from, int to, Scratch scratch) {
        for (int r = from; r < to; r++) {
            rows.add(x, r * stride, y, r * columns, columns);
        }
    }

    /** Multiplies {@code count} rows of y by those of x, or by its only one if {@code repeated}. */
    void multiply(float[] x, boolean repeated, float[] y, int n, int count) {
        this.x = x;
        this.y = y;
        columns = n;
        stride = repeated ? 0 : n;
        run(count, step(n), multiply);
    }

    private void multiply(int from, int to, Scratch scratch) {
        for (int r = from; r < to; r++) {
            rows.multiply(x, r * stride, y, r * columns, columns);
        }
    }

    /** {@code x = factor * x}. */
    void scale(float factor, float[] x, int n) {
        run(factor, x, n, scale);
    }

    private void scale(int from, int to, Scratch scratch) {
        rows.scale(number, x, from, to);
    }

    /** Keeps x within a limit on both sides of zero. */
    void clamp(float limit, float[] x, int n) {
        run(limit, x, n, clamp);
    }

    private void clamp(int from, int to, Scratch scratch) {
        rows.clamp(number, x, from, to);
    }

    /** {@code x = cap * tanh(x / cap)}. */
    void softcap(float cap, float[] x, int n) {
        run(cap, x, n, softcap);
    }

    private void softcap(int from, int to, Scratch scratch) {
        rows.softcap(number, x, from, to);
    }

    private void run(float number, float[] x, int n, ThreadTeam.Work work) {
        this.number = number;
        this.x = x;
        run(n, ELEMENTS, work);
    }

    /** Adds to rows of y, as the list names them from {@code first} on, {@code count} weighted rows of x. */
    void scatter(float[] x, int[] list, float[] weights, int first, float[] y, int n, int count) {
        this.x = x;
        this.y = y;
        this.first = weights;
        targets = list;
        columns = n;
        stride = first;
        run(count, step(n), scatter);
    }

    private void scatter(int from, int to, Scratch scratch) {
        for (int r = from; r < to; r++) {
            rows.addScaled(x, r * columns, first[stride + r], y, targets[stride + r] * columns, columns);
        }
    }
}
