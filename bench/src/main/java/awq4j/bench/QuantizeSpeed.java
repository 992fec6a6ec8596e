package awq4j.bench;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.Parameters;
import awq4j.model.family.Families;
import awq4j.quant.Awq;
import awq4j.quant.BlockRunner;
import awq4j.quant.BlockWeights;
import awq4j.quant.Gptq;
import awq4j.quant.Objective;
import awq4j.quant.QuantMethod;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import awq4j.tensor.Tensor;
import awq4j.weight.Weight;
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryPoolMXBean;
import java.lang.management.MemoryType;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.Random;
import java.util.Set;
import java.util.stream.IntStream;
import tools.jackson.databind.json.JsonMapper;

/**
 * How long one decoder block takes to be quantized, step by step, and how much memory. Random weights in a Llama's shape;
 * the tokens that flow in are random as well, a few of their channels thirty times as large.
 *
 * <p>Arguments: hidden size, width of the MLP, heads, sequences of 512 tokens, and methods of {@code module}, {@code gram}
 * and {@code gptq}: {@code 4096 11008 32 128 gram} is a block of Llama-2-7B with AWQ's usual calibration. Prints a line of
 * a Markdown table for each method: seconds to run the block and keep or count what its linears see, seconds to quantize,
 * both by the clock and by processor, and the most that lay on the heap. What depends on the number of tokens grows with it evenly; {@code keep} and
 * {@code count} run the block and look, and {@code run} runs it only, so that a slope can be had by itself.
 */
public final class QuantizeSpeed {
    private static final int LENGTH = 512;

    private QuantizeSpeed() {}

    /** Runs it. */
    public static void main(String[] args) {
        if (args.length < 5) {
            throw new IllegalArgumentException("expected HIDDEN WIDTH HEADS SEQUENCES METHOD...");
        }
        int hidden = Integer.parseInt(args[0]);
        int width = Integer.parseInt(args[1]);
        int heads = Integer.parseInt(args[2]);
        int sequences = Integer.parseInt(args[3]);
        ModelSpec model = Families.spec(new Shape(hidden, width, heads));
        BlockSpec spec = model.blocks().getFirst();
        float[] flowing = flowing(sequences * LENGTH, hidden);
        System.out.println("| method | tokens | run and look | processor | quantize | processor | peak heap |\n"
                + "|---|--:|--:|--:|--:|--:|--:|");
        try (Backend backend = CpuBackend.open(new CpuOptions(Arithmetic.AUTO, 2))) {
            var runner = new BlockRunner(backend, model);
            for (String name : List.of(args).subList(4, args.length)) {
                run(name, runner, spec, flowing, sequences);
            }
        }
    }

    private static void run(String name, BlockRunner runner, BlockSpec spec, float[] flowing, int sequences) {
        if (Set.of("keep", "count", "run").contains(name)) {
            look(name, runner, spec, flowing, sequences);
            return;
        }
        var settings = new Awq.Settings(Scaling.DUO, true, sequences * LENGTH);
        QuantMethod method = switch (name) {
            case "module" -> new Awq(runner, settings);
            case "gram" -> new Awq(runner, settings.searching(Objective.GRAM));
            case "gptq" -> new Gptq(runner, Gptq.Settings.DEFAULT);
            default ->
                throw new IllegalArgumentException(
                        "expected module, gram, gptq, keep, count or run, was '" + name + "'");
        };
        var scheme = new QuantScheme(4, 128, false, name.equals("gptq") ? Range.INCLUDE_ZERO : Range.REFERENCE);
        BlockWeights weights = BlockWeights.load(spec, new RandomParameters());
        System.gc();
        pools().forEach(MemoryPoolMXBean::resetPeakUsage);
        Moment start = Moment.now();
        var captured = method.statisticsSuffice()
                ? runner.count(spec, weights, flowing, sequences, LENGTH)
                : runner.capture(spec, weights, flowing, sequences, LENGTH);
        Moment looked = Moment.now();
        var block = method.quantize(spec, weights, captured.capture(), scheme);
        Moment done = Moment.now();
        if (block.linears().size() != spec.linears().size()) {
            throw new IllegalStateException("some linears were not quantized: " + block.reports());
        }
        print(name, sequences, start, looked, done);
    }

