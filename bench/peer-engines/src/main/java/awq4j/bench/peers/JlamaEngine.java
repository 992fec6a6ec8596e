package awq4j.bench.peers;

import com.github.tjake.jlama.model.AbstractModel;
import com.github.tjake.jlama.model.ModelSupport;
import com.github.tjake.jlama.safetensors.DType;
import com.github.tjake.jlama.safetensors.prompt.PromptContext;
import com.github.tjake.jlama.tensor.operations.TensorOperationsProvider;
import com.github.tjake.jlama.util.MachineSpec;
import java.util.Locale;
import java.util.Optional;
import java.util.UUID;

/**
 * Jlama, with its C library where there is one for this machine. Memory types are those of its own program: activations in
 * float32, rounded to 8 bits where they meet 4-bit weights.
 */
final class JlamaEngine implements Engine {
    private final Vocabulary vocabulary;
    private final AbstractModel model;

    JlamaEngine(EngineRun run) {
        vocabulary = new Vocabulary(run.shape().vocabulary());
        model = ModelSupport.loadModel(
                run.model().toFile(), null, DType.F32, DType.I8, Optional.empty(), Optional.of(run.threads()));
    }

    @Override
    public String arithmetic() {
        return TensorOperationsProvider.get().name() + ", told to be on " + MachineSpec.VECTOR_TYPE;
    }

    @Override
    public Reply reply(int promptTokens, int replyTokens, long seed) {
        var prompt = PromptContext.of(vocabulary.text(promptTokens - 1, seed));
        var arrivals = new Arrivals();
        long start = System.nanoTime();
        // The length it takes is that of prompt and reply; the first token of a reply comes on top.
        var response = model.generate(
                UUID.randomUUID(), prompt, 0, promptTokens + replyTokens - 1, (text, rate) -> arrivals.add());
        System.err.printf(
                Locale.ROOT,
                "%nits own timings: prompt %d ms, %.2f tokens/s of reply%n",
                response.promptTimeMs,
                response.generatedTokens * 1e3 / response.generateTimeMs);
        int ran = response.promptTokens + 1; // it does not count the begin token that it adds
        if (ran != promptTokens || arrivals.count != replyTokens) {
            throw new IllegalStateException("Jlama: expected " + promptTokens + " tokens of prompt and " + replyTokens
                    + " of reply, found " + ran + " and " + arrivals.count);
        }
        return new Reply(promptTokens, arrivals.first - start, replyTokens - 1, arrivals.last - arrivals.first);
    }

    private static final class Arrivals {
        private int count;
        private long first;
        private long last;

        void add() {
            last = System.nanoTime();
            first = count++ == 0 ? last : first;
        }
    }
}
