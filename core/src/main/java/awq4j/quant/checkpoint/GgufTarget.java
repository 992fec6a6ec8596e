package awq4j.quant.checkpoint;

import awq4j.chat.ChatTemplate;
import awq4j.chat.ChatTemplates;
import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.GenerationConfig;
import awq4j.format.UnsupportedModelException;
import awq4j.format.gguf.Architecture;
import awq4j.format.gguf.GgmlType;
import awq4j.format.gguf.GgufWriter;
import awq4j.format.gguf.PlainBlocks;
import awq4j.format.gguf.SamplingKeys;
import awq4j.format.gguf.StoredPart;
import awq4j.format.gguf.TensorNames;
import awq4j.format.gguf.TokenKeys;
import awq4j.model.ModelSpec;
import awq4j.quant.checkpoint.ConversionPlan.PlannedMatrix;
import awq4j.quant.checkpoint.ConversionPlan.PlannedTensor;
import awq4j.quant.checkpoint.ConversionSource.Matrix;
import awq4j.quant.checkpoint.ConversionSource.Place;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.tokenizer.TokenizerFile;
import awq4j.tokenizer.gguf.GgufVocabulary;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout;
import awq4j.weight.WeightLayout.Dense;
import awq4j.weight.WeightLayout.GgufBlock;
import awq4j.weight.WeightLayout.Grouped;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;

/**
 * A GGUF file with all that llama.cpp needs to run the model: weights, tokenizer, chat templates. Matrices of blocks get
 * the file's type; embedding and output stay floats beside 4-bit blocks, as AWQ leaves them.
 */
final class GgufTarget implements ConversionTarget {
    private static final int QUANTIZATION_VERSION = 2;
    private static final int ROWS_TOGETHER = 1024;

    private final String label;
    private final GgmlType type;
    private final ConversionSource source;
    private final Architecture architecture;
    private final TensorNames names;
    private final GgufKeys keys;
    private final GgufVocabulary vocabulary;

    /** @throws UnsupportedModelException if GGUF files have no place for the model or its tokenizer */
    GgufTarget(String label, GgmlType type, ConversionSource source) {
        this.label = label;
        this.type = type;
        this.source = source;
        Config config = source.checkpoint().config();
        ModelSpec model = source.model();
        String name = config.texts("architectures").stream().findFirst().orElse("");
        this.architecture = Architecture.ofTransformers(name)
                .orElseThrow(() -> new UnsupportedModelException(name + " is not written to GGUF files; supported: "
                        + String.join(", ", Architecture.classes())));
        var shape = model.blocks().getFirst().attention().shape();
        this.names = new TensorNames(architecture, shape.heads(), shape.kvHeads());
        this.keys = GgufKeys.of(architecture, model, config);
        requirePlaces();
        this.vocabulary =
                GgufVocabulary.of(TokenizerFile.read(source.checkpoint().path()), model.vocabulary());
    }

    private void requirePlaces() {
        var used = new TreeSet<>(ModelScan.used(source.model()));
        source.checkpoint().names().stream()
                .filter(used::contains)
                .filter(name -> names.stored(name).isEmpty())
                .findFirst()
                .ifPresent(name -> {
                    throw new UnsupportedModelException("the model has " + name + ", which llama.cpp's architecture \""
                            + architecture.label() + "\" has no place for");
                });
    }

    @Override
    public String label() {
        return label;
    }

    @Override
    public boolean isFile() {
        return true;
    }

    @Override
    public String ending() {
        return ".gguf";
    }

    /** The form has a place for the sum only. */
    @Override
    public Weight read(ConversionSource from, Matrix matrix) {
        return from.readCorrected(matrix);
    }

