package awq4j.cli;

import awq4j.demo.DemoModel;
import awq4j.eval.study.Row;
import awq4j.eval.study.Studies;
import awq4j.eval.study.Study;
import awq4j.eval.study.StudyFile;
import awq4j.eval.study.StudyRun;
import awq4j.eval.study.StudySettings;
import awq4j.eval.study.Workbench;
import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.kernel.Backend;
import awq4j.kernel.CpuBackend;
import awq4j.tokenizer.Tokenizer;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code awq4j study}: the paper's comparisons, on any model. */
@Command(
        name = "study",
        description = {
            "Compare what can be done to a model: a series of measurements, as a page with pictures and as numbers.",
            "Points that are finished are kept beside the output: an interrupted study is continued by the same command."
        },
        footerHeading = "%nExamples:%n",
        footer = {
            "  awq4j study --list",
            "  awq4j study methods demo --html methods.html",
            "  awq4j study methods my-model --text wiki.raw --html methods.html"
        })
final class StudyCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Parameters(index = "0", arity = "0..1", paramLabel = "NAME", description = "Of the study, see --list.")
    private @Nullable String name;

    @Parameters(
            index = "1",
            arity = "0..1",
            paramLabel = "MODEL",
            description =
                    "Folder or .gguf file of a model that is not quantized, ORG/MODEL, or demo for the small model"
                            + " that comes with the program.")
    private @Nullable Path model;

    @Option(names = "--list", description = "Name the studies and say what each finds out.")
    private boolean list;

    @Option(
            names = "--html",
            paramLabel = "FILE",
            description = "Write a page with pictures and tables; it needs no other file and no network.")
    private @Nullable Path html;

    @Mixin
    private StudyOptions options = new StudyOptions();

    @Mixin
    private KernelOptions kernels = new KernelOptions();

    @Option(names = "--restart", description = "Begin anew instead of continuing an interrupted study.")
    private boolean restart;

    @Override
    public Integer call() throws IOException {
        if (list) {
            list();
            return 0;
        }
        if (name == null || model == null) {
            throw common.wrongUsage("give the NAME of a study and a MODEL; awq4j study --list names the studies");
        }
        options.check();
        kernels.cpu();
        common.checkJson();
        if (html != null) {
            JsonFile.requireFolder(html);
        }
        Study study = study(name);
        boolean demo = model.equals(Path.of(StudyOptions.DEMO));
        Path given = demo ? null : ModelFolder.of(model);
        try (var working = WorkingFolder.create(null, common.interruption())) {
            Path source = given == null ? DemoModel.unpack(working.path().resolve("model")) : given;
            run(study, source, options.read(demo, working.path()));
        } catch (RuntimeException | IOException e) {
            common.interruption().check(); // whatever it is: its files were taken away
            throw e;
        }
        return 0;
    }

    private void list() {
        var table = new Table("study", "finds out");
        for (Study study : Studies.all()) {
            table.row(study.name(), study.question());
        }
        table.lines(common.screen().outStyle()).forEach(common.screen()::say);
    }

    private static Study study(String name) {
        return Studies.named(name).orElseThrow(() -> {
            List<String> names = Studies.all().stream().map(Study::name).toList();
            String near = names.stream()
                    .min(Comparator.comparingInt(other -> Spelling.distance(other, name)))
                    .filter(other -> Spelling.distance(other, name) <= 2)
                    .map(other -> "; did you mean " + other + "?")
                    .orElse(": there are " + String.join(", ", names));
            return new Refusal("there is no study " + name + near);
        });
    }

    private void run(Study study, Path source, StudySettings settings) throws IOException {
        long start = System.nanoTime();
        try (Backend backend = CpuBackend.open(kernels.cpu());
                Checkpoint checkpoint = Checkpoints.open(source)) {
            if (checkpoint.quantization().isPresent()) {
                throw new Refusal(model + " is quantized already; a study starts from a model in float16, bfloat16 or"
                        + " float32");
            }
            SortedMap<String, String> words = words(study, checkpoint, settings, backend);
            Path output = html != null ? html : common.json();
            try (StudyFile file = output == null ? null : StudyFile.open(output, words, restart)) {
                List<Row> rows = measure(study, backend, checkpoint, source, settings, file);
                double seconds = (System.nanoTime() - start) / 1e9;
                report(StudyJson.of(study, name(), words, rows, common.commandLine(), seconds));
                if (file != null) {
                    file.remove();
                }
            }
        }
    }

    private List<Row> measure(
            Study study,
            Backend backend,
            Checkpoint checkpoint,
            Path source,
            StudySettings settings,
            @Nullable StudyFile file) {
        try (var watch = new StudyGauge(common.screen(), common.interruption(), file != null)) {
            Tokenizer tokenizer = Tokenizer.open(Checkpoints.folder(source));
            return StudyRun.run(study, new Workbench(backend, checkpoint, tokenizer, settings, watch), file);
        }
    }

    private String name() {
        return model == null ? "" : ModelFolder.name(model);
    }

    /** All that the study's numbers depend on. */
    private static SortedMap<String, String> words(
            Study study, Checkpoint checkpoint, StudySettings settings, Backend backend) {
        var words = new TreeMap<>(settings.words());
        words.put("study", study.name());
        words.put("model sha256", StudyFile.sha256(checkpoint));
        words.put("program", Version.number() + " (" + Version.commit() + ")");
        words.put("backend", backend.name());
        return words;
    }

    private void report(StudyJson json) throws IOException {
        Screen screen = common.screen();
        screen.say(screen.outStyle().bold(json.title()) + ": " + json.model());
        StudyTable.of(json).lines(screen.outStyle()).forEach(screen::say);
        common.writeJson(json);
        if (html != null) {
            JsonFile.writeText(html, StudyPage.of(json));
            screen.remark("awq4j: the page is in " + html);
        }
    }
}
