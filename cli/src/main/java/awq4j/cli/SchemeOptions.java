package awq4j.cli;

import awq4j.quant.Awq;
import awq4j.quant.Gptq;
import awq4j.quant.Objective;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.quant.Scaling;
import awq4j.quant.checkpoint.MethodChoice;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.Spec;
import picocli.CommandLine.TypeConversionException;

/** What weights become, and by which method. */
final class SchemeOptions {
    @Spec(Spec.Target.MIXEE)
    @SuppressWarnings("NullAway.Init") // picocli sets it before the command runs
    private CommandSpec command;

    @Option(
            names = "--method",
            paramLabel = "NAME",
            description =
                    "awq (default): scales and clips found on calibration text; gptq: errors of one column made up for in"
                            + " the next; awq+gptq: both; smoothquant: 8 bits for weights that meet rounded activations"
                            + " (run --precision w8a8); rtn: plain rounding, in seconds.",
            converter = MethodConverter.class)
    private @Nullable Method method;

    @Option(
            names = "--bits",
            paramLabel = "N",
            description =
                    "Bits of a code, 2 to 8, default 4. Other programs read 4 only. auto: each matrix gets 2, 3, 4 or"
                            + " 8, by what it loses on calibration text (awq and rtn), within --budget. 16: no codes, for"
                            + " --sparsity alone.",
            converter = BitsConverter.class)
    private @Nullable Integer bits;

    @Option(
            names = "--budget",
            paramLabel = "BITS",
            description = "For --bits auto: mean bits of a code, for example 3.5; scales and zeros come on top.")
    private @Nullable Double budget;

    @Option(
            names = "--group-size",
            paramLabel = "N",
            description = "Columns that share a scale, default 128; -1 for whole rows.")
    private @Nullable Integer groupSize;

    @Option(names = "--symmetric", description = "Fix the zero at the middle code.")
    private boolean symmetric;

    @Option(
            names = "--range",
            paramLabel = "KIND",
            converter = RangeConverter.class,
            description = "reference (default): from a group's least to its greatest value, as llm-awq and AutoAWQ do;"
                    + " include-zero (default of gptq): extended to zero, which helps groups of one sign;"
                    + " least-error: that, shrunk to where the group's errors are least (gptq, rtn; slow).")
    private @Nullable Range range;

    @Option(
            names = "--scaling",
            paramLabel = "KIND",
            description = "plain or duo: the scales that AWQ tries, llm-awq's or AutoAWQ's.")
    private @Nullable Scaling scaling;

    @Option(
            names = "--objective",
            paramLabel = "KIND",
            description =
                    "module (default): scales that change least what attention and MLP put out, as llm-awq and AutoAWQ"
                            + " do; gram: what the scaled linears put out, over all tokens by the Gram matrices of their inputs.")
    private @Nullable Objective objective;

    @Option(names = "--no-clip", description = "Leave out AWQ's second search, that of clips.")
    private boolean noClip;

    @Option(
            names = "--search-tokens",
            paramLabel = "N",
            description = "Calibration tokens that losses are measured on; time grows with it.")
    private @Nullable Integer searchTokens;

    @Option(
            names = "--expert-tokens",
            paramLabel = "N",
            description = "Least calibration tokens that an expert of a mixture must see to be searched, default "
                    + Awq.Settings.DEFAULT_EXPERT_TOKENS + "; with fewer it is rounded plainly.")
    private @Nullable Integer expertTokens;

    @Option(
            names = "--route-all-experts",
            description = "Let every expert see all calibration tokens, not only those that are sent to it."
                    + " Memory and time grow with the number of experts.")
    private boolean everyExpert;

    @Option(
            names = "--damping",
            paramLabel = "SHARE",
            description = "gptq: what is added to the diagonal, as a share of its mean, default 0.01.")
    private @Nullable Double damping;

    @Option(
            names = "--act-order",
            description = "gptq: round columns by descending activations; implies --static-groups.")
    private boolean actOrder;

