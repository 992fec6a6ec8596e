package awq4j.format.tinychat;

import awq4j.format.safetensors.SafetensorsFile;
import awq4j.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.function.Function;

/** TinyChatEngine's quantizer and exporters, written out once more from their description. */
final class EngineDefinition {
    private EngineDefinition() {}

    /** Codes, one a byte, and the scale of every 32 of them. */
    record Coded(byte[] codes, float[] scales) {
        static Coded of(float[] values) {
            byte[] codes = new byte[values.length];
            float[] scales = new float[values.length / 32];
            for (int block = 0; block < scales.length; block++) {
                float most = 0;
                for (int i = 32 * block; i < 32 * block + 32; i++) {
                    most = Math.abs(values[i]) > Math.abs(most) ? values[i] : most;
                }
                scales[block] = most / -8;
                float inverse = scales[block] == 0 ? 0 : 1 / scales[block];
                for (int i = 32 * block; i < 32 * block + 32; i++) {
                    codes[i] = (byte) Math.clamp(values[i] * inverse + 8.5f, 0, 15);
                }
            }
            return new Coded(codes, scales);
        }

        float[] values() {
            float[] values = new float[codes.length];
            for (int i = 0; i < values.length; i++) {
                values[i] = (codes[i] - 8) * scales[i / 32];
            }
            return values;
        }

        byte[] stored(BlockOrder order) {
            byte[] stored = new byte[codes.length / 2];
            for (int i = 0; i < codes.length; i++) {
                switch (order) {
                    case QM_X86 -> stored[i / 64 * 32 + i % 32] |= (byte) (codes[i] << (i % 64 < 32 ? 0 : 4));
                    case QM_ARM -> stored[i / 32 * 16 + i % 16] |= (byte) (codes[i] << (i % 32 < 16 ? 0 : 4));
                    case QM_METAL -> stored[i / 8 * 4 + i % 4] |= (byte) (codes[i] << (i % 8 < 4 ? 0 : 4));
                }
            }
            return stored;
        }
    }

    /**
     * Writes the folder that the engine's tools make of a model.
     *
     * @param path of a tensor's module below the folder, empty for one that they leave out
     */
    static void write(Path model, Path folder, BlockOrder order, Function<String, String> path) {
        try (SafetensorsFile file = SafetensorsFile.open(model.resolve("model.safetensors"))) {
            for (String name : file.names()) {
                String module = path.apply(name.substring(0, name.lastIndexOf('.')));
                if (!module.isEmpty()) {
                    write(folder.resolve(module), name, file.tensor(name), order);
                }
            }
            Files.copy(model.resolve("config.json"), folder.resolve("config.json"));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static void write(Path module, String name, Tensor tensor, BlockOrder order) throws IOException {
        Files.createDirectories(module);
        boolean coded = name.endsWith(".weight")
                && tensor.shape().rank() == 2
                && !Map.of("embed_tokens", 1, "embed_positions", 1, "wte", 1, "wpe", 1)
                        .containsKey(String.valueOf(module.getFileName()));
        if (!coded) {
            Files.write(module.resolve(name.endsWith(".bias") ? "bias.bin" : "weight.bin"), bytes(tensor.toFloats()));
            return;
        }
        Coded blocks = Coded.of(tensor.toFloats());
        Files.write(module.resolve("weight_int4.bin"), blocks.stored(order));
        Files.write(module.resolve("scaling_factor_int4.bin"), bytes(blocks.scales()));
        Files.write(module.resolve("offset_int4.bin"), bytes(new float[blocks.scales().length]));
        Files.write(module.resolve("zero_point_int4.bin"), bytes(8));
    }

    static byte[] bytes(float... values) {
        ByteBuffer buffer = ByteBuffer.allocate(4 * values.length).order(ByteOrder.LITTLE_ENDIAN);
        for (float value : values) {
            buffer.putFloat(value);
        }
        return buffer.array();
    }
}
