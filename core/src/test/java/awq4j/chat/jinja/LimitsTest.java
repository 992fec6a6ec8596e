package awq4j.chat.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Templates that would never end or fill the memory are stopped with one sentence. */
class LimitsTest {
    private static final Limits SMALL = new Limits(20_000, 1000, 2000, 10_000, 20);

    @Test
    void endlessLoopsEnd() {
        refuses(
                "{% for a in range(1000) %}{% for b in range(1000) %}{% endfor %}{% endfor %}",
                "template line 1: takes more than 20000 steps; does a loop never end?");
    }

    @Test
    void endlessFiltersEnd() {
        refuses(
                "{% for a in range(1000) %}{% set x = range(1000)|sum %}{% endfor %}",
                "template line 1: takes more than 20000 steps; does a loop never end?");
    }

    @Test
    void endlessComparisonsEnd() {
        refuses(
                "{% set ns = namespace(a=[1], b=[1]) %}{% for i in range(30) %}{% set ns.a = [ns.a, ns.a] %}"
                        + "{% set ns.b = [ns.b, ns.b] %}{% endfor %}{{ ns.a == ns.b }}",
                "template line 1: takes more than 20000 steps; does a loop never end?");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "s.isdigit()",
                "s.find('b')",
                "s|length",
                "s is lower",
                "s == s ~ ''",
                "'b' in s",
                "s[3]",
                "s[3:4]",
                "s <= s ~ ''"
            })
    void lookingThroughLongStringsIsWork(String expression) {
        String template =
                "{% set s = 'a' * 1000000 %}{% for i in range(10) %}{% set x = " + expression + " %}{% endfor %}";
        assertThatThrownBy(() -> render(template, new Limits(20_000, 1000, 2_000_000, 50_000_000, 20)))
                .hasMessage("template line 1: takes more than 20000 steps; does a loop never end?");
    }

    @Test
    void outputIsBounded() {
        refuses(
                "{% for a in range(100) %}{{ 'twelve chars' }}{% endfor %}",
                "template line 1: its output is longer than 1000 characters");
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "'a' * 10**9",
                "10**9 * 'a'",
                "[0] * 10**9",
                "(1, 2) * 10**9",
                "'a'.center(10**9)",
                "'a'.ljust(10**9)",
                "'a'.zfill(10**9)",
                "'a'|indent(10**9)",
                "'a'|center(10**9)",
                "[1]|tojson(indent=10**9)",
                "'%999999999d' % 1",
                "'{:999999999}'.format(1)",
                "'a\\tb'.expandtabs(10**9)",
                "[1]|batch(10**9, 0)|list",
                "('a' * 1500).replace('a', 'b' * 1500)",
                "'%*d' % (10**8, 1)",
                "[1]|slice(10**9)|list"
            })
    void bigValuesAreRefusedBeforeTheyAreMade(String expression) {
        assertThatThrownBy(() -> render("{{ " + expression + " }}", SMALL))
                .isInstanceOf(TemplateException.class)
                .message()
                .startsWith("template line 1: ")
                .containsAnyOf("more than 2000", "too large", "longer than 1000");
    }

    @Test
    void sumOfWhatIsMadeIsBounded() {
        refuses(
                "{% set ns = namespace(s='') %}{% for i in range(1000) %}{% set ns.s = ns.s ~ 'abc' %}{% endfor %}",
                "template line 1: makes more than 10000 characters and elements in all");
    }

    @Test
    void sharedPartsDoNotPrintWithoutEnd() {
        String doubling =
                "{% set ns = namespace(x='ab') %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}";
        assertThatThrownBy(() -> render(doubling + "{{ ns.x }}", Limits.DEFAULT))
                .hasMessage("template line 1: a printed value is longer than 16777216 characters");
        assertThatThrownBy(() -> render(doubling + "{{ ns.x|tojson }}", SMALL))
                .hasMessage("template line 1: its output is longer than 1000 characters");
        String tuples = doubling.replace("[ns.x, ns.x]", "(ns.x, ns.x)");
        assertThatThrownBy(() -> render(tuples + "{{ {ns.x: 1}|length }}", Limits.DEFAULT))
                .hasMessage("template line 1: a key has more than 1000 parts");
    }

    @Test
    void rangesAreBounded() {
        refuses("{{ range(10**9) }}", "template line 1: a range has more than 100000 elements");
        refuses("{{ range(-2**63, 2**63 - 1) }}", "template line 1: a range has more than 100000 elements");
    }

    @Test
    void integersAreBounded() {
        refuses("{{ 9 ** (9 ** 9) }}", "template line 1: the result of ** has more than 14284 bits");
        refuses(
                "{% set ns = namespace(n=2) %}{% for i in range(20) %}{% set ns.n = ns.n * ns.n %}{% endfor %}",
                "template line 1: an integer has 16385 bits, more than 14284");
        refuses("{{ " + "9".repeat(5000) + " }}", "template line 1: an integer of 5000 digits is too large");
    }

    @Test
    void recursionIsBounded() {
        refuses("\n{% macro m() %}\n{{ m() }}{% endmacro %}{{ m() }}", "template line 3: calls go deeper than 20");
        refuses("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}", "template line 1: calls go deeper than 20");
    }

    @Test
    void valuesWithinValuesAreBounded() {
        String nesting = "{% set ns = namespace(x=1) %}{% for i in range(1000) %}{% set ns.x = [ns.x] %}{% endfor %}";
        for (String use : List.of("{{ ns.x }}", "{{ ns.x|tojson }}", "{{ ns.x == [ns.x] }}", "{{ ns.x < [ns.x] }}")) {
            assertThatThrownBy(() -> render(nesting + "{% set y = ns.x %}" + use, Limits.DEFAULT))
                    .as(use)
                    .hasMessage("template line 1: values are nested deeper than 500");
        }
        Object deep = "x";
        for (int i = 0; i < 100_000; i++) {
            deep = List.of(deep);
        }
        Map<String, Object> variables = Map.of("deep", deep);
        assertThatThrownBy(() -> Template.parse("").render(variables, Limits.DEFAULT, LocalDateTime.MIN))
                .hasMessage("values are nested deeper than 500");
    }

    @ParameterizedTest
    @CsvSource({"(,)", "[,]", "'not ',''", "-,''", "{1: ,}", "x[,]", "f(,)", "'1 if ',''", "'x if y else ',''"})
    void nestedSourceIsBounded(String open, String close) {
        String source = "{{ " + open.repeat(5000) + "1" + close.repeat(5000) + " }}";
        assertThatThrownBy(() -> Template.parse(source))
                .isInstanceOf(TemplateException.class)
                .message()
                .startsWith("template line 1: ");
    }

    @Test
    void nestedStatementsAreBounded() {
        assertThatThrownBy(() -> Template.parse("{% if x %}".repeat(5000)))
                .hasMessage("template line 1: is nested deeper than 200");
    }

    @ParameterizedTest
    @ValueSource(strings = {" + 1", ".a", "|e", "[0]", " and 1", " or 1", " * 1", "()", " ** 1"})
    void rowsOfOperatorsAreBounded(String operator) {
        assertThatThrownBy(() -> Template.parse("{{ x" + operator.repeat(5000) + " }}"))
                .hasMessage("template line 1: has more than 1000 operators in a row");
    }

    @Test
    void longRowsWithinTheLimitRender() {
        assertThat(render("{{ 0" + " + 1".repeat(1000) + " }}", Limits.DEFAULT)).isEqualTo("1000");
    }

    @Test
    void limitsShouldBePositive() {
        assertThatThrownBy(() -> new Limits(1, 1, 0, 1, 1))
                .isInstanceOf(IllegalArgumentException.class)
                .hasMessage("limits should be positive, are 1, 1, 0, 1, 1");
    }

    @Test
    void aLongConversationIsWithinTheLimits() {
        var messages = new ArrayList<Map<String, String>>();
        for (int i = 0; i < 2000; i++) {
            messages.add(Map.of("role", i % 2 == 0 ? "user" : "assistant", "content", "word ".repeat(100)));
        }
        String template = "{% for m in messages %}{{ '<' ~ m.role ~ '>' + m.content|trim + '\n' }}{% endfor %}";
        String text = Template.parse(template).render(Map.of("messages", messages), Limits.DEFAULT, LocalDateTime.MIN);
        assertThat(text).hasSizeGreaterThan(1_000_000).startsWith("<user>word word");
    }

    private static void refuses(String template, String message) {
        assertThatThrownBy(() -> render(template, SMALL))
                .isInstanceOf(TemplateException.class)
                .hasMessage(message);
    }

    private static String render(String template, Limits limits) {
        return Template.parse(template).render(Map.of(), limits, LocalDateTime.of(2026, 1, 1, 0, 0));
    }
}