    @Option(
            names = "--true-sequential",
            description = "gptq: show each linear what the quantized linears before it in its block put out; three more"
                    + " runs of each block.")
    private boolean trueSequential;

    @Option(names = "--static-groups", description = "gptq: find scales and zeros before anything is rounded.")
    private boolean staticGroups;

    @Option(
            names = "--alpha",
            paramLabel = "SHARE",
            description =
                    "smoothquant: how much of the range of activations goes into the weights, 0 to 1, default 0.5.")
    private @Nullable Double alpha;

    /** Methods by the names of the command line. */
    enum Method {
        AWQ("awq"),
        GPTQ("gptq"),
        AWQ_GPTQ("awq+gptq"),
        SMOOTHQUANT("smoothquant"),
        RTN("rtn");

        private final String label;

        Method(String label) {
            this.label = label;
        }

        @Override
        public String toString() {
            return label;
        }

        boolean scales() {
            return this == AWQ || this == AWQ_GPTQ;
        }

        boolean corrects() {
            return this == GPTQ || this == AWQ_GPTQ;
        }
    }

    /** Methods as the user writes them. */
    static final class MethodConverter implements ITypeConverter<Method> {
        @Override
        public Method convert(String value) {
            for (Method method : Method.values()) {
                if (method.label.equals(value.toLowerCase(Locale.ROOT))) {
                    return method;
                }
            }
            throw new TypeConversionException("expected awq, gptq, awq+gptq, smoothquant or rtn, was '" + value + "'");
        }
    }

    /** A number, or {@code auto}. */
    static final class BitsConverter implements ITypeConverter<Integer> {
        private static final int AUTO = 0;
        private static final int PLAIN = 16;

        @Override
        public Integer convert(String value) {
            try {
                return value.toLowerCase(Locale.ROOT).equals("auto") ? AUTO : Integer.valueOf(value);
            } catch (NumberFormatException e) {
                throw new TypeConversionException("expected a number from 2 to 8, or auto, was '" + value + "'");
            }
        }
    }

    /** {@code include-zero}, as the user writes it. */
    static final class RangeConverter implements ITypeConverter<Range> {
        @Override
        public Range convert(String value) {
            return switch (value.toLowerCase(Locale.ROOT)) {
                case "reference" -> Range.REFERENCE;
                case "include-zero" -> Range.INCLUDE_ZERO;
                case "least-error" -> Range.LEAST_ERROR;
                default ->
                    throw new TypeConversionException(
                            "expected reference, include-zero or least-error, was '" + value + "'");
            };
        }
    }

    /** Whether each matrix is to have a width of its own. */
    boolean automaticBits() {
        return bits != null && bits == BitsConverter.AUTO;
    }

    /** Whether weights stay float16. */
    boolean plain() {
        return bits != null && bits == BitsConverter.PLAIN;
    }

    /** Whether groups were asked for that need not contain zero. */
    boolean rangesMayLackZero() {
        return range == Range.REFERENCE;
    }

    /** Whether something was said about the order in which GPTQ goes through a block. */
    boolean orderSettingsGiven() {
        return actOrder || staticGroups || trueSequential;
    }

    /** Mean bits of a code. */
    double budget() {
        return Objects.requireNonNull(budget);
    }

    /** @throws ParameterException if a budget is given without {@code --bits auto}, or the other way round, or is too low */
    void checkBudget(List<Integer> widths) {
        if (automaticBits() != (budget != null)) {
            throw new ParameterException(
                    command.commandLine(), "--bits auto and --budget BITS go together, as in --bits auto --budget 3.5");
        }
        if (budget != null && !(budget >= widths.getFirst() && budget <= widths.getLast())) {
            throw new ParameterException(
                    command.commandLine(),
                    "--budget should be from " + widths.getFirst() + " to " + widths.getLast() + ", was " + budget);
        }
        if (automaticBits() && method().corrects()) {
            throw new ParameterException(
                    command.commandLine(),
                    "--bits auto goes with awq and rtn: the codes of " + method() + " do not follow from a recipe");
        }
    }

