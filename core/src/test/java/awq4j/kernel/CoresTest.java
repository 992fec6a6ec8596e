package awq4j.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class CoresTest {
    @Test
    void twoThreadsOfACoreCountOnce(@TempDir Path system) throws IOException {
        processors(system, "0,4", "1,5", "2,6", "3,7", "0,4", "1,5", "2,6", "3,7");
        assertThat(Cores.available(8, system)).isEqualTo(4);
    }

    @Test
    void aLimitOnProcessorsIsKept(@TempDir Path system) throws IOException {
        processors(system, "0", "1", "2", "3");
        assertThat(Cores.available(2, system)).isEqualTo(2);
    }

    @Test
    void whereTheSystemSaysNothingProcessorsCount(@TempDir Path system) {
        assertThat(Cores.available(6, system)).isEqualTo(6);
    }

    private static void processors(Path system, String... siblings) throws IOException {
        for (int cpu = 0; cpu < siblings.length; cpu++) {
            Path topology = Files.createDirectories(system.resolve("cpu" + cpu + "/topology"));
            Files.writeString(topology.resolve("thread_siblings_list"), siblings[cpu] + "\n");
        }
    }
}
