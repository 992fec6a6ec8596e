package awq4j.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.LanguageModel;
import awq4j.LanguageModel.Options;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.quant.checkpoint.Conversion;
import awq4j.testing.ModelFolders;
import awq4j.testing.TinyModels;
import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.LlamaOutput;
import de.kherud.llama.ModelParameters;
import de.kherud.llama.args.CacheType;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.IntPredicate;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** GGUF files of ours in llama.cpp: it opens them, cuts texts into the same tokens and says the same. */
class LlamaCppReadsOurFilesTest {
    private static final Conversion.Watch UNWATCHED = (step, done, all) -> {};

    private static final Options EXACT =
            Options.DEFAULT.withCpu(new CpuOptions(Arithmetic.SCALAR, 2)).withKv(KvPrecision.F32);

    /** llama.cpp rounds activations to float16 beside float16 weights: nearer than this, either token may win. */
    private static final float TIE = 0.03f;

    /** Beside weights of few bits it rounds them to eight. */
    private static final float EIGHT_BIT_TIE = 0.1f;

    private static final int REPLY = 24;

    private static final int LAYERS_OF_GEMMA_2 = 26;

    private static final Pattern LAYER = Pattern.compile("model\\.layers\\.(\\d+)(\\..*)");

    private static final List<String> PROMPTS = List.of(
            "Once upon a time",
            "The king",
            "it's 3 o'clock,",
            "There was once a poor",
            "She said to him, \"",
            "And when he had",
            "In the middle of the",
            "The old woman took the");

    @TempDir
    private Path folder;

    private Path convert(Path model, String form) {
        Path file = folder.resolve(form + ".gguf");
        try (Checkpoint checkpoint = Checkpoints.open(model)) {
            Conversion conversion = Conversion.of(checkpoint, form, file, false);
            conversion.write(conversion.plan(UNWATCHED), UNWATCHED);
        }
        return file;
    }

    private static LlamaModel open(Path file) {
        return new LlamaModel(new ModelParameters()
                .setModel(file.toString())
                .setThreads(2)
                .setThreadsBatch(2)
                .setCtxSize(64)
                .setParallel(1)
                .setGpuLayers(0)
                .setCacheTypeK(CacheType.F32)
                .setCacheTypeV(CacheType.F32));
    }

    private static String reply(LlamaModel model, String prompt, List<Integer> without) {
        var request = new InferenceParameters(prompt)
                .setNPredict(REPLY)
                .setTemperature(0)
                .setCachePrompt(false)
                .disableTokenIds(without);
        var text = new StringBuilder();
        for (LlamaOutput output : model.generate(request)) {
            text.append(output);
        }
        return text.toString();
    }

    @ParameterizedTest
    @ValueSource(strings = {"gguf-f16", "gguf-q8_0", "gguf-q4_1", "gguf-q4_0"})
    void theDemoModelSaysTheSame(String form) {
        Path file = convert(TinyModels.demo(), form);
        float tie = form.equals("gguf-f16") ? TIE : EIGHT_BIT_TIE;
        try (LanguageModel ours = LanguageModel.open(file, EXACT);
                LlamaModel theirs = open(file)) {
            int compared = 0;
            for (String prompt : PROMPTS) {
                assertThat(theirs.encode(prompt)).isEqualTo(ours.tokenizer().encode(prompt, false));
                int[] expected = expected(ours, prompt, id -> true, tie);
                compared += expected.length;
                assertThat(reply(theirs, prompt, List.of()))
                        .as(prompt)
                        .startsWith(ours.tokenizer().decode(expected, true));
            }
            assertThat(compared).isGreaterThan(REPLY);
        }
    }

