package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.cli.InfoCommand.Info;
import awq4j.cli.InfoCommand.Kernels;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

class InfoCommandTest {
    private static final Info SLOW = new Info(
            "1.2.3",
            "abc",
            "25",
            "",
            "/opt/a/folder/whose/name/is/so/long/that/nothing/else/has/room/beside/it/on/this/line",
            "Plan 9",
            "sparc",
            new Processor("", 64, List.of()),
            8,
            new Memory(64L << 30, 16L << 30, 4L << 30, 4L << 30),
            new Kernels("scalar", false, "module jdk.incubator.vector is absent from this Java process"),
            false,
            "the tokenizer library could not load its native code on Plan 9 sparc",
            List.of(),
            "/tmp");

    @Test
    void saysWhichKernelsRunInThisProcess() {
        var program = Program.run("info");
        assertThat(program.code()).isZero();
        assertThat(program.err()).isEmpty();
        assertThat(program.out())
                .contains("Java       " + Runtime.version(), System.getProperty("java.home"))
                .containsPattern("Kernels    vector (128|256|512) bit: the fast ones")
                .contains("Tokenizer  its native code loads")
                .doesNotContain("To make it better");
    }

    @Test
    void jsonHoldsTheSame(@TempDir Path folder) throws IOException {
        Path file = folder.resolve("info.json");
        assertThat(Program.run("info", "--json", file).code()).isZero();
        JsonNode json = new JsonMapper().readTree(file);
        assertThat(json.path("java").asString()).isEqualTo(Runtime.version().toString());
        assertThat(json.path("cores").asInt()).isEqualTo(Runtime.getRuntime().availableProcessors());
        assertThat(json.path("memory").path("heap").asLong())
                .isEqualTo(Runtime.getRuntime().maxMemory());
        assertThat(json.path("kernels").path("fast").asBoolean()).isTrue();
    }

    @Test
    void slowMachineIsToldWhyAndWhatToDo() {
        assertThat(String.join(" ", InfoCommand.lines(SLOW, Style.PLAIN)).replaceAll(" +", " "))
                .contains("8 of 64 cores: the rest is kept from this process")
                .contains("16.0 GiB of the machine's 64.0 GiB: a container's limit; 4.00 GiB free now")
                .contains("Kernels scalar: plain loops, many times slower")
                .contains("module jdk.incubator.vector is absent")
                .contains("--add-modules jdk.incubator.vector")
                .contains("could not load its native code on Plan 9")
                .contains("DJL_CACHE_DIR")
                .contains("--enable-native-access=ALL-UNNAMED");
    }

    @Test
    void linesFitTheScreenUnlessTheyAreOneWord() {
        assertThat(InfoCommand.lines(SLOW, Style.PLAIN))
                .allSatisfy(line -> assertThat(
                                line.length() <= Screen.WIDTH || line.strip().indexOf(' ') < 0)
                        .as(line)
                        .isTrue());
    }

    @Test
    void processorsAreReadOnX86() {
        assertThat(Processor.parse("""
                processor\t: 0
                model name\t: AMD EPYC 7763
                flags\t\t: fpu avx fma avx2 sse4_2

                processor\t: 1
                model name\t: AMD EPYC 7763
                flags\t\t: fpu avx fma avx2 sse4_2
                """))
                .isEqualTo(new Processor("AMD EPYC 7763", 2, List.of("SSE4.2", "AVX", "FMA", "AVX2")));
    }

    @Test
    void processorsAreReadOnArmWhichHasNoModelName() {
        assertThat(Processor.parse("""
                processor\t: 0
                BogoMIPS\t: 50.00
                Features\t: fp asimd asimddp sve
                """)).isEqualTo(new Processor("", 1, List.of("NEON", "dot product", "SVE")));
        assertThat(Processor.parse("")).isEqualTo(new Processor("", 0, List.of()));
    }

    @Test
    void memoryFieldsAreKibibytes() {
        String text = "MemTotal:       24617536 kB\nMemAvailable:    100 kB\n";
        assertThat(Memory.field(text, "MemTotal", 0)).isEqualTo(24617536L * 1024);
        assertThat(Memory.field(text, "MemAvailable", 0)).isEqualTo(102400);
        assertThat(Memory.field(text, "MemFree", 7)).isEqualTo(7);
    }
}
