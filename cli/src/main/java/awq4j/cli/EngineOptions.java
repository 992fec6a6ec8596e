package awq4j.cli;

import awq4j.LanguageModel;
import awq4j.kernel.CpuOptions;
import awq4j.kernel.KvBuffer.KvPrecision;
import awq4j.kernel.Precision;
import java.nio.file.Path;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;

/** How a model is run: on which kernels, with how many threads, with room for how many tokens. */
final class EngineOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Mixin
    private KernelOptions kernels = new KernelOptions();

    @Option(
            names = "--precision",
            paramLabel = "TYPE",
            defaultValue = "w4a8",
            description =
                    "w4a8 (default) rounds activations that meet weights of up to 4 bits to 8 bits; w8a8 also those that"
                            + " meet longer ones; w4a16 is exact and slower.")
    private Precision precision = Precision.W4A8;

    @Option(
            names = "--context",
            paramLabel = "N",
            defaultValue = "0",
            description = "Most tokens of prompt and reply together; 0, the default, is what the model was made for.")
    private int context;

    @Option(
            names = "--kv",
            paramLabel = "TYPE",
            defaultValue = "f16",
            description =
                    "f16 (default), i8, i4 or f32: how keys and values are kept. i8 takes half the memory of f16; i4 a third"
                            + " in long contexts, the latest 128 positions staying f16; f32 takes twice.")
    private KvPrecision kv = KvPrecision.F16;

    /**
     * Kernels and threads.
     *
     * @throws ParameterException if the number of threads makes no sense
     */
    CpuOptions cpu() {
        return kernels.cpu(precision);
    }

    /**
     * Most tokens of prompt and reply together, 0 for the model's own length.
     *
     * @throws ParameterException if it is negative
     */
    int context() {
        if (context < 0) {
            throw new ParameterException(command.commandLine(), "--context must not be negative, was " + context);
        }
        return context;
    }

    /** How keys and values are kept. */
    KvPrecision kv() {
        return kv;
    }

    /** Complains about numbers before a model is looked for. */
    void check() {
        model();
    }

    /** All of it, as {@link LanguageModel#open} takes it. */
    LanguageModel.Options model() {
        return LanguageModel.Options.DEFAULT
                .withCpu(cpu())
                .withContextLength(context())
                .withKv(kv());
    }

    /**
     * Opens a model to run it; says so if it is asked to go beyond what it was made for.
     *
     * @param folder of the model
     * @throws ParameterException as {@link #model}
     */
    LanguageModel open(Path folder, Screen screen) {
        return said(LanguageModel.open(folder, model()), screen);
    }

    /** The same with a model that may adapt. */
    LanguageModel open(Path folder, AdaptingOptions adapting, Screen screen) {
        if (!adapting.adaptive()) {
            return open(folder, screen);
        }
        return said(LanguageModel.openAdaptive(folder, model(), adapting.options(screen)), screen);
    }

    private static LanguageModel said(LanguageModel opened, Screen screen) {
        int trained = opened.spec().contextLength();
        if (opened.contextLength() > trained) {
            screen.remark("awq4j: --context " + opened.contextLength() + " is more than the " + trained
                    + " tokens the model was made for; beyond them its replies get worse");
        }
        return opened;
    }
}
