package awq4j.bench.peers;

import awq4j.quant.InverseFactor;
import java.util.Locale;
import java.util.Random;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ForkJoinPool;
import org.bytedeco.openblas.global.openblas;
import org.bytedeco.openblas.global.openblas_full;

/**
 * GPTQ's factor, the upper Cholesky factor of the inverse, beside OpenBLAS on as many threads, in turns; both in double.
 *
 * <p>OpenBLAS once takes the way of GPTQ's reference (dpotrf, dpotri, dpotrf) and once ours, with half the arithmetic
 * (dpotrf, dtrtri). Arguments: n, threads, rounds. Prints seconds of each round and the largest difference.
 */
public final class FactorPeers {
    private static final byte LOWER = 'L';
    private static final byte UPPER = 'U';
    private static final byte NOT_UNIT = 'N';

    private FactorPeers() {}

    /** Runs it. */
    public static void main(String[] args) throws ExecutionException, InterruptedException {
        if (args.length != 3) {
            throw new IllegalArgumentException("expected N THREADS ROUNDS");
        }
        int n = Integer.parseInt(args[0]);
        int threads = Integer.parseInt(args[1]);
        double[] h = positive(n);
        openblas.blas_set_num_threads(threads);
        System.out.println(
                "| n | dpotrf, dpotri, dpotrf | dpotrf, dtrtri | awq4j | difference |\n|--:|--:|--:|--:|--:|");
        try (var pool = new ForkJoinPool(threads)) {
            for (int round = 0; round < Integer.parseInt(args[2]); round++) {
                double[] reference = h.clone();
                long start = System.nanoTime();
                require(openblas_full.LAPACKE_dpotrf(openblas_full.LAPACK_ROW_MAJOR, LOWER, n, reference, n));
                require(openblas_full.LAPACKE_dpotri(openblas_full.LAPACK_ROW_MAJOR, LOWER, n, reference, n));
                double longWay = seconds(start);
                mirror(reference, n);
                start = System.nanoTime();
                require(openblas_full.LAPACKE_dpotrf(openblas_full.LAPACK_ROW_MAJOR, UPPER, n, reference, n));
                longWay += seconds(start);
                double[] same = h.clone();
                start = System.nanoTime();
                require(openblas_full.LAPACKE_dpotrf(openblas_full.LAPACK_ROW_MAJOR, LOWER, n, same, n));
                require(openblas_full.LAPACKE_dtrtri(openblas_full.LAPACK_ROW_MAJOR, LOWER, NOT_UNIT, n, same, n));
                double shortWay = seconds(start);
                double[] ours = h.clone();
                start = System.nanoTime();
                float[] u = pool.submit(() -> InverseFactor.of(ours, n)).get();
                double own = seconds(start);
                System.out.printf(
                        Locale.ROOT,
                        "| %d | %.2f s | %.2f s | %.2f s | %.1e |%n",
                        n,
                        longWay,
                        shortWay,
                        own,
                        difference(u, reference, n));
            }
        }
    }

    private static double[] positive(int n) {
        var random = new Random(1);
        double[] x = random.doubles(n, -1, 1).toArray();
        double[] h = new double[n * n];
        for (int i = 0; i < n; i++) {
            for (int j = 0; j < n; j++) {
                h[i * n + j] = Math.pow(0.99, Math.abs(i - j)) * (1 + x[i] * x[j]) + (i == j ? 0.01 : 0);
            }
        }
        return h;
    }

    private static void mirror(double[] matrix, int n) {
        for (int i = 0; i < n; i++) {
            for (int j = i + 1; j < n; j++) {
                matrix[i * n + j] = matrix[j * n + i];
            }
        }
    }

    private static double difference(float[] u, double[] reference, int n) {
        double largest = 0;
        for (int i = 0; i < n; i++) {
            for (int j = i; j < n; j++) {
                largest = Math.max(largest, Math.abs(u[i * n + j] - reference[i * n + j]));
            }
        }
        return largest;
    }

    private static void require(int info) {
        if (info != 0) {
            throw new IllegalStateException("LAPACK says " + info);
        }
    }

    private static double seconds(long start) {
        return (System.nanoTime() - start) / 1e9;
    }
}
