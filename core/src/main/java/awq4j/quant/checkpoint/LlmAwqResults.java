package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.format.pickle.PickleFile;
import awq4j.format.pickle.PickleValue;
import awq4j.format.pickle.PickleValue.Dictionary;
import awq4j.format.pickle.PickleValue.Sequence;
import awq4j.format.pickle.PickleValue.TensorView;
import awq4j.format.pickle.PickleValue.Text;
import awq4j.format.pickle.PickleValue.Tuple;
import awq4j.model.BlockSpec;
import awq4j.model.Linear;
import awq4j.model.ModelSpec;
import awq4j.model.ScaleGroup;
import awq4j.model.ScaleGroup.Fold;
import awq4j.model.StoredMatrix;
import awq4j.quant.BlockRecipe;
import awq4j.quant.BlockRecipe.GroupScale;
import awq4j.quant.QuantScheme;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The results of llm-awq's search, {@code --dump_awq FILE.pt}: a pickled dict of two lists. {@code scale} has, in folding
 * order, (name of the module that takes the inverse, names of the linears, scale [columns]); {@code clip} has (name of the
 * linear, largest magnitudes [rows, groups, 1]). The file says neither which model it was found for nor how many bits;
 * names and shapes are compared.
 */
public final class LlmAwqResults implements Recipe {
    private final PickleFile file;
    private final List<Scale> scales;
    private final Map<String, TensorView> clips;

    private record Scale(String fold, List<String> linears, TensorView view) {}

    private LlmAwqResults(PickleFile file, List<Scale> scales, Map<String, TensorView> clips) {
        this.file = file;
        this.scales = scales;
        this.clips = clips;
    }

