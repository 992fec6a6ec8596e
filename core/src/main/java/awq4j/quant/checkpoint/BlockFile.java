package awq4j.quant.checkpoint;

import awq4j.format.MalformedFileException;
import awq4j.format.awq.AwqPacking;
import awq4j.format.awq.AwqPacking.Packed;
import awq4j.format.awq.AwqPacking.Version;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.Stored;
import awq4j.model.StoredMatrix;
import awq4j.quant.LinearReport;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantizedBlock;
import awq4j.quant.Widths;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.LowRank;
import awq4j.weight.Weight;
import awq4j.weight.WeightCodec;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.Grouped;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;

/**
 * A finished block in the work folder: its tensors as they will stand in the checkpoint, and how its linears fared.
 * When the file is there under its name, the block is done.
 */
final class BlockFile implements AutoCloseable {
    private static final String REPORTS = "reports";
    private static final String SECONDS = "seconds";

    private final SafetensorsFile file;

    private BlockFile(SafetensorsFile file) {
        this.file = file;
    }

    static BlockFile open(Path path) {
        return new BlockFile(SafetensorsFile.open(path));
    }

    /**
     * Packs and writes a block.
     *
     * @throws awq4j.format.UnsupportedModelException if a rewritten tensor is beyond float16
     */
    static void write(Path path, BlockSpec spec, QuantizedBlock block, Version version, double seconds) {
        var sources = new ArrayList<Source>();
        for (StoredMatrix matrix : StoredMatrix.of(spec.linears())) {
            if (block.linears().containsKey(matrix.parts().getFirst().name())) {
                Weight codes = matrix.codes(part -> Objects.requireNonNull(
                        block.linears().get(part.name()),
                        () -> part.name() + " is missing, but not all of its matrix"));
                Packed packed = AwqPacking.pack(codes, version);
                sources.add(Source.of(matrix.name() + ".qweight", packed.qweight()));
                sources.add(Source.of(matrix.name() + ".qzeros", packed.qzeros()));
                sources.add(Source.of(matrix.name() + ".scales", packed.scales()));
            }
        }
        block.changed().forEach((name, values) -> {
            requireFloat16(spec, name, values);
            Shape shape = shape(spec, name, values.length);
            Tensor tensor = new Tensor(DType.F32, shape, java.lang.foreign.MemorySegment.ofArray(values));
            sources.add(new Source(name, DType.F16, shape, () -> tensor));
        });
        block.corrections()
                .forEach((name, correction) ->
                        factors(name, correction).forEach((tensor, values) -> sources.add(Source.of(tensor, values))));
        var metadata = new TreeMap<String, String>();
        metadata.put(REPORTS, WholeFile.JSON.writeValueAsString(block.reports()));
        metadata.put(SECONDS, Double.toString(seconds));
        SafetensorsWriter.write(path, metadata, sources);
    }

    /** A correction's matrices by their tensor names. */
    private static SortedMap<String, Tensor> factors(String linear, LowRank correction) {
        var factors = new TreeMap<String, Tensor>();
        factors.put(linear + LowRank.DOWN, tensor(correction.down()));
        factors.put(linear + LowRank.UP, tensor(correction.up()));
        return factors;
    }

    private static Tensor tensor(Weight dense) {
        return new Tensor(((Dense) dense.layout()).dtype(), Shape.of(dense.rows(), dense.columns()), dense.values());
    }

    private static Shape shape(BlockSpec spec, String name, int size) {
        for (StoredMatrix matrix : StoredMatrix.of(spec.linears())) {
            if (name.equals(matrix.name() + ".weight")) {
                return matrix.transposed()
                        ? Shape.of(matrix.columns(), matrix.rows())
                        : Shape.of(matrix.rows(), matrix.columns());
            }
        }
        return Shape.of(size);
    }