    /**
     * Random models whose tokens are bytes; letters and signs alone are let through, so that a reply is text. This release
     * does not know Qwen 3 yet, and ends the process at a Gemma 2 that has not as many layers as one of Google's, so that
     * model gets as many.
     */
    @ParameterizedTest
    @ValueSource(
            strings = {
                "llama_gqa",
                "llama_rope_linear",
                "llama_rope_yarn",
                "llama_rope_llama3",
                "qwen2",
                "gemma",
                "gemma2",
                "gemma3_text",
                "phi3_longrope_short",
                "mixtral",
                "qwen2_moe"
            })
    void familiesSayTheSame(String golden) throws IOException {
        // of a model whose name has phi3 in it, llama.cpp expects tokens that only Microsoft's have
        Path model = Files.move(TinyModels.golden(golden, folder), folder.resolve("model"));
        if (golden.equals("gemma2")) {
            deepen(model);
        }
        Path file = convert(model, "gguf-f16");
        try (LanguageModel ours = LanguageModel.open(file, EXACT);
                LlamaModel theirs = open(file)) {
            List<Integer> without = IntStream.range(0, ours.spec().vocabulary())
                    .filter(id -> !isLetter(id))
                    .boxed()
                    .toList();
            int compared = 0;
            for (String prompt : List.of("Once upon", "a", "XYZ?!", "{1+2=3}", "hello,world")) {
                int[] expected = expected(ours, prompt, LlamaCppReadsOurFilesTest::isLetter, TIE);
                compared += expected.length;
                assertThat(reply(theirs, prompt, without))
                        .as(prompt)
                        .startsWith(ours.tokenizer().decode(expected, true));
            }
            assertThat(compared).isGreaterThan(REPLY);
        }
    }

    /** Repeats its layers until there are those of Gemma 2 2B, and scales scores as all of that size do. */
    private static void deepen(Path model) throws IOException {
        Path file = model.resolve("model.safetensors");
        Path deep = model.resolve("deep.safetensors");
        try (SafetensorsFile stored = SafetensorsFile.open(file)) {
            int layers = 0;
            while (stored.names().contains("model.layers." + layers + ".input_layernorm.weight")) {
                layers++;
            }
            var tensors = new ArrayList<Source>();
            for (String name : stored.names()) {
                Matcher part = LAYER.matcher(name);
                if (!part.matches()) {
                    tensors.add(Source.of(name, stored.tensor(name)));
                    continue;
                }
                for (int i = Integer.parseInt(part.group(1)); i < LAYERS_OF_GEMMA_2; i += layers) {
                    tensors.add(Source.of("model.layers." + i + part.group(2), stored.tensor(name)));
                }
            }
            SafetensorsWriter.write(deep, Map.of("format", "pt"), tensors);
        }
        Files.move(deep, file, StandardCopyOption.REPLACE_EXISTING);
        ModelFolders.edit(
                model.resolve("config.json"),
                config -> config.put("num_hidden_layers", LAYERS_OF_GEMMA_2)
                        .put("query_pre_attn_scalar", config.path("head_dim").asInt()));
    }

    private static boolean isLetter(int id) {
        return id > ' ' && id <= '~';
    }

    /** The likeliest tokens, as far as no two are nearly as likely. */
    private static int[] expected(LanguageModel model, String prompt, IntPredicate allowed, float tie) {
        int[] tokens = model.tokenizer().encode(prompt);
        int begin = tokens.length;
        while (tokens.length < begin + REPLY) {
            float[] last = new float[model.spec().vocabulary()];
            model.logits(tokens, (i, row) -> System.arraycopy(row, 0, last, 0, last.length));
            int best = -1;
            float second = Float.NEGATIVE_INFINITY;
            for (int id = 0; id < last.length; id++) {
                if (!allowed.test(id)) {
                    continue;
                }
                if (best < 0 || last[id] > last[best]) {
                    second = best < 0 ? second : last[best];
                    best = id;
                } else {
                    second = Math.max(second, last[id]);
                }
            }
            if (last[best] - second < tie || model.endTokens().contains(best)) {
                break;
            }
            tokens = Arrays.copyOf(tokens, tokens.length + 1);
            tokens[tokens.length - 1] = best;
        }
        return Arrays.copyOfRange(tokens, begin, tokens.length);
    }
}
