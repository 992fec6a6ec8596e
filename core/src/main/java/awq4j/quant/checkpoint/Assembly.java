package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.StoredMatrix;
import awq4j.model.family.Families;
import awq4j.quant.Widths;
import awq4j.tensor.DType;
import awq4j.tensor.FloatFormats;
import awq4j.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Supplier;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/** Puts a model together from finished blocks and what the source has besides, and reads it back. */
final class Assembly implements AutoCloseable {
    private static final int PIECE = 1 << 16;

    private final Checkpoint source;
    private final ModelSpec model;
    private final Widths widths;
    private final List<BlockFile> blocks = new ArrayList<>();

    private Assembly(Checkpoint source, ModelSpec model, Widths widths) {
        this.source = source;
        this.model = model;
        this.widths = widths;
    }

    /** Opens all blocks of a work folder. */
    static Assembly open(Checkpoint source, ModelSpec model, Widths widths, WorkFolder work) {
        var assembly = new Assembly(source, model, widths);
        boolean opened = false;
        try {
            for (BlockSpec spec : model.blocks()) {
                assembly.blocks.add(BlockFile.open(work.block(spec.index())));
            }
            opened = true;
            return assembly;
        } finally {
            if (!opened) {
                assembly.close();
            }
        }
    }

    BlockFile block(int index) {
        return blocks.get(index);
    }

    /** Tensor prefixes of matrices that stay as they are. */
    List<String> notConverted() {
        var names = new ArrayList<String>();
        for (BlockSpec spec : model.blocks()) {
            for (StoredMatrix matrix : StoredMatrix.of(spec.linears())) {
                if (!block(spec.index()).quantized(matrix.parts().getFirst())) {
                    names.add(matrix.name());
                }
            }
        }
        return names;
    }

    /** All tensors of the result, in the source's order; what the source has not comes last. */
    List<Source> sources() {
        Map<String, BlockFile> replaced = new HashMap<>();
        for (BlockFile block : blocks) {
            block.names().forEach(name -> replaced.put(name, block));
        }
        Set<String> used = ModelScan.used(model);
        var sources = new ArrayList<Source>();
        for (String name : source.names()) {
            String prefix = name.endsWith(".weight") ? name.substring(0, name.length() - ".weight".length()) : name;
            BlockFile quantized = replaced.get(prefix + ".qweight");
            if (quantized != null && !prefix.equals(name)) {
                for (String part : List.of(".qweight", ".qzeros", ".scales")) {
                    sources.add(Source.of(prefix + part, quantized.tensor(prefix + part)));
                }
                continue;
            }
            BlockFile changed = replaced.get(name);
            Tensor tensor = changed == null ? source.tensor(name) : changed.tensor(name);
            // what the model does not use (old files store rotary frequencies) is nobody's to round
            boolean round = tensor.dtype().isFloat() && used.contains(name);
            Supplier<Tensor> data = () -> tensor;
            sources.add(new Source(name, round ? DType.F16 : tensor.dtype(), tensor.shape(), data));
        }
        Set<String> listed = sources.stream().map(Source::name).collect(Collectors.toSet());
        for (BlockFile block : blocks) {
            for (String name : block.names()) {
                if (!listed.contains(name)) {
                    sources.add(Source.of(name, block.tensor(name)));
                }
            }
        }
        return sources;
    }

    /**
     * Opens the result as any reader would and compares it with what was meant: codes, scales and zeros of every row, and
     * every other number.
     *
     * @throws IllegalStateException if something differs
     */
    void verify(Path folder) {
        try (Checkpoint result = Checkpoints.open(folder)) {
            ModelSpec reread = Families.spec(result);
            Parameters parameters = Parameters.of(result);
            for (BlockSpec spec : reread.blocks()) {
                for (Linear linear : spec.linears()) {
                    if (block(spec.index()).quantized(linear)) {
                        BlockFile.requireSame(
                                block(spec.index()).linear(linear, widths), parameters.matrix(linear), folder);
                    }
                }
            }
            for (Source source : sources()) {
                String difference = difference(source.data().get(), result.tensor(source.name()));
                if (difference != null) {
                    throw new IllegalStateException(folder + ": tensor " + source.name() + " reads back " + difference
                            + "; is the disk failing?");
                }
            }
        }
    }

    private static @Nullable String difference(Tensor meant, Tensor found) {
        if (meant.dtype() == found.dtype()) {
            return meant.data().mismatch(found.data()) < 0 ? null : "differently from what was written";
        }
        long elements = meant.shape().elements();
        float[] a = new float[(int) Math.min(PIECE, elements)];
        float[] b = new float[a.length];
        for (long from = 0; from < elements; from += a.length) {
            int count = (int) Math.min(a.length, elements - from);
            meant.copyTo(from, a, 0, count);
            found.copyTo(from, b, 0, count);
            for (int i = 0; i < count; i++) {
                if (FloatFormats.round(a[i], found.dtype()) != b[i]) {
                    return b[i] + " at " + (from + i) + ", expected " + a[i];
                }
            }
        }
        return null;
    }

    /** Writes the tensors. */
    void write(Path folder, long maxShardBytes) {
        // transformers refuses files that do not say so
        SafetensorsWriter.writeSharded(folder, Map.of("format", "pt"), sources(), maxShardBytes);
    }

    @Override
    public void close() {
        blocks.forEach(BlockFile::close);
    }
}