    private static void requireFloat16(BlockSpec spec, String name, float[] values) {
        for (int i = 0; i < values.length; i++) {
            if (!Float.isFinite(Float.float16ToFloat(Float.floatToFloat16(values[i])))) {
                throw new awq4j.format.UnsupportedModelException(name + " (block " + spec.index() + ") becomes "
                        + values[i] + " at " + i + ", which float16 does not hold");
            }
        }
    }

    /** Tensor names. */
    Set<String> names() {
        return file.names();
    }

    Tensor tensor(String name) {
        return file.tensor(name);
    }

    boolean quantized(Linear linear) {
        return file.names().contains(linear.stored().name() + ".qweight");
    }

    /** A linear as a reader of the checkpoint will see it. */
    Weight linear(Linear linear, Widths widths) {
        QuantScheme scheme = widths.of(linear);
        Stored stored = linear.stored();
        var packed = new Packed(
                tensor(stored.name() + ".qweight"),
                tensor(stored.name() + ".qzeros"),
                tensor(stored.name() + ".scales"));
        Weight whole = AwqPacking.unpack(stored.name(), scheme.version(), scheme.bits(), scheme.groupSize(), packed);
        return linear.isPart()
                ? whole.rows(linear.name(), stored.first(), stored.run(), stored.stride(), linear.rows())
                : whole;
    }

    List<LinearReport> reports() {
        String json = file.metadata().get(REPORTS);
        if (json == null) {
            throw damaged();
        }
        try {
            var reports = new ArrayList<LinearReport>();
            for (JsonNode node : WholeFile.JSON.readTree(json).valueStream().toList()) {
                reports.add(WholeFile.JSON.treeToValue(node, LinearReport.class));
            }
            return reports;
        } catch (JacksonException e) {
            throw damaged();
        }
    }

    double seconds() {
        try {
            return Double.parseDouble(file.metadata().getOrDefault(SECONDS, ""));
        } catch (NumberFormatException e) {
            throw damaged();
        }
    }

    private MalformedFileException damaged() {
        return new MalformedFileException(file.path(), -1, "is not a block of an unfinished run");
    }

    /**
     * Checks that what is in the file is what was meant, row by row.
     *
     * @throws IllegalStateException if a code, scale, zero or correction differs; names linear and row, or tensor
     */
    void verify(BlockSpec spec, QuantizedBlock meant, Widths widths) {
        for (Linear linear : spec.linears()) {
            Weight expected = meant.linears().get(linear.name());
            if (expected != null) {
                requireSame(expected, linear(linear, widths), file.path());
            }
        }
        meant.corrections()
                .forEach((name, correction) -> factors(name, correction).forEach((tensor, values) -> {
                    if (values.data().mismatch(tensor(tensor).data()) >= 0) {
                        throw new IllegalStateException(file.path() + ": " + tensor
                                + " reads back differently from what was written; is the disk failing?");
                    }
                }));
    }

    /** @throws IllegalStateException if two quantized weights differ in a code, a scale or a zero */
    static void requireSame(Weight expected, Weight found, Path where) {
        Grouped a = (Grouped) expected.layout();
        Grouped b = (Grouped) found.layout();
        java.util.stream.IntStream.range(0, expected.rows()).parallel().forEach(row -> {
            boolean same = codes(expected, a, row).mismatch(codes(found, b, row)) < 0;
            for (int g = 0; g < a.groups(expected.columns()); g++) {
                same &= WeightCodec.scale(expected, a, row, g) == WeightCodec.scale(found, b, row, g)
                        && WeightCodec.zero(expected, a, row, g) == WeightCodec.zero(found, b, row, g);
            }
            if (!same) {
                throw new IllegalStateException(where + ": row " + row + " of " + expected.name()
                        + " reads back differently from what was written; is the disk failing?");
            }
        });
    }

    private static java.lang.foreign.MemorySegment codes(Weight weight, Grouped layout, int row) {
        long bytes = layout.rowBytes(weight.columns());
        return weight.values().asSlice(row * bytes, bytes);
    }

    @Override
    public void close() {
        file.close();
    }
}
