package awq4j.quant.checkpoint;

import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.tensor.DType;
import awq4j.weight.Weight;
import java.nio.file.Path;
import java.util.List;

/**
 * A form that a model's weights can be written in. It says first how it would hold each matrix, which is where anything
 * is lost, and writes what it said.
 */
public interface ConversionTarget {
    /** As a user spells it, for example {@code awq-gemm}. */
    String label();

    /** Whether the result is one file, in place of a folder. */
    boolean isFile();

    /** What the name of a file ends with; empty if that does not matter. */
    default String ending() {
        return "";
    }

    /**
     * A matrix as the result will hold it: of the same codes, scales and zeros if it has a place for them.
     *
     * @param weight [rows, columns] in transformers' order of rows, plain or of codes
     */
    Held hold(Matrix matrix, Weight weight);

    /**
     * A matrix as this form begins with it: as it is, or, where values are rounded anyway, with what runs beside it added.
     */
    default Weight read(ConversionSource source, Matrix matrix) {
        return source.read(matrix);
    }

    /** The type that a tensor of floats is stored in that is none of the source's matrices. */
    default DType hold(String name, DType dtype) {
        return dtype;
    }

    /** About how many bytes the result has. */
    long sizeBytes(ConversionPlan plan);

    /**
     * Writes the result under a name that nobody looks for yet.
     *
     * @param to an empty folder, or a file that does not exist
     * @param beforeEach runs before each matrix or tensor is written; what it throws ends the writing
     * @throws java.io.UncheckedIOException if the disk is full or not writable
     */
    void write(ConversionPlan plan, Path to, Runnable beforeEach);

    /** What a reader of the result should know, in whole sentences; usually nothing. */
    default List<String> remarks(ConversionPlan plan) {
        return List.of();
    }
}
