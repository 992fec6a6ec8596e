package awq4j.eval.speed;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.Precision;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.runtime.Generation;
import awq4j.runtime.Sampling;
import awq4j.runtime.Sequence;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * What a token costs in memory once the compiler is done. Of a model this wide anything that is as long as a row of
 * activations, even in 16 bits, is more than {@link #FEW}.
 */
class DecodeAllocationTest {
    private static final int HIDDEN = 512;

    /** The descriptions of a batch take some 330 bytes: arrays of one int, mostly. */
    private static final long FEW = 768;

    private static final int REPLY = 200;

    /** Replies until the compiler is done, 10 to 20; many times that if others have the machine. */
    private static final int MOST_REPLIES = 300;

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    @TempDir
    private Path folder;

    private long atFirst;
    private long atLast;
    private int seen;

    @ParameterizedTest
    @EnumSource(Precision.class)
    void aTokenCostsNoMemoryThatGrowsWithTheModel(Precision precision) throws IOException {
        Path config = folder.resolve("config.json");
        Files.writeString(
                config,
                "{\"architectures\": [\"LlamaForCausalLM\"], \"hidden_size\": " + HIDDEN
                        + ", \"num_hidden_layers\": 2, \"num_attention_heads\": 8, \"num_key_value_heads\": 2,"
                        + " \"intermediate_size\": 512, \"vocab_size\": 1024, \"max_position_embeddings\": 256}");
        try (var backend = CpuBackend.open(new CpuOptions(Arithmetic.AUTO, precision, 1));
                var checkpoint =
                        new RandomCheckpoint(ModelShape.of(config.toString()), new WeightKind.Quantized(128))) {
            var transformer = Transformer.open(backend, Families.spec(checkpoint), checkpoint, 8);
            var sequence = new Sequence(transformer, KvPrecision.F16, REPLY + 8);
            long perToken = Long.MAX_VALUE;
            for (int reply = 0; reply < MOST_REPLIES && perToken > FEW; reply++) {
                perToken = allocatedPerToken(sequence);
            }
            assertThat(perToken).isBetween(0L, FEW);
        }
    }

    private long allocatedPerToken(Sequence sequence) {
        sequence.clear();
        seen = 0;
        Generation.run(
                sequence,
                new int[] {1, 2, 3, 4},
                Sampling.greedy().withMaxTokens(REPLY),
                Set.of(),
                this::next,
                () -> false);
        return (atLast - atFirst) / (REPLY - 1);
    }

    private boolean next(int token) {
        if (seen == 0) {
            atFirst = THREADS.getCurrentThreadAllocatedBytes();
        }
        atLast = THREADS.getCurrentThreadAllocatedBytes();
        seen++;
        return token >= 0;
    }
}
