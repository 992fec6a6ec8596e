package awq4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.LanguageModel.Options;
import awq4j.chat.Message;
import awq4j.chat.jinja.TemplateException;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.runtime.FinishReason;
import awq4j.runtime.Sampling;
import awq4j.testing.TinyModels;
import java.nio.file.Path;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Conversations with a model of random weights, whose tokens are bytes: what it says is noise, but always the same. */
class ConversationTest {
    private static final String TEMPLATE = "{% for m in messages %}{% if m.role == 'system' and 'no' in m.content %}"
            + "{{ raise_exception('no such system') }}{% endif %}<{{ m.role }}>{{ m.content }}\\n{% endfor %}"
            + "{% if add_generation_prompt %}<assistant>{% endif %}";

    private static final Sampling SHORT = Sampling.greedy().withMaxTokens(12);
    private static final Options OPTIONS =
            Options.DEFAULT.withContextLength(200).withKv(KvPrecision.F32);

    @TempDir
    private static Path folder;

    private static LanguageModel chat;
    private static LanguageModel base;

    @BeforeAll
    static void open() {
        Path model = TinyModels.golden("llama_gqa", folder);
        base = LanguageModel.open(model, OPTIONS);
        TinyModels.write(model, "tokenizer_config.json", "{\"chat_template\": \"" + TEMPLATE + "\"}");
        chat = LanguageModel.open(model, OPTIONS);
    }

    @AfterAll
    static void close() {
        chat.close();
        base.close();
    }

    @Test
    void theTemplateWritesThePrompt() {
        List<Message> messages = List.of(Message.system("Be kind."), Message.user("Hi"));
        String prompt = "<system>Be kind.\n<user>Hi\n<assistant>";
        assertThat(chat.hasChatTemplate()).isTrue();
        assertThat(chat.prompt(messages)).isEqualTo(prompt);
        Reply reply = chat.chat(messages, SHORT, text -> {});
        assertThat(reply.promptTokens()).isEqualTo(prompt.length());
        assertThat(reply.tokens()).isEqualTo(chat.generate(prompt, SHORT).tokens());
    }

    @Test
    void withoutATemplateTheContentsAreContinued() {
        assertThat(base.hasChatTemplate()).isFalse();
        assertThat(base.prompt(List.of(
                        Message.system("Once"),
                        Message.user("upon a"),
                        Message.assistant(" time\n"),
                        Message.user("there"))))
                .isEqualTo("Once\nupon a time\nthere");
        assertThat(base.chat(List.of(Message.user("Once")), SHORT, text -> {}).tokens())
                .isEqualTo(base.generate("Once", SHORT).tokens());
        assertThatThrownBy(() -> base.prompt(List.of(Message.of("user", List.of()))))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("should be text");
    }

    @Test
    void aTurnCostsOnlyWhatIsNewAndIsWhatAFreshRunSays() {
        Conversation conversation = chat.newConversation();
        conversation.system("Be kind.");
        Reply first = conversation.say("Hi", SHORT, text -> {}, () -> false);
        Reply second = conversation.say("And?", SHORT, text -> {}, () -> false);
        assertThat(second.reusedTokens()).isGreaterThanOrEqualTo(first.promptTokens());
        assertThat(conversation.messages())
                .extracting(Message::role)
                .containsExactly("system", "user", "assistant", "user", "assistant");
        assertThat(conversation.messages().get(2).content()).isEqualTo(first.text());
        Reply fresh = chat.chat(conversation.messages().subList(0, 4), SHORT, text -> {});
        assertThat(second.text()).isEqualTo(fresh.text());
        assertThat(fresh.reusedTokens()).isZero();
        assertThat(conversation.contextUsed()).isEqualTo(second.promptTokens() + second.replyTokens() - 1);
    }

    @Test
    void resetForgetsWhatWasSaidAndKeepsTheInstructions() {
        Conversation conversation = chat.newConversation();
        conversation.system("Be kind.");
        conversation.say("Hi", SHORT, text -> {}, () -> false);
        conversation.reset();
        assertThat(conversation.messages()).containsExactly(Message.system("Be kind."));
        assertThat(conversation.contextUsed()).isZero();
        conversation.system(" ");
        assertThat(conversation.messages()).isEmpty();
    }

    @Test
    void aRefusedTurnLeavesTheConversationAsItWas() {
        Conversation conversation = chat.newConversation();
        conversation.say("Hi", SHORT, text -> {}, () -> false);
        List<Message> before = conversation.messages();
        assertThatThrownBy(() -> conversation.say("x".repeat(250), SHORT, text -> {}, () -> false))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessageContaining("and the context holds 200");
        assertThat(conversation.messages()).isEqualTo(before);
        conversation.system("no");
        assertThatThrownBy(() -> conversation.say("Hi", SHORT, text -> {}, () -> false))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("no such system");
        conversation.system("");
        assertThat(conversation.messages()).isEqualTo(before);
        conversation.say("Hi", SHORT, text -> {}, () -> false);
    }

    @Test
    void aStoppedAnswerIsPartOfTheConversationOnceItBegan() {
        Conversation conversation = chat.newConversation();
        var begun = new AtomicBoolean();
        Reply half = conversation.say("Hi", SHORT, text -> begun.set(true), begun::get);
        assertThat(half.finish()).isEqualTo(FinishReason.CANCELLED);
        assertThat(half.text()).isNotEmpty();
        assertThat(conversation.messages()).hasSize(2);
        conversation.say("And?", SHORT, text -> {}, () -> true);
        assertThat(conversation.messages()).hasSize(2);
    }

    @Test
    void theTokenizersEndTokenEndsAnswersToo() {
        Path model = TinyModels.golden("qwen2", folder);
        TinyModels.write(model, "tokenizer_config.json", "{\"eos_token\": \"A\"}");
        try (var opened = LanguageModel.open(model)) {
            assertThat(opened.endTokens()).contains((int) 'A');
        }
        assertThat(base.endTokens()).isEqualTo(Set.of(2));
    }
}
