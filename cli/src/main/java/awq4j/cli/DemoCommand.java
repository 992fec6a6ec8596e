package awq4j.cli;

import awq4j.kernel.CpuOptions;
import java.io.IOException;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.concurrent.CancellationException;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** {@code awq4j demo}: the whole program on the model that ships with it. */
@Command(
        name = "demo",
        description = {
            "Show everything at once, without a network, in a minute: quantize the small Llama that ships with the"
                    + " program with plain rounding (RTN) and with AWQ, to 4 and to 3 bits, compare the results, and"
                    + " let the 4-bit one tell a story."
        },
        footerHeading = "%nExamples:%n",
        footer = {"  awq4j demo", "  awq4j demo --keep my-demo && awq4j run my-demo/awq4 --prompt \"The king\""})
final class DemoCommand implements Callable<Integer> {
    @Mixin
    private CommonOptions common = new CommonOptions();

    @Mixin
    private KernelOptions kernels = new KernelOptions();

    @Option(
            names = "--keep",
            paramLabel = "DIR",
            description = "Keep the models and texts in DIR, which must not exist yet.")
    private @Nullable Path keep;

    @Option(names = "--quick", hidden = true, description = "A few seconds' work, for tests; its figures mean little.")
    private boolean quick;

    @Override
    public Integer call() throws IOException {
        Screen screen = common.screen();
        CpuOptions cpu = kernels.cpu();
        common.checkJson();
        try (var working = WorkingFolder.create(keep, common.interruption())) {
            var demo = new Demo(
                    screen, common.interruption(), cpu, quick ? Demo.Budget.QUICK : Demo.Budget.FULL, working.path());
            DemoMeasurement measured = demo.compare();
            common.writeJson(DemoReport.json(measured.rows()));
            screen.remark("");
            DemoReport.lines(measured, screen.outStyle()).forEach(screen::say);
            demo.tell();
            if (keep != null) {
                working.keep(keep);
                screen.remark("");
                screen.remark("The models and texts are kept in " + keep + ".");
            }
            return 0;
        } catch (RuntimeException | IOException e) {
            if (common.interruption().requested()) { // whatever it is: its files were taken away
                throw new CancellationException("interrupted");
            }
            throw e;
        }
    }
}