    /**
     * Opens a file of results.
     *
     * @throws MalformedFileException if it is none, or damaged
     */
    public static LlmAwqResults open(Path path) {
        PickleFile file = PickleFile.open(path);
        boolean opened = false;
        try {
            if (!(file.root() instanceof Dictionary root)
                    || !(root.entries().get("scale") instanceof Sequence(List<PickleValue> scales))
                    || !(root.entries().get("clip") instanceof Sequence(List<PickleValue> clips))) {
                throw new MalformedFileException(
                        path,
                        file.rootAt(),
                        "expected a recipe: results of llm-awq's search are a dict with the lists \"scale\" and"
                                + " \"clip\"");
            }
            var results = new LlmAwqResults(file, scales(file, scales), clips(file, clips));
            opened = true;
            return results;
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    private static List<Scale> scales(PickleFile file, List<PickleValue> entries) {
        var scales = new ArrayList<Scale>();
        for (PickleValue entry : entries) {
            List<PickleValue> parts = items(entry);
            if (parts.size() != 3
                    || !(parts.get(0) instanceof Text(String fold))
                    || !(parts.get(2) instanceof TensorView view)) {
                throw new MalformedFileException(
                        file.path(),
                        file.rootAt(),
                        "entry " + scales.size() + " of \"scale\" should be (name, names, tensor)");
            }
            var linears = new ArrayList<String>();
            for (PickleValue name : items(parts.get(1))) {
                if (!(name instanceof Text(String linear))) {
                    throw new MalformedFileException(
                            file.path(),
                            file.rootAt(),
                            "entry " + scales.size() + " of \"scale\" has a linear without a name");
                }
                linears.add(linear);
            }
            scales.add(new Scale(fold, List.copyOf(linears), view));
        }
        return scales;
    }

    private static Map<String, TensorView> clips(PickleFile file, List<PickleValue> entries) {
        var clips = new LinkedHashMap<String, TensorView>();
        for (PickleValue entry : entries) {
            List<PickleValue> parts = items(entry);
            if (parts.size() != 2
                    || !(parts.get(0) instanceof Text(String linear))
                    || !(parts.get(1) instanceof TensorView view)) {
                throw new MalformedFileException(
                        file.path(), file.rootAt(), "entry " + clips.size() + " of \"clip\" should be (name, tensor)");
            }
            if (clips.put(linear, view) != null) {
                throw new MalformedFileException(
                        file.path(), file.rootAt(), "has two clips for " + MalformedFileException.shown(linear));
            }
        }
        return clips;
    }

    private static List<PickleValue> items(PickleValue value) {
        return switch (value) {
            case Tuple(List<PickleValue> items) -> items;
            case Sequence(List<PickleValue> items) -> items;
            default -> List.of();
        };
    }

    @Override
    public Path path() {
        return file.path();
    }

    @Override
    public String method() {
        return "awq";
    }

    @Override
    public SortedMap<String, String> settings() {
        return new TreeMap<>(Map.of("searched by", "llm-awq"));
    }

    /** The setting of llm-awq's own results; the file does not say. */
    @Override
    public QuantScheme scheme() {
        return QuantScheme.INT4_G128;
    }

    @Override
    public void requireFor(Checkpoint source, ModelSpec model, String sha256, QuantScheme scheme) {
        var left = new LinkedHashSet<Scale>(scales);
        var clipped = new HashSet<>(clips.keySet());
        for (BlockSpec spec : model.blocks()) {
            for (Scale scale : scales) {
                ScaleGroup group = group(spec, scale);
                if (group != null && left.remove(scale)) {
                    requireShape("the scale of " + scale.fold(), scale.view(), List.of((long)
                            group.linears().getFirst().columns()));
                }
            }
            for (StoredMatrix matrix : StoredMatrix.of(spec.linears())) {
                TensorView clip = clips.get(matrix.name());
                if (clip != null && clipped.remove(matrix.name())) {
                    requireClip(matrix, clip, scheme);
                }
            }
        }
        if (!left.isEmpty()) {
            Scale first = left.getFirst();
            throw unfit(
                    source,
                    "it scales " + shown(first.linears()) + " by " + MalformedFileException.shown(first.fold()));
        }
        if (!clipped.isEmpty()) {
            throw unfit(
                    source,
                    "it clips "
                            + MalformedFileException.shown(
                                    clipped.stream().sorted().findFirst().orElseThrow()));
        }
    }

    private IllegalArgumentException unfit(Checkpoint source, String what) {
        return new IllegalArgumentException("the recipe " + path() + " was found for another model: " + what
                + ", which " + source.path() + " has not");
    }

    private static String shown(List<String> names) {
        return MalformedFileException.shown(String.join(", ", names));
    }

    private void requireClip(StoredMatrix matrix, TensorView clip, QuantScheme scheme) {
        int size = scheme.groupSizeFor(matrix.columns());
        long groups = Math.ceilDiv(matrix.columns(), size);
        List<Long> dims = clip.shape().dims();
        if (dims.size() >= 2 && dims.get(0) == matrix.rows() && dims.get(1) != groups && dims.get(1) > 0) {
            throw new IllegalArgumentException("the recipe " + path() + " was found for groups of "
                    + Math.ceilDiv(matrix.columns(), dims.get(1)) + " columns, asked for is " + size + ": "
                    + matrix.name() + " has clips " + clip.shape());
        }
        requireShape("the clip of " + matrix.name(), clip, List.of((long) matrix.rows(), groups, 1L));
    }

    private void requireShape(String what, TensorView view, List<Long> expected) {
        List<Long> found = view.shape().dims();
        // the last extent of a clip is 1, and need not be there
        boolean fits = found.equals(expected)
                || (expected.size() > 1 && found.equals(expected.subList(0, expected.size() - 1)));
        if (!fits || view.dtype().filter(awq4j.tensor.DType::isFloat).isEmpty()) {
            throw new IllegalArgumentException("the recipe " + path() + ": " + what + " should be floats " + expected
                    + ", is " + view.dtypeName() + " " + view.shape());
        }
    }

    @Override
    public BlockRecipe block(BlockSpec spec) {
        var found = new ArrayList<GroupScale>();
        for (Scale scale : scales) {
            ScaleGroup group = group(spec, scale);
            if (group != null) {
                List<String> linears =
                        group.linears().stream().map(Linear::name).toList();
                found.add(new GroupScale(target(group), linears, Double.NaN, floats(scale.view())));
            }
        }
        var kept = new LinkedHashMap<String, float[]>();
        for (StoredMatrix matrix : StoredMatrix.of(spec.linears())) {
            TensorView clip = clips.get(matrix.name());
            if (clip != null) {
                float[] whole = floats(clip);
                int groups = whole.length / matrix.rows();
                matrix.parts().forEach(part -> kept.put(part.name(), rows(part, whole, groups)));
            }
        }
        return new BlockRecipe(spec.index(), found, kept);
    }

    private float[] floats(TensorView view) {
        return file.tensor(view).toFloats();
    }

    /** The rows of a stored matrix that a linear has. */
    private static float[] rows(Linear part, float[] whole, int groups) {
        float[] rows = new float[part.rows() * groups];
        for (int row = 0; row < part.rows(); row++) {
            System.arraycopy(whole, part.stored().row(row) * groups, rows, row * groups, groups);
        }
        return rows;
    }

    /** The group that an entry scales, by the names of modules; null if the block has none. */
    private static @Nullable ScaleGroup group(BlockSpec spec, Scale scale) {
        Set<String> wanted = Set.copyOf(scale.linears());
        for (ScaleGroup group : spec.scaleGroups()) {
            Set<String> stored = group.linears().stream()
                    .map(linear -> linear.stored().name())
                    .collect(Collectors.toSet());
            if (module(group.fold()).equals(scale.fold()) && stored.equals(wanted)) {
                return group;
            }
        }
        return null;
    }

    /** The module that takes the inverse, as PyTorch names it. */
    private static String module(Fold fold) {
        return switch (fold) {
            case Fold.IntoNorm into -> into.norm().name();
            case Fold.IntoRows into -> into.linear().stored().name();
            case Fold.AfterActivation after -> after.scales().replaceFirst("\\.scales$", "");
        };
    }

    /** The same as recipes name it. */
    private static String target(ScaleGroup group) {
        return switch (group.fold()) {
            case Fold.IntoNorm into -> into.norm().name();
            case Fold.IntoRows into -> into.linear().name();
            case Fold.AfterActivation after -> after.scales();
        };
    }

    @Override
    public void close() {
        file.close();
    }
}
