package awq4j.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.List;
import org.junit.jupiter.api.Test;

class VocabularyTest {
    @Test
    void tokensDifferInAnySize() {
        for (int size : new int[] {260, 32000, 152064}) {
            assertThat(new Vocabulary(size).tokens()).hasSize(size).doesNotHaveDuplicates();
        }
    }

    @Test
    void everyCharacterOfATextIsAToken() {
        var vocabulary = new Vocabulary(100_000);
        List<String> tokens = vocabulary.tokens();
        String text = vocabulary.text(300, 5);
        assertThat(text.codePoints().mapToObj(Character::toString)).hasSize(300).isSubsetOf(tokens);
        assertThat(vocabulary.text(300, 5)).isEqualTo(text);
        assertThat(vocabulary.text(300, 6)).isNotEqualTo(text);
    }

    @Test
    void tooFewTokensAreRefused() {
        assertThatThrownBy(() -> new Vocabulary(259))
                .hasMessage("vocabulary: expected more than 259 tokens, found 259");
    }
}
