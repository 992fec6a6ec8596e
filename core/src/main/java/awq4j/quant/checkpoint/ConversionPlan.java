package awq4j.quant.checkpoint;

import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.quant.checkpoint.ConversionSource.Place;
import awq4j.tensor.DType;
import awq4j.weight.WeightLayout;
import awq4j.weight.WeightLayout.Dense;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * What a conversion will do to every matrix and tensor, found without writing anything.
 *
 * @param source what is converted
 * @param matrices in the source's order
 * @param tensors in the source's order
 */
public record ConversionPlan(ConversionSource source, List<PlannedMatrix> matrices, List<PlannedTensor> tensors) {
    /** Copies the lists. */
    public ConversionPlan {
        matrices = List.copyOf(matrices);
        tensors = List.copyOf(tensors);
    }

    /**
     * What becomes of a matrix.
     *
     * @param layout in the result
     * @param unchanged whether it is plain, and stored as it was
     * @param ordered whether its stored columns have an order of their own
     * @param middleZeros whether the zero of every group is the middle code
     * @param zeroAtLowest whether the zero of some group is code 0
     * @param loss why something is lost, empty if nothing is
     * @param error sum of the squares of what the values change by
     * @param norm sum of the squares of the values
     */
    public record PlannedMatrix(
            Matrix matrix,
            int rows,
            int columns,
            WeightLayout layout,
            boolean unchanged,
            boolean ordered,
            boolean middleZeros,
            boolean zeroAtLowest,
            String loss,
            double error,
            double norm) {
        /** Whether the result has codes. */
        public boolean coded() {
            return !(layout instanceof Dense);
        }

        /** Root mean square of what the values change by, relative to that of the values. */
        public double relativeError() {
            return relative(error, norm);
        }
    }

    /** What becomes of another tensor; error and norm as of a matrix. */
    public record PlannedTensor(String name, DType dtype, double error, double norm) {}

    private static double relative(double error, double norm) {
        return norm == 0 ? 0 : Math.sqrt(error / norm);
    }

    /** The matrices that will be codes. */
    public List<PlannedMatrix> coded() {
        return matrices.stream().filter(PlannedMatrix::coded).toList();
    }

    /** Names of the matrices in blocks that will be plain. */
    public List<String> plainInBlocks() {
        return matrices.stream()
                .filter(planned -> !planned.coded())
                .filter(planned -> planned.matrix().place() == Place.BLOCK
                        || planned.matrix().place() == Place.ROUTER)
                .map(planned -> planned.matrix().name())
                .toList();
    }

    /** The matrices that change. */
    public List<PlannedMatrix> lossy() {
        return matrices.stream().filter(planned -> !planned.loss().isEmpty()).toList();
    }

    /** Other tensors that change. */
    public List<PlannedTensor> lossyTensors() {
        return tensors.stream().filter(planned -> planned.error() > 0).toList();
    }

    /** Whether nothing is lost. */
    public boolean exact() {
        return lossy().isEmpty() && lossyTensors().isEmpty();
    }

    /** How many matrices are lost something of for each reason. */
    public Map<String, Integer> reasons() {
        var reasons = new TreeMap<String, Integer>();
        lossy().forEach(planned -> reasons.merge(planned.loss(), 1, Integer::sum));
        return reasons;
    }

    /** Over all matrices and tensors that change, as {@link PlannedMatrix#relativeError}. */
    public double relativeError() {
        double error = 0;
        double norm = 0;
        for (PlannedMatrix planned : lossy()) {
            error += planned.error();
            norm += planned.norm();
        }
        for (PlannedTensor planned : lossyTensors()) {
            error += planned.error();
            norm += planned.norm();
        }
        return relative(error, norm);
    }

    /** The matrix that changes most.
     *
     * @throws java.util.NoSuchElementException if none changes
     */
    public PlannedMatrix worst() {
        return lossy().stream()
                .max(Comparator.comparingDouble(PlannedMatrix::relativeError))
                .orElseThrow();
    }
}
