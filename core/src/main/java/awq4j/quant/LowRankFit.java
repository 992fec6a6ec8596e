package awq4j.quant;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import java.util.Arrays;
import java.util.SplittableRandom;
import org.jspecify.annotations.Nullable;

/**
 * The matrix L of rank r that is nearest to a residual R in what the outputs see: it minimizes
 * {@code trace((R - L) G (R - L)^T)}, G being the Gram matrix of the inputs, its diagonal, or one.
 *
 * <p>With G = S S^T that is the truncated singular value decomposition of R S, times S^-1 (Eckart and Young). Its left
 * singular vectors U are the eigenvectors of R G R^T, and U U^T R S S^-1 = U U^T R: so neither the root S nor an inverse
 * is needed, and G may be singular. L is kept as U, [rows, r], and U^T R, [r, columns].
 *
 * <p>U is found by iterating a subspace that is somewhat wider than r, from a fixed start, until what it captures grows by
 * less than {@value #ENOUGH} of itself. The residuals of rounding have flat spectra: single vectors of the subspace
 * converge slowly, but what they capture soon does not change.
 */
final class LowRankFit {
    private static final int WIDER = 8;
    private static final int MOST = 60;
    private static final double ENOUGH = 1e-5;
    private static final long SEED = 7;

    private final Backend backend;
    private final int rows;
    private final int columns;
    private final int width;
    private final PlacedWeight residual;
    private final PlacedWeight transposed;
    private final @Nullable PlacedWeight gram;
    private final float @Nullable [] diagonal;

    /**
     * @param residual [rows, columns]; not copied, not modified
     * @param gram [columns, columns]; null for the diagonal
     * @param diagonal of G, [columns]; null for ones if there is no Gram matrix either
     */
    private LowRankFit(
            Backend backend,
            int rows,
            int columns,
            float[] residual,
            float @Nullable [] gram,
            float @Nullable [] diagonal,
            int rank) {
        this.backend = backend;
        this.rows = rows;
        this.columns = columns;
        this.width = Math.min(rank + WIDER, rows);
        this.residual = backend.place(Weight.ofFloats("residual", rows, columns, residual));
        float[] turned = new float[residual.length];
        for (int row = 0; row < rows; row++) {
            for (int c = 0; c < columns; c++) {
                turned[c * rows + row] = residual[row * columns + c];
            }
        }
        this.transposed = backend.place(Weight.ofFloats("residual^T", columns, rows, turned));
        this.gram = gram == null ? null : backend.place(Weight.ofFloats("inputs^T inputs", columns, columns, gram));
        this.diagonal = diagonal;
    }

    /**
     * Fits.
     *
     * @param name tensor prefix of the linear
     * @param residual [rows, columns]; not modified
     * @param gram the inputs' Gram matrix, [columns, columns]; null to weight channels by {@code diagonal}
     * @param diagonal [columns], not negative; null to weight all alike, if there is no Gram matrix either
     * @param rank at most; less if the matrix has less
     */
    static LowRank of(
            Backend backend,
            String name,
            int rows,
            int columns,
            float[] residual,
            float @Nullable [] gram,
            float @Nullable [] diagonal,
            int rank) {
        int wanted = Math.min(rank, Math.min(rows, columns));
        return new LowRankFit(backend, rows, columns, residual, gram, diagonal, wanted).fit(name, wanted);
    }

    private LowRank fit(String name, int rank) {
        var random = new SplittableRandom(SEED);
        float[] basis = new float[width * rows]; // [width, rows]: vectors of the subspace lie side by side
        for (int i = 0; i < basis.length; i++) {
            basis[i] = (float) random.nextGaussian();
        }
        double captured = -1;
        float[] seen = new float[width * columns];
        for (int i = 0; i < MOST; i++) {
            orthonormalize(basis);
            seen = product(basis, rows, transposed); // U^T R
            float[] weighted = weighted(seen);
            var ritz = Jacobi.of(products(seen, weighted), width);
            basis = ritz.rotate(basis, rows);
            seen = ritz.rotate(seen, columns);
            double now = Arrays.stream(ritz.values()).limit(rank).sum();
            if (now <= captured * (1 + ENOUGH) || width == rows) {
                break;
            }
            captured = now;
            if (i + 1 < MOST) {
                basis = product(ritz.rotate(weighted, columns), columns, residual);
            }
        }
        float[] up = new float[rows * rank];
        for (int row = 0; row < rows; row++) {
            for (int k = 0; k < rank; k++) {
                up[row * rank + k] = basis[k * rows + row];
            }
        }
        return LowRank.ofFloats(name, rows, columns, rank, Arrays.copyOf(seen, rank * columns), up);
    }

    /** {@code x * by^T} for {@code x} [width, inner]. */
    private float[] product(float[] x, int inner, PlacedWeight by) {
        Buffer in = backend.allocate(width, inner);
        Buffer out = backend.allocate(width, by.rows());
        backend.write(x, in);
        backend.kernels().linear(by, null, in, out);
        float[] product = new float[width * by.rows()];
        backend.read(out, product);
        return product;
    }

    private float[] weighted(float[] x) {
        if (gram != null) {
            return product(x, columns, gram);
        }
        float[] weighted = x.clone();
        if (diagonal != null) {
            for (int i = 0; i < weighted.length; i++) {
                weighted[i] *= diagonal[i % columns];
            }
        }
        return weighted;
    }

    /** {@code a * b^T}, which is symmetric, [width, width], in double. */
    private double[] products(float[] a, float[] b) {
        double[] products = new double[width * width];
        for (int i = 0; i < width; i++) {
            for (int j = 0; j <= i; j++) {
                double sum = 0;
                for (int c = 0; c < columns; c++) {
                    sum += (double) a[i * columns + c] * b[j * columns + c];
                }
                products[i * width + j] = sum;
                products[j * width + i] = sum;
            }
        }
        return products;
    }

    /** Gram and Schmidt, twice over, in double; vectors that depend on those before become zero. */
    private void orthonormalize(float[] basis) {
        double[] vector = new double[rows];
        for (int k = 0; k < width; k++) {
            for (int i = 0; i < rows; i++) {
                vector[i] = basis[k * rows + i];
            }
            double before = norm(vector);
            for (int pass = 0; pass < 2; pass++) {
                for (int other = 0; other < k; other++) {
                    double dot = 0;
                    for (int i = 0; i < rows; i++) {
                        dot += vector[i] * basis[other * rows + i];
                    }
                    for (int i = 0; i < rows; i++) {
                        vector[i] -= dot * basis[other * rows + i];
                    }
                }
            }
            double after = norm(vector);
            double factor = after <= 1e-6 * before ? 0 : 1 / after;
            for (int i = 0; i < rows; i++) {
                basis[k * rows + i] = (float) (vector[i] * factor);
            }
        }
    }

    private static double norm(double[] vector) {
        double sum = 0;
        for (double value : vector) {
            sum += value * value;
        }
        return Math.sqrt(sum);
    }
}
