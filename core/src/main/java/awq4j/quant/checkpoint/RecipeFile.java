package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.MalformedFileException;
import awq4j.format.safetensors.SafetensorsFile;
import awq4j.format.safetensors.SafetensorsWriter;
import awq4j.format.safetensors.SafetensorsWriter.Source;
import awq4j.model.BlockSpec;
import awq4j.model.ModelSpec;
import awq4j.quant.BlockRecipe;
import awq4j.quant.BlockRecipe.GroupScale;
import awq4j.quant.QuantScheme;
import awq4j.quant.QuantScheme.Range;
import awq4j.tensor.Tensor;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import tools.jackson.core.JacksonException;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.node.ObjectNode;

/**
 * The result of a search, on disk: scales and clips of all blocks. With it a checkpoint is packed again in seconds,
 * without calibration, and the codes are the search's.
 *
 * <p>A safetensors file. Metadata {@code awq4j.recipe} is JSON: what it was found for and the groups of each block.
 * Tensors {@code block.I.scale.J}, float32 [columns], belong to the J-th group of block I in folding order;
 * {@code block.I.clip.LINEAR}, float32, are the largest magnitudes kept, one a group, row by row.
 */
public final class RecipeFile implements Recipe {
    private static final String KEY = "awq4j.recipe";
    private static final int VERSION = 1;

    private final Path path;
    private final SafetensorsFile file;
    private final Header header;
    private final Map<Integer, List<Config>> groups;

    /**
     * What a recipe was found for.
     *
     * @param model hash of the model, see {@code quantization_report.json}
     * @param architecture of the model, for messages
     * @param blocks how many the model has
     * @param method that found it
     * @param settings of that method
     */
    public record Header(
            String model,
            String architecture,
            int blocks,
            QuantScheme scheme,
            String method,
            SortedMap<String, String> settings) {}

    private RecipeFile(Path path, SafetensorsFile file, Header header, Map<Integer, List<Config>> groups) {
        this.path = path;
        this.file = file;
        this.header = header;
        this.groups = groups;
    }

    /**
     * Opens a recipe.
     *
     * @throws MalformedFileException if it is none, or damaged
     */
    public static RecipeFile open(Path path) {
        SafetensorsFile file = SafetensorsFile.open(path);
        boolean opened = false;
        try {
            String json = file.metadata().get(KEY);
            if (json == null) {
                throw new MalformedFileException(
                        path, -1, "expected a recipe, found a safetensors file without the metadata " + KEY);
            }
            Config config = parse(path, json);
            if (config.integer("version") != VERSION) {
                throw new MalformedFileException(
                        path, -1, "recipe of version " + config.integer("version") + ", expected " + VERSION);
            }
            var recipe = new RecipeFile(path, file, header(config), groups(config));
            opened = true;
            return recipe;
        } finally {
            if (!opened) {
                file.close();
            }
        }
    }