    Method method() {
        return method == null ? Method.AWQ : method;
    }

    /** Whether something was said about how to search. */
    boolean searchWasChosen() {
        return method != null
                || alpha != null
                || searchSettingsGiven()
                || expertTokens != null
                || correctionSettingsGiven();
    }

    /** Whether something was said that only AWQ understands. */
    boolean searchSettingsGiven() {
        return scaling != null || noClip || searchTokens != null || everyExpert || objective != null;
    }

    /** Whether something was said that only GPTQ understands. */
    boolean correctionSettingsGiven() {
        return damping != null || actOrder || staticGroups || trueSequential;
    }

    /** Whether a number of tokens was given to an objective that counts all. */
    boolean searchTokensMeanNothing() {
        return searchTokens != null && objective == Objective.GRAM;
    }

    /** Whether ranges are to be searched, group by group. */
    boolean searchesRanges() {
        return range == Range.LEAST_ERROR;
    }

    boolean expertTokensGiven() {
        return expertTokens != null;
    }

    /** Whether something was said that only SmoothQuant understands. */
    boolean alphaGiven() {
        return alpha != null;
    }

    /** What was asked for of SmoothQuant. */
    MethodChoice smoothQuant() {
        try {
            return MethodChoice.smoothQuant(alpha == null ? 0.5 : alpha);
        } catch (IllegalArgumentException e) {
            throw wrong(e);
        }
    }

    /**
     * What is quantized to if nothing is said: GPTQ's groups contain zero, as its reference has it; SmoothQuant's weights
     * have 8 bits and a scale for each output channel.
     */
    QuantScheme standard() {
        if (method() == Method.SMOOTHQUANT) {
            return new QuantScheme(8, QuantScheme.WHOLE_ROW, true, Range.REFERENCE);
        }
        QuantScheme common = QuantScheme.INT4_G128;
        return method().corrects() ? common.withRange(Range.INCLUDE_ZERO) : common;
    }

    /** What was asked for of GPTQ. */
    Gptq.Settings gptq() {
        Gptq.Settings otherwise = Gptq.Settings.DEFAULT;
        try {
            return new Gptq.Settings(
                    damping == null ? otherwise.damping() : damping,
                    actOrder,
                    staticGroups || actOrder,
                    trueSequential,
                    expertTokens == null ? otherwise.expertTokens() : expertTokens);
        } catch (IllegalArgumentException e) {
            throw wrong(e);
        }
    }

    /** What was asked for, and {@code otherwise} where nothing was. */
    QuantScheme over(QuantScheme otherwise) {
        try {
            return new QuantScheme(
                    bits == null || automaticBits() || plain() ? otherwise.bits() : bits,
                    groupSize == null ? otherwise.groupSize() : groupSize,
                    symmetric || otherwise.symmetric(),
                    range == null ? otherwise.range() : range);
        } catch (IllegalArgumentException e) {
            throw wrong(e);
        }
    }

    /** What was asked for, and {@code otherwise} where nothing was. */
    Awq.Settings awq(Awq.Settings otherwise) {
        try {
            return new Awq.Settings(
                    scaling == null ? otherwise.scaling() : scaling,
                    otherwise.clip() && !noClip,
                    searchTokens == null ? otherwise.searchTokens() : searchTokens,
                    expertTokens == null ? otherwise.expertTokens() : expertTokens,
                    otherwise.everyExpert() || everyExpert,
                    objective == null ? otherwise.objective() : objective);
        } catch (IllegalArgumentException e) {
            throw wrong(e);
        }
    }

    private ParameterException wrong(IllegalArgumentException e) {
        String message = String.valueOf(e.getMessage())
                .replace("groupSize", "group-size")
                .replace("searchTokens", "search-tokens")
                .replace("expertTokens", "expert-tokens");
        return new ParameterException(command.commandLine(), "--" + message);
    }
}
