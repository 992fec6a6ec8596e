package awq4j.chat.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.time.LocalDateTime;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.json.JsonMapper;

/** Messages, values from Java, and templates that were damaged. */
class TemplateTest {
    private static final long SEED = 4;

    private static final int DAMAGED = 2000;

    private static final String[][] FAULTS = {
        {"{% if x %}", "{% if %} is not closed: expected {% endif %} before the end"},
        {"{% for x in y %}{% endif %}", "unknown tag 'endif'; expected a statement, or {% else or endfor %}"},
        {"{% fro x in y %}", "unknown tag 'fro'"},
        {"{{ x", "expected '}}', found the end of the template"},
        {"{{ x y }}", "expected '}}', found 'y'"},
        {"{{ }}", "expected an expression, found '}}'"},
        {"{{ (1 }", "expected ')', found '}'"},
        {"{{ x[1 }}", "expected ']', found '}'"},
        {"{{ 'x }}", "a string that begins with ' does not end"},
        {"{{ x ? y }}", "unexpected character '?'"},
        {"{{ x. }}", "expected a name or a number after '.', found '}}'"},
        {"{{ f(a=1, 2) }}", "arguments should come in this order: values, name=value, *list, **dict"},
        {"{% set 1 = 2 %}", "expected a name, found '1'"},
        {"{% set none = 2 %}", "'none' cannot be assigned to"},
        {"{% for loop in x %}{% endfor %}", "'loop' cannot be the variable of a loop"},
        {"{% break %}", "{% break %} stands outside a loop"},
        {"{% include 'x' %}", "{% include %} is not supported: a chat template stands alone"},
        {"{% raw %}", "{% raw %} has no {% endraw %}"},
        {"{# x", "{# has no #}"},
        {"{{ none.x }}{{ none.x.y }}", "None has no attribute 'x'"},
        {"{{ [1].append(2) }}", "'append' would change a list, which a template may not"},
        {"{{ {}.q.r }}", "dict object has no attribute 'q'"},
        {"{{ q.r }}", "'q' is undefined"},
        {"{{ 1 + 'a' }}", "+ does not apply to a value of type int and a value of type str"},
        {"{{ 'a' < 1 }}", "< does not order a value of type str and a value of type int"},
        {"{{ 1|nope }}", "there is no filter 'nope'"},
        {"{{ 1 is nope }}", "there is no test 'nope'"},
        {"{{ 'a'|indent(wide=2) }}", "indent has no parameter 'wide'; it has width, first, blank"},
        {"{{ 'a'.strip(1) }}", "strip: argument 1 should be a string, is 1"},
        {"{{ 5|random }}", "the filter 'random' is not supported"},
        {"{{ lipsum() }}", "lipsum() is not supported: its text is random"},
        {"{{ raise_exception('no ' ~ 1) }}", "no 1"},
        {"{{ 5() }}", "a value of type int cannot be called"},
    };

    /** Exercises every statement; what the damaged templates are made of. */
    private static final String EVERYTHING = """
            {%- set ns = namespace(first=true, text='') -%}
            {%- macro turn(role, text, end='</s>') -%}
              [{{ role|upper }}] {{ text.strip() if text is string else text|join(', ') }}{{ end ~ varargs|length }}{{ caller(1) if caller }}
            {%- endmacro %}
            {# a comment #}{% raw %}{{ as it is }}{% endraw %}
            {% for m in messages if m['role'] != 'none' recursive %}
              {%- if loop.first and not loop.last %}{% continue %}{% elif loop.index0 > 5 %}{% break %}{% endif -%}
              {%- set ns.text = ns.text + "%s-%d" % (m.role, loop.index) -%}
              {{ turn(m.role, m['content'][::-1], *[1, 2]) }}{{- loop([]) -}}
            {% else %}nothing{{ 1_000 // 7 ** 2 - -3.5e2 }}{% endfor %}
            {% call(x, y=2) turn('a', 'b') %}{{ x }}{% endcall %}{% filter indent(2)|trim %}x{% endfilter %}
            {% with a=1, b={'k': [(1,), none]} %}{{ b.k.0|tojson(indent=2) ~ a in [1] }}{% endwith %}
            {% set block | replace('a', "b") %}a{% endset %}{% generation %}{{ block }}{% endgeneration %}
            """;