    private static void look(String name, BlockRunner runner, BlockSpec spec, float[] flowing, int sequences) {
        BlockWeights weights = BlockWeights.load(spec, new RandomParameters());
        System.gc();
        pools().forEach(MemoryPoolMXBean::resetPeakUsage);
        Moment start = Moment.now();
        float[] outputs = switch (name) {
            case "keep" ->
                runner.capture(spec, weights, flowing, sequences, LENGTH).outputs();
            case "count" ->
                runner.count(spec, weights, flowing, sequences, LENGTH).outputs();
            default -> runner.outputs(spec, weights, flowing, sequences, LENGTH);
        };
        Moment done = Moment.now();
        if (outputs.length != flowing.length) {
            throw new IllegalStateException("the block put out " + outputs.length + " values");
        }
        print(name, sequences, start, done, done);
    }

    /** By the clock, and by what the program's threads computed: on a machine that others use the latter tells more. */
    private record Moment(long nanos, long processorNanos) {
        private static final OperatingSystemMXBean SYSTEM =
                ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

        static Moment now() {
            return new Moment(System.nanoTime(), SYSTEM.getProcessCpuTime());
        }

        String since(Moment before) {
            return String.format(
                    Locale.ROOT,
                    "%.1f s | %.1f s",
                    (nanos - before.nanos) / 1e9,
                    (processorNanos - before.processorNanos) / 1e9);
        }
    }

    private static void print(String name, int sequences, Moment start, Moment looked, Moment done) {
        double peak = pools().stream()
                .mapToLong(pool -> pool.getPeakUsage().getUsed())
                .sum();
        System.out.printf(
                Locale.ROOT,
                "| %s | %d | %s | %s | %.1f GB |%n",
                name,
                sequences * LENGTH,
                looked.since(start),
                done.since(looked),
                peak / 1e9);
    }

    private static List<MemoryPoolMXBean> pools() {
        return ManagementFactory.getMemoryPoolMXBeans().stream()
                .filter(pool -> pool.getType() == MemoryType.HEAP)
                .toList();
    }

    private static float[] flowing(int tokens, int hidden) {
        float[] values = gaussians(tokens * hidden, 1, 1);
        for (int i = 0; i < values.length; i++) {
            values[i] *= i % hidden % 97 == 5 ? 30 : 1;
        }
        return values;
    }

    private static float[] gaussians(int count, long seed, float deviation) {
        float[] values = new float[count];
        int chunk = 1 << 16;
        IntStream.range(0, (count + chunk - 1) / chunk).parallel().forEach(part -> {
            var random = new Random(seed * 1_000_003 + part);
            for (int i = part * chunk; i < Math.min(count, (part + 1) * chunk); i++) {
                values[i] = (float) random.nextGaussian() * deviation;
            }
        });
        return values;
    }

    /** Weights that keep magnitudes as they are. */
    private record RandomParameters() implements Parameters {
        @Override
        public Weight matrix(Linear linear) {
            float deviation = (float) (1 / Math.sqrt(linear.columns()));
            return Weight.ofFloats(
                    linear.name(),
                    linear.rows(),
                    linear.columns(),
                    gaussians(linear.rows() * linear.columns(), linear.name().hashCode(), deviation));
        }

        @Override
        public float[] bias(Linear linear) {
            return new float[linear.rows()];
        }

        @Override
        public float[] vector(String name, int size) {
            float[] ones = new float[size];
            java.util.Arrays.fill(ones, 1);
            return ones;
        }

        @Override
        public Optional<float[]> optional(String name, int size) {
            return Optional.empty();
        }
    }

    /** A configuration without files. */
    private record Shape(int hidden, int width, int heads) implements Checkpoint {
        @Override
        public Path path() {
            return Path.of("random");
        }

        @Override
        public Config config() {
            var json = JsonMapper.builder().build().createObjectNode();
            json.putArray("architectures").add("LlamaForCausalLM");
            json.put("model_type", "llama");
            json.put("hidden_size", hidden);
            json.put("intermediate_size", width);
            json.put("num_hidden_layers", 1);
            json.put("num_attention_heads", heads);
            json.put("num_key_value_heads", heads);
            json.put("vocab_size", 32);
            json.put("max_position_embeddings", 4096);
            json.put("rms_norm_eps", 1e-5);
            json.put("hidden_act", "silu");
            return Config.of(path(), json);
        }

        @Override
        public Optional<Quantization> quantization() {
            return Optional.empty();
        }

        @Override
        public Set<String> names() {
            return Set.of();
        }

        @Override
        public Tensor tensor(String name) {
            throw new IllegalArgumentException("no tensor " + name);
        }

        @Override
        public boolean hasLinear(String prefix) {
            return true;
        }

        @Override
        public Weight linear(String prefix) {
            throw new IllegalArgumentException("no linear " + prefix);
        }

        @Override
        public void close() {}
    }
}
