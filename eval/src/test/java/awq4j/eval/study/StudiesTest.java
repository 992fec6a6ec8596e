package awq4j.eval.study;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.demo.DemoModel;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.kernel.CpuOptions;
import awq4j.quant.calibration.CalibrationTexts;
import awq4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** What holds for every study: it runs, and its views show what it measures. */
class StudiesTest {
    @TempDir
    private static Path folder;

    private static Backend backend;
    private static Checkpoint checkpoint;
    private static Workbench bench;

    @BeforeAll
    static void open() throws IOException {
        backend = CpuBackend.open(CpuOptions.DEFAULT);
        Path demo = DemoModel.unpack(folder.resolve("demo"));
        checkpoint = Checkpoints.open(demo);
        var texts = new StudySettings.Texts(CalibrationTexts.builtin(), 1);
        var settings = new StudySettings(
                texts,
                8,
                64,
                64,
                DemoModel.heldOut(),
                "held out",
                64,
                1,
                List.of(),
                List.of(
                        new StudySettings.Domain("a", texts, DemoModel.heldOut()),
                        new StudySettings.Domain("b", texts, DemoModel.calibration())));
        bench = new Workbench(backend, checkpoint, Tokenizer.open(demo), settings, StudyWatch.NONE);
    }

    @AfterAll
    static void close() {
        checkpoint.close();
        backend.close();
    }

    static Stream<Study> studies() {
        return Studies.all().stream();
    }

    @ParameterizedTest
    @MethodSource("studies")
    void everyViewShowsNumbersThatPointsHave(Study study) {
        List<Point> points = study.points().apply(bench);
        assertThat(points.stream().map(Point::labels)).doesNotHaveDuplicates().isNotEmpty();
        var rows = new ArrayList<Row>();
        for (Point point : new LinkedHashSet<>(List.of(points.getFirst(), points.getLast()))) {
            point.measurement().measure(bench).forEach(row -> rows.add(row.behind(point.labels())));
        }
        var labels = new HashSet<String>();
        var numbers = new HashSet<String>();
        rows.forEach(row -> labels.addAll(row.labels().keySet()));
        rows.forEach(row -> numbers.addAll(row.numbers().keySet()));
        for (View view : study.views()) {
            switch (view) {
                case View.Table table -> {
                    assertThat(labels).as(view.title()).containsAll(table.lines());
                    assertThat(numbers).as(view.title()).containsAll(table.numbers());
                    assertThat(labels)
                            .contains(table.across().isEmpty() ? table.lines().getFirst() : table.across());
                }
                case View.Chart chart -> {
                    boolean heat = chart.kind() == View.Kind.HEAT;
                    assertThat(labels.contains(chart.x()) || numbers.contains(chart.x()))
                            .as("%s: x is %s", view.title(), chart.x())
                            .isTrue();
                    assertThat(heat ? labels : numbers).as(view.title()).contains(chart.y());
                    if (!chart.colour().isEmpty()) {
                        assertThat(heat ? numbers : labels).as(view.title()).contains(chart.colour());
                    }
                    assertThat(chart.panels().isEmpty() || labels.contains(chart.panels()))
                            .as("%s: panels", view.title())
                            .isTrue();
                }
            }
            assertThat(labels).as(view.title()).containsAll(view.where().keySet());
        }
        for (String key : numbers) {
            assertThat(study.words()).as("a word for %s", key).containsKey(key);
        }
    }
}
