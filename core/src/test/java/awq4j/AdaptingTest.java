package awq4j;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.quant.AdaptiveModel;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.calibration.CalibrationTexts;
import awq4j.quant.calibration.CalibrationTexts.Text;
import awq4j.runtime.Sampling;
import awq4j.testing.TinyModels;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** A small model while it adapts to what it is told; its tokens are bytes. */
class AdaptingTest {
    private static final Sampling SHORT = Sampling.greedy().withMaxTokens(4);
    private static final AdaptiveModel.Settings THREE_BITS = AdaptiveModel.Settings.DEFAULT
            .withScheme(new QuantScheme(3, 128, false, Range.REFERENCE))
            .withEvery(1)
            .withHalfLife(64);

    @TempDir
    private Path folder;

    /** What a model answered, and what it did before. */
    private record Talk(List<String> replies, List<Adaptation> adaptations) {}

    private static Talk talk(Path folder, AdaptiveModel.Settings settings) {
        var adaptations = new ArrayList<Adaptation>();
        var texts = new CalibrationTexts(
                "numbers",
                "",
                List.of(new Text("0123456789 ".repeat(11), true), new Text("9876543210 ".repeat(11), true)));
        var options = new AdaptiveOptions(settings, texts, 2, adaptations::add);
        try (var model = LanguageModel.openAdaptive(folder, LanguageModel.Options.DEFAULT, options)) {
            var session = model.newSession();
            var replies = new ArrayList<String>();
            String text = "Once upon a time";
            for (String more : List.of("", " there was", " a girl")) {
                text += more;
                Reply reply = session.generate(text, SHORT);
                replies.add(reply.text());
            }
            return new Talk(replies, adaptations);
        }
    }

    @Test
    void whatMovedIsSearchedAgainBeforeTheReply() {
        Path model = TinyModels.golden("llama_gqa", folder);
        Talk talk = talk(model, THREE_BITS.withThreshold(0));
        assertThat(talk.adaptations()).hasSize(3).allSatisfy(adaptation -> {
            assertThat(adaptation.inputs()).isEqualTo(8); // two blocks, four inputs each
            assertThat(adaptation.changes())
                    .hasSizeBetween(1, 8)
                    .allMatch(change -> change.drift() > 0 && change.drift() < 1);
        });
        assertThat(talk(model, THREE_BITS.withThreshold(0)).replies())
                .as("the same prompts in the same order")
                .isEqualTo(talk.replies());
    }

    @Test
    void whatHasNotMovedStays() {
        Talk talk = talk(TinyModels.golden("llama_gqa", folder), THREE_BITS.withThreshold(1));
        assertThat(talk.adaptations()).isEmpty();
        assertThat(talk.replies()).hasSize(3);
    }
}
