package awq4j;

import awq4j.chat.ChatTemplates;
import awq4j.chat.Message;
import awq4j.chat.PromptOptions;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.GenerationConfig;
import awq4j.format.MalformedFileException;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.model.ModelSpec;
import awq4j.model.PackedModel;
import awq4j.model.Transformer;
import awq4j.model.family.Families;
import awq4j.quant.AdaptiveModel;
import awq4j.runtime.BeamSearch;
import awq4j.runtime.Beams;
import awq4j.runtime.Generation;
import awq4j.runtime.Logits;
import awq4j.runtime.ReplyText;
import awq4j.runtime.Sampling;
import awq4j.runtime.Sequence;
import awq4j.tokenizer.TokenDecoder;
import awq4j.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A language model that is ready to run, with its tokenizer.
 *
 * {@snippet :
 * try (LanguageModel model = LanguageModel.open(Path.of(arguments[0]))) {
 *     var sampling = model.recommendedSampling().withMaxTokens(100).withSeed(7);
 *     Reply reply = model.generate("Once upon a time", sampling, System.out::print);
 *     System.out.printf(Locale.ROOT, "%n%.1f tokens/s%n", reply.timings().replyTokensPerSecond());
 * }
 * }
 *
 * <p>Serves one caller at a time: a call while another is under way gets an {@link IllegalStateException}, also when it
 * comes from within the other's callback; only {@link #close} waits. A call uses all threads of the model. After
 * {@link #close} every call gets an {@link IllegalStateException}.
 */
public final class LanguageModel implements AutoCloseable {
    private final Checkpoint checkpoint;
    private final Optional<PackedFile> packed;
    private final Tokenizer tokenizer;
    private final Optional<ChatTemplates> templates;
    private final Sampling recommended;
    private final Set<Integer> endTokens;
    private final Backend backend;
    private final Transformer transformer;
    private final KvPrecision kv;
    private final int contextLength;
    private final Turnstile turnstile;
    private final @Nullable Adapting adapting;

    private LanguageModel(
            Checkpoint checkpoint,
            Optional<PackedFile> packed,
            Words words,
            Backend backend,
            Transformer transformer,
            KvPrecision kv,
            int contextLength,
            @Nullable Adapting adapting) {
        this.checkpoint = checkpoint;
        this.packed = packed;
        this.tokenizer = words.tokenizer();
        this.templates = words.templates();
        this.recommended = words.recommended();
        this.endTokens = words.endTokens();
        this.backend = backend;
        this.transformer = transformer;
        this.kv = kv;
        this.contextLength = contextLength;
        this.adapting = adapting;
        this.turnstile = new Turnstile("model " + checkpoint.path().getFileName());
    }

    /**
     * How a model is run.
     *
     * @param cpu kernels and threads
     * @param contextLength most tokens of prompt and reply together, 0 for what the model was made for; more is possible
     *     with rotary positions, at the cost of quality
     * @param kv how keys and values are kept
     * @param chunk tokens of a prompt that run at once, at least 1
     */
    public record Options(CpuOptions cpu, int contextLength, KvPrecision kv, int chunk) {
        /** The fastest kernels on all cores, the model's own context, keys and values in float16. */
        public static final Options DEFAULT =
                new Options(CpuOptions.FASTEST, 0, KvPrecision.F16, Transformer.DEFAULT_CHUNK);

        /** @throws IllegalArgumentException if a number is outside its range */
        public Options {
            if (contextLength < 0) {
                throw new IllegalArgumentException(
                        "context length must be positive, or 0 for the model's own, was " + contextLength);
            }
            if (chunk < 1) {
                throw new IllegalArgumentException("chunk must be positive, was " + chunk);
            }
        }

        /** The same on other kernels or threads. */
        public Options withCpu(CpuOptions changed) {
            return new Options(changed, contextLength, kv, chunk);
        }

        /** The same with another context. */
        public Options withContextLength(int changed) {
            return new Options(cpu, changed, kv, chunk);
        }

        /** The same with keys and values kept otherwise. */
        public Options withKv(KvPrecision changed) {
            return new Options(cpu, contextLength, changed, chunk);
        }

        /** The same with prompts run in other pieces. */
        public Options withChunk(int changed) {
            return new Options(cpu, contextLength, kv, changed);
        }
    }

    /** Opens a model with {@link Options#DEFAULT}. */
    public static LanguageModel open(Path model) {
        return open(model, Options.DEFAULT);
    }

    /**
     * Opens a model folder in Hugging Face's form: configuration, safetensors (plain or AWQ), tokenizer; or a GGUF file,
     * which has all of that, or a folder with one. Packed weights that {@code awq4j convert --packed} left in the folder
     * are mapped if they fit these weights and this machine.
     *
     * @throws MalformedFileException if the folder or a file in it is not what it should be
     * @throws awq4j.format.UnsupportedModelException if it is fine and cannot be run, for example for want of a tokenizer
     * @throws awq4j.kernel.BackendException if the machine cannot do what the options ask for
     * @throws IllegalArgumentException if the context is longer than the positions a model has learned
     */
    public static LanguageModel open(Path model, Options options) {
        return open(model, options, null);
    }

    /**
     * Opens a model that is not quantized, and quantizes it in memory; what it reads from then on is watched. When a
     * prompt's activations have moved away from those that scales came from, they are searched again before the reply, and
     * the prompt runs again ({@link AdaptiveModel}). The same prompt may so get another reply later. Beam searches, log
     * probabilities and logits are watched and change nothing.
     *
     * @throws awq4j.format.UnsupportedModelException also if the model is quantized already, or has experts
     * @throws IllegalArgumentException also if no linear divides into groups of the scheme
     */
    public static LanguageModel openAdaptive(Path model, Options options, AdaptiveOptions adaptive) {
        return open(model, options, adaptive);
    }

    private static LanguageModel open(Path model, Options options, @Nullable AdaptiveOptions adaptive) {
        Path folder = Checkpoints.located(model);
        // a third of the time to open packed weights is the tokenizer's
        var tokenizer = new Meanwhile<>("awq4j-tokenizer", () -> Tokenizer.open(Checkpoints.folder(folder)));
        Checkpoint checkpoint = Checkpoints.open(folder);
        Backend backend = null;
        Optional<PackedFile> packed = Optional.empty();
        try {
            ModelSpec spec = Families.spec(checkpoint);
            if (adaptive != null) {
                Adapting.require16Bits(checkpoint);
            }
            int wanted = options.contextLength() == 0 ? spec.contextLength() : options.contextLength();
            backend = CpuBackend.open(options.cpu());
            packed = adaptive == null ? PackedModel.beside(checkpoint, backend) : Optional.empty();
            Words words = Words.read(checkpoint, tokenizer);
            Transformer transformer =
                    Transformer.open(backend, spec, checkpoint, packed, Math.min(options.chunk(), wanted));
            int context = contextLength(transformer, options);
            Adapting adapting = adaptive == null
                    ? null
                    : Adapting.start(transformer, checkpoint, words.tokenizer(), context, adaptive);
            return new LanguageModel(checkpoint, packed, words, backend, transformer, options.kv(), context, adapting);
        } catch (Throwable e) {
            if (backend != null) {
                backend.close();
            }
            packed.ifPresent(PackedFile::close);
            checkpoint.close();
            throw e;
        }
    }

    /** What a model's folder says about text; read before its weights, which may take longer. */
    private record Words(
            Tokenizer tokenizer, Optional<ChatTemplates> templates, Sampling recommended, Set<Integer> endTokens) {
        static Words read(Checkpoint checkpoint, Meanwhile<Tokenizer> opened) {
            Path folder = checkpoint.path();
            Tokenizer tokenizer = opened.get();
            GenerationConfig generation = GenerationConfig.read(folder, checkpoint.config());
            var ends = new LinkedHashSet<>(generation.endTokens());
            tokenizer.eosId().ifPresent(ends::add); // chat models of old name the end of a turn only there
            try {
                return new Words(
                        tokenizer, ChatTemplates.read(folder), Sampling.recommendedBy(generation), Set.copyOf(ends));
            } catch (IllegalArgumentException e) {
                Path file = Checkpoints.isGguf(folder) ? folder : folder.resolve(GenerationConfig.FILE);
                throw new MalformedFileException(file, -1, String.valueOf(e.getMessage()));
            }
        }
    }

    private static int contextLength(Transformer transformer, Options options) {
        int wanted = options.contextLength();
        int most = transformer.maxPositions();
        if (wanted > most && transformer.spec().embedding().positions() != null) {
            throw new IllegalArgumentException("a context of " + wanted + " tokens is more than the " + most
                    + " positions that the model has learned");
        }
        return wanted == 0 ? most : wanted;
    }

    /** The model's tokenizer. */
    public Tokenizer tokenizer() {
        return tokenizer;
    }

    /** The model's declaration. */
    public ModelSpec spec() {
        return transformer.spec();
    }

    /** The sampling that the model recommends; greedy if it recommends none. Its replies end only with the context. */
    public Sampling recommendedSampling() {
        return recommended;
    }

    /** Tokens that end a reply: those that {@code generation_config.json} or config.json names, and the tokenizer's. */
    public Set<Integer> endTokens() {
        return endTokens;
    }

    /** Whether the model was taught to talk: it has a chat template. */
    public boolean hasChatTemplate() {
        return templates.isPresent();
    }

    /** Most tokens of prompt and reply together. */
    public int contextLength() {
        return contextLength;
    }

    /** What it runs on, for example {@code cpu/vector 512 bit, 2 threads}. */
    public String device() {
        return backend.name();
    }

    /** Bytes of all weights as stored. */
    public long sizeBytes() {
        return alone(() ->
                checkpoint.names().stream().mapToLong(checkpoint::sizeBytes).sum());
    }

    /** {@link #generate(String, Sampling, Consumer, BooleanSupplier)} without looking at the pieces. */
    public Reply generate(String prompt, Sampling sampling) {
        return generate(prompt, sampling, text -> {});
    }

    /** {@link #generate(String, Sampling, Consumer, BooleanSupplier)} to its end. */
    public Reply generate(String prompt, Sampling sampling, Consumer<String> onText) {
        return generate(prompt, sampling, onText, () -> false);
    }

    /**
     * Continues a text. No chat template is applied. The same prompt, sampling and seed give the same reply, whatever
     * the number of threads.
     *
     * @param prompt any text; special tokens that the model wants in front are added
     * @param onText receives the reply piece by piece, on this thread: whole characters, never part of a stop string
     * @param cancelled asked between tokens, and between chunks of the prompt, by this thread; an interrupt of the
     *     thread does the same. The reply is then what there is
     * @throws IllegalArgumentException if the prompt leaves no room in the context, or is empty and the model has no
     *     token to begin with, or if the model's numbers are damaged
     */
    public Reply generate(String prompt, Sampling sampling, Consumer<String> onText, BooleanSupplier cancelled) {
        return newSession().generate(prompt, sampling, onText, cancelled);
    }

    /**
     * Continues tokens.
     *
     * @param prompt token ids, all of them: none is added
     * @throws IllegalArgumentException as with text, and if a token is outside the vocabulary
     */
    public Reply generate(int[] prompt, Sampling sampling, Consumer<String> onText, BooleanSupplier cancelled) {
        return newSession().generate(prompt, sampling, onText, cancelled);
    }

    /**
     * Continues a text with the likeliest reply that a search along several at once finds.
     *
     * @param prompt as {@link #generate(String, Sampling, Consumer, BooleanSupplier)} takes it
     * @param cancelled asked between tokens, and between chunks of the prompt; an interrupt of the thread does the same
     * @return the best reply, with its tokens' log probabilities
     * @throws IllegalArgumentException as {@link #generate(String, Sampling, Consumer, BooleanSupplier)}
     */
    public Reply search(String prompt, Beams beams, BooleanSupplier cancelled) {
        int[] tokens = tokenizer.encode(prompt);
        return search(tokens, tokenizer.decoder(tokens, true), beams, cancelled);
    }

    /** Continues tokens as {@link #search(String, Beams, BooleanSupplier)} continues a text. */
    public Reply search(int[] prompt, Beams beams, BooleanSupplier cancelled) {
        return search(prompt, tokenizer.decoder(prompt, true), beams, cancelled);
    }

    /** Answers a conversation as {@link #search(String, Beams, BooleanSupplier)} continues a text. */
    public Reply search(List<Message> messages, Beams beams, BooleanSupplier cancelled) {
        String text = prompt(messages);
        return hasChatTemplate()
                ? search(tokenizer.encode(text, false), tokenizer.decoder(), beams, cancelled)
                : search(text, beams, cancelled);
    }

    private Reply search(int[] prompt, TokenDecoder decoder, Beams beams, BooleanSupplier cancelled) {
        return alone(() -> {
            BeamSearch.Outcome outcome = BeamSearch.run(
                    this::newSequence, prompt, beams, endTokens, () -> turnstile.closing() || cancelled.getAsBoolean());
            var text = new ReplyText(decoder, List.of(), piece -> {});
            for (int token : outcome.tokens()) {
                text.next(token);
            }
            return new Reply(
                    text.finish(),
                    outcome.tokens(),
                    prompt.length,
                    0,
                    outcome.finish(),
                    outcome.timings(),
                    outcome.logprobs(),
                    0);
        });
    }

    /** {@link #chat(List, Sampling, Consumer, BooleanSupplier)} to its end. */
    public Reply chat(List<Message> messages, Sampling sampling, Consumer<String> onText) {
        return chat(messages, sampling, onText, () -> false);
    }

    /**
     * Answers a conversation, written as the model's chat template wants it. A model without one sees the contents of
     * the messages, each on a line of its own, and continues them.
     *
     * @param messages the last of them is to be answered
     * @throws awq4j.chat.jinja.TemplateException if the template refuses the conversation
     * @throws IllegalArgumentException as {@link #generate(String, Sampling, Consumer, BooleanSupplier)}
     */
    public Reply chat(List<Message> messages, Sampling sampling, Consumer<String> onText, BooleanSupplier cancelled) {
        return newSession().chat(messages, sampling, onText, cancelled);
    }

    /** The text that an answer to the conversation continues: {@link #chat}'s prompt, special tokens spelled out. */
    public String prompt(List<Message> messages) {
        return templates
                .map(those -> those.render(messages, PromptOptions.forAnswer()))
                .orElseGet(() -> PlainConversation.text(messages));
    }

    /** An empty conversation. */
    public Conversation newConversation() {
        return new Conversation(this, newSession());
    }

    /** An empty session: for texts that grow, such as conversations. */
    public Session newSession() {
        return alone(() -> new Session(this, newSequence()));
    }

    /**
     * How likely the model finds a text's tokens, each after those before it.
     *
     * @param tokens at least 2
     * @return natural logarithms of the probabilities of tokens 1, 2, ..., [tokens.length - 1]
     * @throws IllegalArgumentException if there are fewer tokens, more than the context holds, or one outside the
     *     vocabulary
     */
    public double[] logProbabilities(int[] tokens) {
        if (tokens.length < 2) {
            throw new IllegalArgumentException("log probabilities: expected at least 2 tokens, found " + tokens.length);
        }
        double[] out = new double[tokens.length - 1];
        int[] inputs = Arrays.copyOf(tokens, out.length);
        logits(inputs, (i, row) -> {
            int next = tokens[i + 1];
            if (next < 0 || next >= row.length) {
                throw new IllegalArgumentException("token " + next + " is outside the vocabulary of " + row.length);
            }
            out[i] = Logits.logProbability(row, next);
        });
        return out;
    }

    /**
     * Runs tokens from an empty context and shows the logits of each.
     *
     * @param rows sees the rows in order, on this thread
     * @throws IllegalArgumentException if there is no token, there are more than the context holds, or one is outside
     *     the vocabulary
     */
    public void logits(int[] tokens, Sequence.LogitRows rows) {
        if (tokens.length == 0) {
            throw new IllegalArgumentException("logits: expected at least one token");
        }
        alone(() -> {
            newSequence().append(tokens, rows);
            return this;
        });
    }

    /** Stops a call that another thread has under way, as if it were cancelled, and frees everything. */
    @Override
    public void close() {
        turnstile.close(() -> {
            backend.close();
            packed.ifPresent(PackedFile::close);
            checkpoint.close();
        });
    }

    <T> T alone(Supplier<T> work) {
        return turnstile.pass(work);
    }

    Reply reply(
            Sequence sequence,
            int[] prompt,
            TokenDecoder decoder,
            Sampling sampling,
            Consumer<String> onText,
            BooleanSupplier cancelled) {
        return alone(() -> {
            var text = new ReplyText(decoder, sampling.stopStrings(), onText);
            Generation.Outcome outcome = Generation.run(
                    sequence,
                    prompt,
                    sampling,
                    endTokens,
                    text::next,
                    () -> turnstile.closing() || cancelled.getAsBoolean(),
                    () -> adapting != null && adapting.after(prompt.length));
            return new Reply(
                    text.finish(),
                    outcome.tokens(),
                    prompt.length,
                    outcome.reusedTokens(),
                    outcome.finish(),
                    outcome.timings(),
                    outcome.logprobs(),
                    outcome.seed());
        });
    }

    private Sequence newSequence() {
        return new Sequence(transformer, kv, contextLength);
    }
}
