package awq4j.cli;

import awq4j.quant.Sparsity;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** How many weights become zero, and by which method. */
final class SparsityOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = "--sparsity",
            paramLabel = "AMOUNT",
            converter = SparsityConverter.class,
            description = "Set weights of the blocks to zero before they are rounded: a share of each row as 0.5, or a"
                    + " pattern as 2:4, two of every four neighbours. With --bits 16 nothing is rounded.")
    private @Nullable Sparsity sparsity;

    @Option(
            names = "--prune",
            paramLabel = "NAME",
            converter = PruningConverter.class,
            description =
                    "For --sparsity: wanda, the least by weight and activation (default), or sparsegpt, which lets"
                            + " other weights make up for them (default of --method gptq).")
    private @Nullable Pruning pruning;

    /** What chooses the weights. */
    enum Pruning {
        WANDA,
        SPARSEGPT;

        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /** {@code 0.5} or {@code 2:4}. */
    static final class SparsityConverter implements ITypeConverter<Sparsity> {
        private static final Pattern PATTERN = Pattern.compile("(\\d{1,9}):(\\d{1,9})");

        @Override
        public Sparsity convert(String value) {
            Matcher pattern = PATTERN.matcher(value);
            if (pattern.matches()) {
                int zeros = Integer.parseInt(pattern.group(1));
                int run = Integer.parseInt(pattern.group(2));
                if (zeros < 1 || zeros >= run) {
                    throw new TypeConversionException(
                            "expected fewer zeros than columns in a pattern, as in 2:4, was '" + value + "'");
                }
                return new Sparsity.Pattern(zeros, run);
            }
            try {
                double share = Double.parseDouble(value);
                if (share > 0 && share < 1) {
                    return new Sparsity.Share(share);
                }
            } catch (NumberFormatException e) {
                // said below
            }
            throw new TypeConversionException(
                    "expected a share between 0 and 1, as 0.5, or a pattern, as 2:4, was '" + value + "'");
        }
    }

    /** Names as the user writes them. */
    static final class PruningConverter implements ITypeConverter<Pruning> {
        @Override
        public Pruning convert(String value) {
            return switch (value.toLowerCase(Locale.ROOT)) {
                case "wanda" -> Pruning.WANDA;
                case "sparsegpt" -> Pruning.SPARSEGPT;
                default -> throw new TypeConversionException("expected wanda or sparsegpt, was '" + value + "'");
            };
        }
    }

    /** How many, null if none. */
    @Nullable
    Sparsity sparsity() {
        return sparsity;
    }

    /** What chooses the weights, under a method of quantization or, if {@code scheme} rounds nothing, alone. */
    Pruning pruning(SchemeOptions scheme) {
        if (pruning != null) {
            return pruning;
        }
        return scheme.plain() || scheme.method() != SchemeOptions.Method.GPTQ ? Pruning.WANDA : Pruning.SPARSEGPT;
    }

    /** @throws ParameterException if what was given does not go together */
    void check(SchemeOptions scheme) {
        if (sparsity == null) {
            if (pruning != null) {
                throw wrong("--prune " + pruning + ": how much? --sparsity 0.5, or 2:4");
            }
            if (scheme.plain()) {
                throw wrong("--bits 16 rounds nothing: it goes with --sparsity; codes have 2 to 8 bits");
            }
            return;
        }
        if (scheme.plain()) {
            if (scheme.searchWasChosen()) {
                throw wrong("--bits 16 rounds nothing: --method, and what goes with a method, go without it");
            }
            return;
        }
        if (scheme.automaticBits()) {
            throw wrong("--bits auto measures whole matrices: it goes without --sparsity");
        }
        switch (scheme.method()) {
            case AWQ, RTN -> {}
            case GPTQ -> {
                if (pruning == Pruning.WANDA) {
                    throw wrong("the corrections of --method gptq fill zeros: it goes with --prune sparsegpt, which"
                            + " prunes and rounds at once");
                }
                if (scheme.orderSettingsGiven()) {
                    throw wrong("sparsegpt goes through columns from left to right: --act-order, --static-groups and"
                            + " --true-sequential go without --sparsity");
                }
            }
            case AWQ_GPTQ, SMOOTHQUANT ->
                throw wrong("--sparsity goes with awq, rtn and gptq, not with " + scheme.method());
        }
        if (scheme.rangesMayLackZero()) {
            throw wrong("--sparsity wants zero to be a code of every group: --range reference goes without it");
        }
    }

    private ParameterException wrong(String message) {
        return new ParameterException(command.commandLine(), message);
    }
}
