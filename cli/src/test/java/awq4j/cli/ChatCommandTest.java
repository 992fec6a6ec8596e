package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Config;
import awq4j.testing.TinyModels;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Conversations whose messages are piped in, with a model that talks noise. */
class ChatCommandTest {
    private static final String TEMPLATE =
            "{% for m in messages %}[{{ m.role }}]{{ m.content }}{% endfor %}[assistant]";

    @TempDir
    private Path folder;

    private Path model;

    @BeforeEach
    void aModel() {
        model = TinyModels.golden("llama_gqa", folder);
        TinyModels.write(model, "tokenizer_config.json", "{\"chat_template\": \"" + TEMPLATE + "\"}");
    }

    @Test
    void everyLineIsAnswered() {
        var program = chat("Hi\n\nAnd\\\nmore\n");
        assertThat(program.code()).as(program.toString()).isZero();
        assertThat(program.err().lines().filter(line -> line.contains("context")))
                .as("one line of figures for each answer")
                .hasSize(2)
                .first()
                .asString()
                .matches("8 tokens, .* tokens/s, context 27 of 128, stopped at --max-tokens");
        assertThat(program.out()).isNotBlank();
    }

    @Test
    void commandsAreDoneAndNotSaid() {
        var program = chat("/system\n/system Be kind.\n/system\n/help\n/rset\n/nonsense\n/exit\nnever read\n");
        assertThat(program.code()).isZero();
        assertThat(program.out()).isEmpty();
        assertThat(program.err())
                .contains(
                        "There are no instructions.",
                        "The model will see that before the conversation.",
                        "Instructions: Be kind.",
                        "/save FILE",
                        "There is no command /rset; did you mean /reset?",
                        "There is no command /nonsense. /help lists them");
    }

    @Test
    void twoSlashesSayOne() throws IOException {
        Path saved = folder.resolve("talk.json");
        chat("//reset\n/save " + saved + "\n");
        assertThat(Files.readString(saved)).contains("\"content\" : \"/reset\"");
    }

    @Test
    void resetStartsAfresh() {
        var twice = chat("Hi\n/reset\nHi\n");
        String[] answers = twice.out().split(System.lineSeparator().equals("\n") ? "\n" : "\r\n", -1);
        var once = chat("Hi\n");
        assertThat(twice.out()).isEqualTo(once.out().repeat(2));
        assertThat(answers).isNotEmpty();
        assertThat(twice.err()).contains("The conversation starts afresh.");
    }

    @Test
    void savingTakesBothFormsAndReplacesOnlyItsOwn() throws IOException {
        Path json = folder.resolve("talk.json");
        Path markdown = folder.resolve("talk.md");
        Path foreign = Files.writeString(folder.resolve("foreign.md"), "mine");
        var program = chat("/save " + json + "\nHi\n/save " + json + "\n/save " + markdown + "\nAnd\n/save " + json
                + "\n/save " + foreign + "\n/save\n/save " + folder.resolve("absent/x.json") + "\n");
        assertThat(program.err())
                .contains(
                        "there is nothing to save yet",
                        "Saved to " + markdown + ".",
                        foreign + " exists already; choose another name",
                        "/save wants a file's name",
                        "there is no folder " + folder.resolve("absent"));
        assertThat(foreign).hasContent("mine");
        assertThat(Config.read(json).json().get("messages")).hasSize(4);
        assertThat(Config.read(json).json().get("messages").get(0).get("role").asString())
                .isEqualTo("user");
        assertThat(Files.readString(markdown))
                .startsWith("# Conversation with llama_gqa\n\n**user**\n\nHi\n\n**assistant**\n");
    }

    @Test
    void aFullContextSaysHowToGoOn() {
        var program = Program.runWithInput(
                "Hi\n" + "x".repeat(90) + "\nHi\n/reset\nHi\n",
                "chat",
                model,
                "--temperature",
                "0",
                "--max-tokens",
                "60",
                "--context",
                "60");
        assertThat(program.code()).isZero();
        assertThat(program.err())
                .contains(
                        "context 60 of 60: it is full, /reset starts afresh",
                        "tokens and the context holds 60, which leaves none for a reply");
    }

    @Test
    void aModelWithoutTemplateSaysThatItOnlyContinues() throws IOException {
        Files.delete(model.resolve("tokenizer_config.json"));
        var program = chat("Hi\n");
        assertThat(program.code()).isZero();
        assertThat(program.err()).contains("This model has no chat template: it does not answer, it continues");
        assertThat(program.err()).contains("context 10 of 128");
    }

    @Test
    void theConversationIsWrittenForMachines() {
        Path json = folder.resolve("out.json");
        Program.runWithInput("Hi\n", "chat", model, "--max-tokens", "3", "--system", "Be kind.", "--json", json);
        assertThat(Config.read(json).json().get("messages")).hasSize(3);
    }

    @Test
    void aDamagedTemplateIsOneSentence() {
        TinyModels.write(model, "tokenizer_config.json", "{\"chat_template\": \"{% for %}\"}");
        var program = chat("Hi\n");
        assertThat(program.code()).isEqualTo(1);
        assertThat(program.err()).startsWith("awq4j: tokenizer_config.json: ").hasLineCount(1);
    }

    @Test
    void whatTheTemplateRefusesIsSaidAndTheConversationGoesOn() {
        TinyModels.write(
                model,
                "tokenizer_config.json",
                "{\"chat_template\": \"{% if messages[0].role == 'system' %}{{ raise_exception('no system role') }}{% endif"
                        + " %}[user]{{ messages[0].content }}\"}");
        var program = chat("/system Be kind.\nHi\n/reset\n");
        assertThat(program.code()).isZero();
        assertThat(program.err()).contains("the chat template refuses this conversation: ", "no system role");
    }

    @Test
    void runAppliesTheTemplateUnlessToldOtherwise() throws IOException {
        var chatted = run();
        assertThat(chatted.code()).as(chatted.toString()).isZero();
        assertThat(chatted.err()).startsWith("prompt 19 tokens"); // [user]Hi[assistant]
        assertThat(run("--chat").out()).isEqualTo(chatted.out());
        assertThat(run("--system", "Be.").err()).startsWith("prompt 30 tokens");
        assertThat(run("--raw").err()).startsWith("prompt 2 tokens");
        assertThat(run("--raw", "--system", "x").err()).startsWith("awq4j: --system goes with a chat template");
        assertThat(run("--raw", "--chat").code()).isEqualTo(2);
        Files.delete(model.resolve("tokenizer_config.json"));
        assertThat(run().err()).startsWith("prompt 2 tokens");
        assertThat(run("--chat").err()).startsWith("awq4j: " + model + " has no chat template");
        assertThat(run("--system", "x").err()).startsWith("awq4j: --system goes with a chat template");
    }

    private Program run(Object... more) {
        var arguments = new java.util.ArrayList<Object>(
                java.util.List.of("run", model, "--prompt", "Hi", "--temperature", "0", "--max-tokens", "4"));
        arguments.addAll(java.util.List.of(more));
        return Program.run(arguments.toArray());
    }

    private Program chat(String input) {
        return Program.runWithInput(input, "chat", model, "--temperature", "0", "--max-tokens", "8");
    }
}
