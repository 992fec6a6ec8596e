package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.testing.TinyModels;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What nobody sees must work all the same: a command that fails leaves its classes out of the start-up cache. */
class RehearsalTest {
    @TempDir
    private Path folder;

    @Test
    void everyCommandSucceeds() {
        for (List<String> command : Rehearsal.commands(TinyModels.demo(), folder)) {
            Program program = Program.run(command.toArray());
            assertThat(program.code()).as("%s%n%s", command, program).isZero();
        }
    }
}