    @Test
    void faultsAreNamedWithTheirLine() {
        for (String[] fault : FAULTS) {
            assertThatThrownBy(() -> render("\n\n  " + fault[0], Map.of()))
                    .as(fault[0])
                    .isInstanceOfSatisfying(TemplateException.class, e -> {
                        assertThat(e.line()).isEqualTo(3);
                        assertThat(e.reason()).startsWith(fault[1]);
                        assertThat(e).hasMessage("template line 3: " + e.reason());
                    });
        }
    }

    @Test
    void takesValuesOfJava() {
        Map<String, Object> variables = new LinkedHashMap<>();
        variables.put("x", Arrays.asList(1, 2L, (short) 3, (byte) 4, 1.5, 0.1f, "s", true, null));
        variables.put("y", Map.of("big", new BigInteger("18446744073709551616"), "decimal", new BigDecimal("0.50")));
        variables.put(
                "z",
                JsonMapper.shared().readTree("{\"a\": [1, 2.0, null, false, \"t\", 1e400, 18446744073709551616]}"));
        assertThat(render("{{ x }} {{ y.big }} {{ y.decimal }} {{ z }}", variables))
                .isEqualTo("[1, 2, 3, 4, 1.5, 0.1, 's', True, None] 18446744073709551616 0.5 "
                        + "{'a': [1, 2.0, None, False, 't', inf, 18446744073709551616]}");
    }

    @Test
    void refusesOtherClasses() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> render("", Map.of("x", List.of(Thread.currentThread()))))
                .withMessage(
                        "a template takes null, strings, booleans, numbers, maps, lists and JSON; found java.lang.Thread");
    }

    @Test
    void everythingRenders() {
        assertThat(render(EVERYTHING, conversation()))
                .contains("{{ as it is }}", "[USER] iH11", "[A] b</s>01x", "Falseb");
    }

    @Test
    void damagedTemplatesAreRefusedAndNothingElse() {
        var random = new Random(SEED);
        int refused = 0;
        for (int i = 0; i < DAMAGED; i++) {
            String damaged = damage(EVERYTHING, random);
            try {
                render(damaged, conversation());
            } catch (TemplateException e) {
                refused++;
                assertThat(e.reason()).as(damaged).isNotBlank().doesNotContain("\n");
            } catch (RuntimeException e) {
                throw new AssertionError("seed " + SEED + ", template " + i + ":\n" + damaged, e);
            }
        }
        assertThat(refused).isBetween(DAMAGED / 20, DAMAGED - DAMAGED / 20);
    }

    private static String damage(String template, Random random) {
        String[] pieces = {
            "{{", "}}", "{%", "%}", "{#", "#}", "-", "+", "'", "\"", "(", ")", "[", "]", "{", "}", "|", ".", ",", ":",
            "*", "**", "\\", "\n", " ", "is", "in", "not", "if", "else", "for", "set", "endfor", "endif", "0", "1e9",
            "_", "é", "😀", "~", "loop", "none", "%", "//", "==", "=", "caller", "kwargs", "raw", "endraw", "macro", "x"
        };
        var text = new StringBuilder(template);
        for (int changes = 1 + random.nextInt(3); changes > 0 && !text.isEmpty(); changes--) {
            int at = random.nextInt(text.length());
            switch (random.nextInt(4)) {
                case 0 -> text.deleteCharAt(at);
                case 1 -> text.insert(at, pieces[random.nextInt(pieces.length)]);
                case 2 -> text.delete(at, Math.min(text.length(), at + random.nextInt(30)));
                default ->
                    text.insert(random.nextInt(text.length()), text.substring(at, Math.min(text.length(), at + 12)));
            }
        }
        return text.toString();
    }

    private static Map<String, Object> conversation() {
        return Map.of(
                "messages",
                List.of(
                        Map.of("role", "system", "content", "Be brief"),
                        Map.of("role", "user", "content", "Hi"),
                        Map.of("role", "assistant", "content", List.of("a", "b"))));
    }

    private static String render(String template, Map<String, ?> variables) {
        return Template.parse(template).render(variables, Limits.DEFAULT, LocalDateTime.of(2026, 1, 1, 0, 0));
    }
}