    @Override
    public Held hold(Matrix matrix, Weight weight) {
        boolean dense = weight.layout() instanceof Dense;
        if (matrix.place() == Place.ROUTER) {
            return Held.exactly(inFloat32(weight));
        }
        boolean kept = dense && type != GgmlType.F16 && type != GgmlType.Q8_0 && matrix.place() == Place.OUTER;
        if (kept || (weight.layout().equals(new Dense(DType.F16)) && type == GgmlType.F16)) {
            return Held.exactly(weight);
        }
        if (type == GgmlType.F16) {
            return new Held(Regrouping.inFloat16(weight), "values finer than float16, rounded");
        }
        if (!GgufRounding.fits(weight)) {
            return new Held(Regrouping.inFloat16(weight), "no whole blocks of 32 columns, kept in float16");
        }
        return new GgufRounding(type).hold(weight);
    }

    private static Weight inFloat32(Weight weight) {
        if (!(weight.layout() instanceof Dense dense)) {
            throw new UnsupportedModelException(weight.name() + ": expected floats, found " + weight.layout());
        }
        Tensor tensor = new Tensor(dense.dtype(), Shape.of(weight.rows(), weight.columns()), weight.values());
        Dense wide = new Dense(DType.F32);
        return new Weight(
                weight.name(),
                weight.rows(),
                weight.columns(),
                wide,
                tensor.as(DType.F32).data(),
                null,
                null);
    }

    /** llama.cpp wants vectors in float32. */
    @Override
    public DType hold(String name, DType dtype) {
        return DType.F32;
    }

    @Override
    public long sizeBytes(ConversionPlan plan) {
        return writer(plan, () -> {}).sizeBytes();
    }

    @Override
    public void write(ConversionPlan plan, Path to, Runnable beforeEach) {
        writer(plan, beforeEach).write(to);
    }

    @Override
    public List<String> remarks(ConversionPlan plan) {
        var remarks = new ArrayList<>(keys.remarks());
        remarks.addAll(vocabulary.remarks());
        return remarks;
    }

    private GgufWriter writer(ConversionPlan plan, Runnable beforeEach) {
        var writer = new GgufWriter()
                .text("general.architecture", architecture.label())
                .text(
                        "general.name",
                        String.valueOf(source.checkpoint()
                                .path()
                                .toAbsolutePath()
                                .normalize()
                                .getFileName()))
                .number("general.file_type", fileType())
                .number("general.quantization_version", QUANTIZATION_VERSION);
        keys.write(writer);
        Checkpoint checkpoint = source.checkpoint();
        GenerationConfig generation = GenerationConfig.read(checkpoint.path(), checkpoint.config());
        sampling(writer, generation);
        vocabulary.write(writer, List.copyOf(new TreeSet<>(generation.endTokens())));
        templates(writer);
        tensors(plan, beforeEach, writer);
        return writer;
    }

    /** What llama.cpp calls a file whose matrices are mostly of a type. */
    private int fileType() {
        return switch (type) {
            case F16 -> 1;
            case Q4_0 -> 2;
            case Q4_1 -> 3;
            case Q8_0 -> 7;
            default -> throw new IllegalStateException(type + " is not written");
        };
    }

    private static void sampling(GgufWriter writer, GenerationConfig generation) {
        if (!generation.sample()) {
            return;
        }
        generation.temperature().ifPresent(value -> writer.real(SamplingKeys.TEMPERATURE, value));
        generation.topK().ifPresent(value -> writer.number(SamplingKeys.TOP_K, value));
        generation.topP().ifPresent(value -> writer.real(SamplingKeys.TOP_P, value));
        generation.minP().ifPresent(value -> writer.real(SamplingKeys.MIN_P, value));
        generation.repetitionPenalty().ifPresent(value -> writer.real(SamplingKeys.REPETITION_PENALTY, value));
    }

    private void templates(GgufWriter writer) {
        Map<String, ChatTemplate> templates = ChatTemplates.read(
                        source.checkpoint().path())
                .map(ChatTemplates::byName)
                .orElse(Map.of());
        templates.forEach((name, template) -> writer.text(
                name.equals(ChatTemplates.DEFAULT) ? TokenKeys.TEMPLATE : TokenKeys.TEMPLATE + "." + name,
                template.source()));
    }

