package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.kernel.CpuOptions;
import awq4j.kernel.CpuOptions.Arithmetic;
import awq4j.kernel.KvBuffer.KvPrecision;
import org.junit.jupiter.api.Test;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.ParameterException;

class EngineOptionsTest {
    @Test
    void withoutOptionsTheBestKernelsRunOnAllCores() {
        EngineOptions options = parsed();
        assertThat(options.cpu()).isEqualTo(CpuOptions.FASTEST);
        assertThat(options.context()).isZero();
        assertThat(options.kv()).isEqualTo(KvPrecision.F16);
    }

    @Test
    void everyOptionIsTaken() {
        EngineOptions options = parsed(
                "--threads", "3", "--kernels", "scalar", "--precision", "w4a16", "--context", "99", "--kv", "f32");
        assertThat(options.cpu()).isEqualTo(new CpuOptions(Arithmetic.SCALAR, 3));
        assertThat(options.context()).isEqualTo(99);
        assertThat(options.kv()).isEqualTo(KvPrecision.F32);
        assertThat(parsed("--kv", "i8").kv()).isEqualTo(KvPrecision.I8);
        assertThat(parsed("--kv", "i4").kv()).isEqualTo(KvPrecision.I4);
    }

    @Test
    void numbersThatMakeNoSenseAreWrongUsage() {
        assertThatThrownBy(() -> parsed("--threads", "-1").cpu())
                .isInstanceOf(ParameterException.class)
                .hasMessage("--threads must be in [0, 1024], was -1");
        assertThatThrownBy(() -> parsed("--context", "-5").context())
                .isInstanceOf(ParameterException.class)
                .hasMessage("--context must not be negative, was -5");
        assertThatThrownBy(() -> parsed("--kernels", "gpu")).hasMessageContaining("--kernels");
    }

    private static EngineOptions parsed(String... arguments) {
        var host = new Host();
        new CommandLine(host).setCaseInsensitiveEnumValuesAllowed(true).parseArgs(arguments);
        return host.engine;
    }

    @Command(name = "host")
    static final class Host {
        @Mixin
        EngineOptions engine = new EngineOptions();
    }
}