    /** What it was found for. */
    public Header header() {
        return header;
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public String method() {
        return header.method();
    }

    @Override
    public SortedMap<String, String> settings() {
        return header.settings();
    }

    @Override
    public QuantScheme scheme() {
        return header.scheme();
    }

    @Override
    public void requireFor(Checkpoint source, ModelSpec model, String sha256, QuantScheme scheme) {
        if (!header.model().equals(sha256)) {
            throw new IllegalArgumentException("the recipe was found for another model: " + header.architecture()
                    + " of " + header.blocks() + " blocks, sha256 "
                    + header.model().substring(0, 12) + "..., not for "
                    + source.path() + ", sha256 " + sha256.substring(0, 12) + "...");
        }
        if (!header.scheme().equals(scheme)) {
            throw new IllegalArgumentException("the recipe was found for " + words(header.scheme())
                    + "; scales and clips are good for that only, asked for is " + words(scheme));
        }
    }

    private static String words(QuantScheme scheme) {
        return scheme.bits() + " bits, group size " + scheme.groupSize() + ", "
                + (scheme.symmetric() ? "symmetric" : "asymmetric") + ", range "
                + scheme.range().name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    @Override
    public BlockRecipe block(BlockSpec spec) {
        List<Config> stated = groups.get(spec.index());
        if (stated == null) {
            throw new MalformedFileException(path, -1, "has no recipe for block " + spec.index());
        }
        String prefix = "block." + spec.index() + ".";
        var scales = new ArrayList<GroupScale>();
        for (int j = 0; j < stated.size(); j++) {
            Config group = stated.get(j);
            scales.add(new GroupScale(
                    group.text("fold"),
                    group.texts("linears"),
                    group.number("ratio", Double.NaN),
                    floats(prefix + "scale." + j)));
        }
        var clips = new LinkedHashMap<String, float[]>();
        for (String name : file.names()) {
            if (name.startsWith(prefix + "clip.")) {
                clips.put(name.substring((prefix + "clip.").length()), floats(name));
            }
        }
        return new BlockRecipe(spec.index(), scales, clips);
    }

    private float[] floats(String name) {
        if (!file.names().contains(name)) {
            throw new MalformedFileException(path, -1, "recipe lacks its tensor " + name);
        }
        Tensor tensor = file.tensor(name);
        if (!tensor.dtype().isFloat()) {
            throw new MalformedFileException(path, -1, name + ": expected floats, found " + tensor.dtype());
        }
        return tensor.toFloats();
    }

    @Override
    public void close() {
        file.close();
    }

    /** Writes recipes of some blocks; an existing file is replaced. */
    static void write(Path path, Header header, List<BlockRecipe> recipes) {
        var sources = new ArrayList<Source>();
        ObjectNode json = WholeFile.JSON.createObjectNode();
        json.put("version", VERSION);
        json.put("model", header.model());
        json.put("architecture", header.architecture());
        json.put("blocks", header.blocks());
        json.put("bits", header.scheme().bits());
        json.put("group_size", header.scheme().groupSize());
        json.put("symmetric", header.scheme().symmetric());
        json.put("range", header.scheme().range().name());
        json.put("method", header.method());
        ObjectNode settings = json.putObject("settings");
        header.settings().forEach(settings::put);
        ObjectNode groups = json.putObject("groups");
        for (BlockRecipe recipe : recipes) {
            var list = groups.putArray(Integer.toString(recipe.layer()));
            String prefix = "block." + recipe.layer() + ".";
            for (int j = 0; j < recipe.scales().size(); j++) {
                GroupScale scale = recipe.scales().get(j);
                ObjectNode group = list.addObject().put("fold", scale.fold());
                scale.linears().forEach(group.putArray("linears")::add);
                if (Double.isFinite(scale.ratio())) {
                    group.put("ratio", scale.ratio());
                }
                sources.add(source(prefix + "scale." + j, scale.scale()));
            }
            new TreeMap<>(recipe.clips())
                    .forEach((linear, clip) -> sources.add(source(prefix + "clip." + linear, clip)));
        }
        SafetensorsWriter.write(path, Map.of(KEY, json.toString()), sources);
    }

    private static Source source(String name, float[] values) {
        return Source.of(name, Tensor.ofFloats(values, values.length));
    }

    private static Config parse(Path path, String json) {
        try {
            return Config.of(path, WholeFile.JSON.readTree(json));
        } catch (JacksonException e) {
            throw new MalformedFileException(path, -1, "metadata " + KEY + " is not JSON: " + e.getOriginalMessage());
        }
    }

    private static Header header(Config config) {
        var settings = new TreeMap<String, String>();
        config.section("settings")
                .ifPresent(
                        section -> section.json().propertyNames().forEach(key -> settings.put(key, section.text(key))));
        String range = config.text("range");
        if (Arrays.stream(Range.values()).noneMatch(known -> known.name().equals(range))) {
            throw new MalformedFileException(config.file(), -1, "unknown \"range\" " + range);
        }
        QuantScheme scheme;
        try {
            scheme = new QuantScheme(
                    config.integer("bits"),
                    config.integer("group_size"),
                    config.flag("symmetric", false),
                    Range.valueOf(range));
        } catch (IllegalArgumentException e) {
            throw new MalformedFileException(config.file(), -1, String.valueOf(e.getMessage()));
        }
        if (config.text("model").length() != 64) {
            throw new MalformedFileException(config.file(), -1, "\"model\" should be a sha256 of 64 digits");
        }
        return new Header(
                config.text("model"),
                config.text("architecture"),
                config.positive("blocks"),
                scheme,
                config.text("method"),
                settings);
    }

    private static Map<Integer, List<Config>> groups(Config config) {
        var groups = new LinkedHashMap<Integer, List<Config>>();
        Config section = config.section("groups")
                .orElseThrow(() -> new MalformedFileException(config.file(), -1, "recipe has no \"groups\""));
        for (String key : section.json().propertyNames()) {
            JsonNode list = section.json().get(key);
            if (!key.matches("\\d{1,6}") || !list.isArray()) {
                throw new MalformedFileException(
                        config.file(), -1, "\"groups\" should hold a list for each block, has \"" + key + "\"");
            }
            groups.put(
                    Integer.valueOf(key),
                    list.valueStream()
                            .map(node -> Config.of(config.file(), node))
                            .toList());
        }
        return groups;
    }
}
