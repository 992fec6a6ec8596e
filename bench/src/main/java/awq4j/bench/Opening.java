package awq4j.bench;

import awq4j.eval.speed.MemoryPeak;
import awq4j.eval.speed.ModelShape;
import awq4j.eval.speed.RandomCheckpoint;
import awq4j.eval.speed.WeightKind;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.awq.AwqPacking;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import awq4j.weight.WeightLayout.Grouped;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * How long a quantized model takes to open, beside the least that it could take: reading its files, and repacking what they
 * hold at 1 GB/s on each core. The first opening is that of a fresh Java; the memory's peak is taken after it.
 */
public final class Opening {
    private static final int GROUP = 128;
    private static final int RUNS = 5;
    private static final double REPACKED_PER_SECOND = 1e9;

    private Opening() {}

    /**
     * Runs it.
     *
     * @param arguments a model to open, a folder or file; or {@code make} and a folder to put an AWQ model of TinyLlama's
     *     shape into, which {@code awq4j convert} makes the others of
     */
    public static void main(String[] arguments) throws IOException {
        bringVectorsIn();
        if (arguments.length == 2 && arguments[0].equals("make")) {
            make(Path.of(arguments[1]));
        } else if (arguments.length == 1) {
            measure(Path.of(arguments[0]));
        } else {
            throw new IllegalArgumentException("expected MODEL, or make FOLDER");
        }
    }

    /** As the program does, so that Java can be started with its options and its start-up cache: bench/launched. */
    private static void bringVectorsIn() throws IOException {
        if (ModuleLayer.boot().findModule("jdk.incubator.vector").isPresent()) {
            return;
        }
        try {
            Class.forName("jdk.internal.module.Modules")
                    .getMethod("loadModule", String.class)
                    .invoke(null, "jdk.incubator.vector");
        } catch (ReflectiveOperationException e) {
            throw new IOException("the Vector API's module cannot be fetched; bench/run names it", e);
        }
    }

    private static void measure(Path model) throws IOException {
        List<Path> files;
        long bytes = 0;
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            files = checkpoint.files();
        }
        for (Path file : files) {
            bytes += Files.size(file);
        }
        read(files); // into the page cache
        double reading = read(files);
        int threads = Runtime.getRuntime().availableProcessors();
        double least = reading + bytes / REPACKED_PER_SECOND / threads;
        double first = open(model);
        long peak = MemoryPeak.soFar().bytes();
        List<Double> later =
                IntStream.range(0, RUNS).mapToObj(run -> open(model)).sorted().toList();
        System.out.printf(
                Locale.ROOT,
                "%s: %d MB, read in %.2f s, least %.2f s; opened in %.2f s (%.2f times), peak %d MB, later %.2f s (%.2f times)%n",
                model.getFileName(),
                bytes / 1_000_000,
                reading,
                least,
                first,
                first / least,
                peak / 1_000_000,
                later.get(RUNS / 2),
                later.get(RUNS / 2) / least);
    }

    private static double read(List<Path> files) throws IOException {
        var buffer = ByteBuffer.allocateDirect(1 << 20);
        long start = System.nanoTime();
        for (Path file : files) {
            try (FileChannel channel = FileChannel.open(file)) {
                while (channel.read(buffer.clear()) >= 0) {}
            }
        }
        return (System.nanoTime() - start) / 1e9;
    }

    private static double open(Path model) {
        long start = System.nanoTime();
        try (Checkpoint checkpoint = Checkpoints.open(model);
                var backend = CpuBackend.open(CpuOptions.FASTEST)) {
            Transformer.open(backend, Families.spec(checkpoint), checkpoint, Transformer.DEFAULT_CHUNK);
            return (System.nanoTime() - start) / 1e9;
        }
    }

    private static void make(Path folder) throws IOException {
        try (var random = new RandomCheckpoint(ModelShape.of("tinyllama-1.1b"), new WeightKind.Quantized(GROUP))) {
            write(random, folder);
        }
    }

    private static void write(RandomCheckpoint random, Path folder) throws IOException {
        ModelSpec model = random.shape().spec();
        var sources = new ArrayList<Source>();
        for (Linear linear : model.outerLinears()) {
            Weight weight = random.linear(linear.name());
            var tensor = new Tensor(DType.F16, Shape.of(weight.rows(), weight.columns()), weight.values());
            sources.add(Source.of(linear.name() + ".weight", tensor));
        }
        model.outerNorms().forEach(norm -> add(sources, norm));
        for (var block : model.blocks()) {
            block.norms().forEach(norm -> add(sources, norm));
            block.linears().forEach(linear -> add(sources, random, linear));
        }
        Files.createDirectories(folder);
        SafetensorsWriter.write(folder.resolve("model.safetensors"), Map.of("format", "pt"), sources);
        ObjectNode config = ((ObjectNode) random.config().json()).deepCopy();
        config.putObject("quantization_config")
                .put("quant_method", "awq")
                .put("bits", 4)
                .put("group_size", GROUP)
                .put("zero_point", true)
                .put("version", "gemm");
        Files.writeString(folder.resolve("config.json"), JsonMapper.shared().writeValueAsString(config));
        String letters = IntStream.range(0, 26)
                .mapToObj(i -> "\"" + (char) ('a' + i) + "\":" + i)
                .collect(Collectors.joining(","));
        Files.writeString(
                folder.resolve("tokenizer.json"),
                "{\"version\":\"1.0\",\"added_tokens\":[],\"pre_tokenizer\":{\"type\":\"ByteLevel\","
                        + "\"add_prefix_space\":false,\"trim_offsets\":true,\"use_regex\":true},"
                        + "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,\"trim_offsets\":true,"
                        + "\"use_regex\":true},\"model\":{\"type\":\"BPE\",\"merges\":[],\"vocab\":{" + letters
                        + "}}}");
    }

    private static void add(List<Source> sources, Norm norm) {
        norm.tensors().forEach(name -> {
            float[] ones = new float[norm.size()];
            java.util.Arrays.fill(ones, 1);
            sources.add(Source.of(name, Tensor.ofFloats(ones, ones.length).as(DType.F16)));
        });
    }

    /** Packed when its turn comes; written from one set of codes, tensors of a shape are the same. */
    private static void add(List<Source> sources, RandomCheckpoint random, Linear linear) {
        var layout = (Grouped) random.linear(linear.name()).layout();
        var parts = AwqPacking.parts(AwqPacking.Version.GEMM, linear.rows(), linear.columns(), layout);
        for (int i = 0; i < parts.size(); i++) {
            int index = i;
            var part = parts.get(i);
            sources.add(new Source(linear.name() + "." + part.word(), part.dtype(), part.shape(), () -> {
                var packed = AwqPacking.pack(random.linear(linear.name()));
                return List.of(packed.qweight(), packed.qzeros(), packed.scales())
                        .get(index);
            }));
        }
    }
}
