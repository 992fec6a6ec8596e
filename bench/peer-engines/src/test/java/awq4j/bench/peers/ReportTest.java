package awq4j.bench.peers;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class ReportTest {
    private static final Options OPTIONS = Options.of(
            new String[] {"--engines", "awq4j,llama.cpp", "--threads", "2", "--rounds", "3"}, Path.of("models"));

    /** A machine that halves its speed in the second round: figures scatter, ratios do not. */
    private static final List<Turn> TURNS = List.of(
            turn(EngineKind.AWQ4J, 1, 100, 30),
            turn(EngineKind.LLAMA_CPP, 1, 50, 20),
            turn(EngineKind.AWQ4J, 2, 50, 15),
            turn(EngineKind.LLAMA_CPP, 2, 25, 10),
            turn(EngineKind.AWQ4J, 3, 110, 33),
            turn(EngineKind.LLAMA_CPP, 3, 50, 20));

    private static final Report REPORT = new Report(OPTIONS, TURNS, Map.of(EngineKind.LLAMA_CPP, "0 zmm"));

    @Test
    void ratiosAreThoseOfRounds() {
        assertThat(REPORT.text())
                .contains("awq4j / llama.cpp: prefill 2.00 (2.00..2.20), decode 1.50 (1.50..1.65)\n")
                .contains("100.0 (50.0..110.0)");
    }

    @Test
    void everyEngineSaysHowItComputes() {
        assertThat(REPORT.text()).contains("  says: own words of llama.cpp\n").contains("  its library holds: 0 zmm\n");
    }

    @Test
    void neighboursAreTold() {
        assertThat(REPORT.text()).contains("Not quiet: other programs kept up to 0.50 cores busy");
    }

    @Test
    void jsonHasTurnsAndRatios() {
        JsonNode root = JsonMapper.builder().build().readTree(REPORT.json());
        assertThat(root.get("results")).hasSize(6);
        JsonNode last = root.get("results").get(5);
        assertThat(last.get("engine").asString()).isEqualTo("llama.cpp");
        assertThat(last.get("round").asInt()).isEqualTo(3);
        assertThat(last.get("prefill_tps").asDouble()).isEqualTo(50);
        JsonNode ratio = root.get("ratios").get(0);
        assertThat(ratio.get("to").asString()).isEqualTo("llama.cpp");
        assertThat(ratio.get("decode").get("median").asDouble()).isEqualTo(1.5);
    }

    @Test
    void measurementSurvivesItsLine() {
        Measurement measured = TURNS.getFirst().measured();
        assertThat(Measurement.ofJson(measured.toJson())).isEqualTo(measured);
    }

    private static Turn turn(EngineKind kind, int round, double prefill, double decode) {
        var measured = new Measurement("own words of " + kind.label, 1.5, prefill, decode, 900, 0.5);
        return new Turn(kind, 2, round, measured);
    }
}
