package awq4j.bench.peers;

import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaIterator;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.ModelParameters;

/**
 * llama.cpp through its JNI binding. The binding tells no timings of its own, so the clock is read as the reply's tokens
 * arrive. The binding holds back bytes until they are a character, so a reply is kept to tokens that are one.
 */
final class LlamaCppEngine implements Engine {
    /** Most tokens in one forward pass of a prompt. */
    private static final int BATCH = 512;

    /** Positions beyond prompt and reply: the engine stops a reply that comes near the end of its context. */
    private static final int ROOM = 64;

    private final Vocabulary vocabulary;
    private final LlamaModel model;

    LlamaCppEngine(EngineRun run) {
        vocabulary = new Vocabulary(run.shape().vocabulary());
        model = new LlamaModel(new ModelParameters()
                .setModel(run.model().toString())
                .setThreads(run.threads())
                .setThreadsBatch(run.threads())
                .setCtxSize(run.prompt() + run.generate() + ROOM)
                .setBatchSize(BATCH)
                .setUbatchSize(BATCH)
                .setParallel(1)
                .setGpuLayers(0));
    }

    @Override
    public String arithmetic() {
        return ""; // it prints its line itself, past the binding's logger
    }

    @Override
    public Reply reply(int promptTokens, int replyTokens, long seed) {
        var request = new InferenceParameters(vocabulary.text(promptTokens - 1, seed))
                .setNPredict(replyTokens)
                .setTemperature(0)
                .setIgnoreEos(true)
                .setCachePrompt(false)
                .disableTokenIds(Vocabulary.noCharacters());
        long[] times = new long[replyTokens + 1]; // the last output is empty and says that the reply is over
        int outputs = 0;
        long start = System.nanoTime();
        for (LlamaIterator reply = model.generate(request).iterator(); reply.hasNext(); outputs++) {
            reply.next();
            times[Math.min(outputs, replyTokens)] = System.nanoTime();
        }
        if (outputs != times.length) {
            throw new IllegalStateException("llama.cpp: expected " + replyTokens
                    + " tokens of a reply, each by itself, and an empty one, found " + outputs);
        }
        return new Reply(promptTokens, times[0] - start, replyTokens - 1, times[replyTokens - 1] - times[0]);
    }
}
