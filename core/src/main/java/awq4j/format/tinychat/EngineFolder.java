package awq4j.format.tinychat;

import awq4j.format.MalformedFileException;
import awq4j.format.TensorFile;
import awq4j.format.TensorFolder;
import awq4j.tensor.DType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;

/**
 * A model folder of TinyChatEngine as transformers would name its tensors. docs/formats/tinychatengine.md lists its files;
 * none of them has a header, so shapes follow from their sizes and the width of the last norm.
 */
public final class EngineFolder {
    /** What is wrong with such a folder that has no config.json. */
    public static final String WITHOUT_CONFIG = "is a model of TinyChatEngine, which does not say what it is: put"
            + " config.json and the tokenizer of the model that it was made from into it";

    private static final String DECODER = "decoder";

    /** Modules whose matrices have a row, not a column, for each value of the residual stream. */
    private static final Set<String> BACK = Set.of("o_proj", "out_proj", "down_proj", "fc2", "c_proj");

    /** Files of a module that are read. */
    private static final List<String> WORDS =
            List.of("weight", "bias", EngineLinears.CODES, EngineLinears.SCALES, EngineLinears.ZERO);

    /** The families that the engine's tools export. */
    private static final List<Kind> KINDS = List.of(
            new Kind(
                    "norm",
                    "model.",
                    "model.layers.",
                    List.of("embed_tokens"),
                    List.of(
                            "input_layernorm",
                            "post_attention_layernorm",
                            "self_attn/q_proj",
                            "self_attn/k_proj",
                            "self_attn/v_proj",
                            "self_attn/o_proj"),
                    List.of("gate_proj", "up_proj", "down_proj")),
            new Kind(
                    "final_layer_norm",
                    "model.decoder.",
                    "model.decoder.layers.",
                    List.of("embed_tokens", "embed_positions"),
                    List.of(
                            "self_attn_layer_norm",
                            "final_layer_norm",
                            "self_attn/q_proj",
                            "self_attn/k_proj",
                            "self_attn/v_proj",
                            "self_attn/out_proj",
                            "fc1",
                            "fc2"),
                    List.of()),
            new Kind(
                    "ln_f",
                    "transformer.",
                    "transformer.h.",
                    List.of("wte", "wpe"),
                    List.of("ln_1", "ln_2", "attn/c_attn", "attn/c_proj"),
                    List.of("c_fc", "c_proj")));

    private EngineFolder() {}

    /**
     * The modules of a family, and where transformers has them.
     *
     * @param lastNorm outside the layers; tells the family
     * @param root what stands before the names of modules outside the layers
     * @param layers what stands before a layer's number
     * @param mlp modules of a layer that transformers has below {@code mlp}
     */
    private record Kind(
            String lastNorm, String root, String layers, List<String> outer, List<String> inner, List<String> mlp) {}

    /** Whether a folder is one of TinyChatEngine's. */
    public static boolean present(Path folder) {
        return Files.isDirectory(folder.resolve(DECODER).resolve("layer0"));
    }

    /**
     * Maps all files that belong to a model.
     *
     * @throws MalformedFileException if it is of no known kind, or a file has a size that no tensor of its has
     */
    public static TensorFolder open(Path folder) {
        var files = new ArrayList<TensorFile>();
        boolean complete = false;
        try {
            new Reading(folder, files).all();
            complete = true;
            return TensorFolder.of(folder, files);
        } finally {
            if (!complete) {
                files.forEach(TensorFile::close);
            }
        }
    }

    private static final class Reading {
        private final Path folder;
        private final Path decoder;
        private final List<TensorFile> files;
        private final Kind kind;
        private final int hidden;

        Reading(Path folder, List<TensorFile> files) {
            this.folder = folder;
            this.decoder = folder.resolve(DECODER);
            this.files = files;
            this.kind = kind();
            this.hidden = hidden(decoder.resolve(kind.lastNorm()).resolve("weight.bin"));
        }

        private Kind kind() {
            for (Kind each : KINDS) {
                if (Files.isRegularFile(decoder.resolve(each.lastNorm()).resolve("weight.bin"))) {
                    return each;
                }
            }
            throw new MalformedFileException(
                    decoder,
                    -1,
                    "has the layers of a TinyChatEngine model, but weight.bin of none of its last norms: norm (Llama),"
                            + " final_layer_norm (OPT), ln_f (StarCoder)");
        }

        private static int hidden(Path norm) {
            long bytes = size(norm);
            if (bytes == 0 || bytes % Float.BYTES != 0 || bytes > Integer.MAX_VALUE) {
                throw new MalformedFileException(
                        norm, bytes, "expected the float32 numbers of a norm, has " + bytes + " bytes");
            }
            return (int) bytes / Float.BYTES;
        }

        private static long size(Path file) {
            try {
                return Files.size(file);
            } catch (IOException e) {
                throw new UncheckedIOException(file + ": " + e.getMessage(), e);
            }
        }

        void all() {
            for (String module : kind.outer()) {
                module(decoder.resolve(module), kind.root() + module);
            }
            module(decoder.resolve(kind.lastNorm()), kind.root() + kind.lastNorm());
            for (int layer = 0; Files.isDirectory(decoder.resolve("layer" + layer)); layer++) {
                Path place = decoder.resolve("layer" + layer);
                String prefix = kind.layers() + layer + ".";
                for (String module : kind.inner()) {
                    module(place.resolve(module), prefix + module.replace('/', '.'));
                }
                for (String module : kind.mlp()) {
                    module(place.resolve(module), prefix + "mlp." + module);
                }
            }
            module(folder.resolve("lm_head"), "lm_head");
            Path plain = folder.resolve("lm_head.bin"); // before it is quantized it has no folder
            if (Files.isRegularFile(plain)) {
                files.add(RawFile.rows(plain, "lm_head.weight", DType.F32, hidden));
            }
        }

        private void module(Path place, String prefix) {
            String name = String.valueOf(place.getFileName());
            boolean vector = name.contains("norm") || name.startsWith("ln_");
            for (String word : WORDS) {
                Path file = place.resolve(word + ".bin");
                if (Files.isRegularFile(file)) {
                    files.add(file(file, prefix + "." + word, word, vector, BACK.contains(name)));
                }
            }
        }

        private TensorFile file(Path file, String name, String word, boolean vector, boolean back) {
            return switch (word) {
                case EngineLinears.CODES -> matrix(file, name, DType.U8, blocks(file) * BlockOrder.COLUMNS / 2, back);
                case EngineLinears.SCALES -> matrix(file, name, DType.F32, blocks(file), back);
                case "weight" -> vector ? RawFile.vector(file, name) : matrix(file, name, DType.F32, hidden, back);
                default -> RawFile.vector(file, name);
            };
        }

        private TensorFile matrix(Path file, String name, DType dtype, int columns, boolean back) {
            return back ? RawFile.columns(file, name, dtype, hidden) : RawFile.rows(file, name, dtype, columns);
        }

        private int blocks(Path file) {
            if (hidden % BlockOrder.COLUMNS != 0) {
                throw new MalformedFileException(
                        file, -1, "holds blocks of 32 columns, but the model's norm has " + hidden + " values");
            }
            return hidden / BlockOrder.COLUMNS;
        }
    }
}