    /** A matrix or vector with its place. */
    private record Piece(StoredPart part, GgmlType type, Shape shape, GgufWriter.Data data) {}

    private void tensors(ConversionPlan plan, Runnable beforeEach, GgufWriter writer) {
        var pieces = new LinkedHashMap<String, List<Piece>>();
        for (PlannedMatrix planned : plan.matrices()) {
            names.stored(planned.matrix().name() + ".weight")
                    .ifPresent(part -> pieces.computeIfAbsent(part.stored(), stored -> new ArrayList<>())
                            .add(piece(planned, part, beforeEach)));
        }
        for (PlannedTensor planned : plan.tensors()) {
            names.stored(planned.name())
                    .ifPresent(part -> pieces.computeIfAbsent(part.stored(), stored -> new ArrayList<>())
                            .add(piece(planned, part, beforeEach)));
        }
        pieces.forEach((stored, parts) -> {
            parts.sort((a, b) -> Integer.compare(a.part.expert(), b.part.expert()));
            Piece first = parts.getFirst();
            Shape shape = first.shape;
            if (first.part.expert() >= 0) {
                var dims = new ArrayList<Long>();
                dims.add((long) parts.size());
                dims.addAll(shape.dims());
                shape = new Shape(dims);
            }
            writer.tensor(stored, first.type, shape, sink -> {
                for (Piece piece : parts) {
                    piece.data.writeTo(sink);
                }
            });
        });
    }

    private Piece piece(PlannedMatrix planned, StoredPart part, Runnable beforeEach) {
        Shape shape = part.row() ? Shape.of(planned.columns()) : Shape.of(planned.rows(), planned.columns());
        GgmlType stored = typeOf(planned.layout());
        return new Piece(part, stored, shape, sink -> {
            beforeEach.run();
            put(hold(planned.matrix(), read(source, planned.matrix())).weight(), stored, part, sink);
        });
    }

    private static GgmlType typeOf(WeightLayout layout) {
        return switch (layout) {
            case Dense dense -> GgmlType.valueOf(dense.dtype().name());
            case Grouped grouped ->
                Arrays.stream(GgmlType.values())
                        .filter(type ->
                                PlainBlocks.layout(type).filter(grouped::equals).isPresent())
                        .findFirst()
                        .orElseThrow();
            case GgufBlock block -> GgmlType.valueOf(block.type().name());
        };
    }

    private static void put(Weight weight, GgmlType type, StoredPart part, GgufWriter.Sink sink) throws IOException {
        int[] order = part.order(weight.rows());
        for (int from = 0; from < order.length; from += ROWS_TOGETHER) {
            int[] rows = Arrays.copyOfRange(order, from, Math.min(order.length, from + ROWS_TOGETHER));
            if (weight.layout() instanceof Grouped) {
                sink.put(MemorySegment.ofArray(PlainBlocks.pack(type, weight, rows)));
                continue;
            }
            long width = weight.values().byteSize() / weight.rows();
            for (int row : rows) {
                sink.put(weight.values().asSlice(row * width, width));
            }
        }
    }

    private Piece piece(PlannedTensor planned, StoredPart part, Runnable beforeEach) {
        Shape shape = source.checkpoint().shape(planned.name());
        return new Piece(part, GgmlType.F32, shape, sink -> {
            beforeEach.run();
            Tensor tensor = source.checkpoint().tensor(planned.name());
            float[] values = tensor.toFloats();
            int[] order = part.order(Math.toIntExact(shape.dim(0)));
            float[] stored = new float[values.length];
            int width = values.length / Math.max(1, order.length);
            for (int row = 0; row < order.length; row++) {
                System.arraycopy(values, order[row] * width, stored, row * width, width);
            }
            if (part.plusOne()) {
                for (int i = 0; i < stored.length; i++) {
                    stored[i] += 1;
                }
            }
            sink.put(MemorySegment.ofArray(stored));
        });
    }
}
