package awq4j.format.safetensors;

import static awq4j.format.safetensors.RawFile.tensor;
import static org.assertj.core.api.Assertions.assertThat;

import awq4j.format.Checkpoint;
import awq4j.format.Checkpoints;
import awq4j.format.Mutations;
import awq4j.format.Mutations.Outcome;
import awq4j.format.UnsupportedModelException;
import awq4j.testing.ModelFolders;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Damaged files of some tensors, alone and as a model with packed linears. */
class SafetensorsMutationTest {
    private static final int FILES = 10_000;

    @TempDir
    private Path folder;

    @Test
    void aDamagedFileIsReadOrRefused() {
        String header = "{\"__metadata__\":{\"format\":\"pt\"}," + tensor("a", "F16", "[2,2]", 0, 8) + ","
                + tensor("b.weight", "I32", "[1]", 8, 12) + "," + tensor("none", "F64", "[0,3]", 12, 12) + ","
                + tensor("one", "BOOL", "[]", 12, 13) + "," + tensor("c", "F8_E4M3", "[2,8]", 13, 29) + "}";
        byte[] good = RawFile.bytes(header, 29);
        Outcome outcome = Mutations.of(good, 11)
                .within(0, 8 + header.length())
                .placed()
                .read(FILES, folder.resolve("a"), file -> {
                    try (SafetensorsFile opened = SafetensorsFile.open(file)) {
                        for (String name : opened.names()) {
                            assertThat(opened.sizeBytes(name)).isBetween(0L, (long) good.length + 64);
                            touchIfKnown(opened, name);
                        }
                    }
                });
        assertThat(outcome.accepted()).isGreaterThan(FILES / 50);
        assertThat(outcome.malformed()).isGreaterThan(FILES / 5);
    }

    private static void touchIfKnown(SafetensorsFile opened, String name) {
        try {
            Mutations.touch(opened.tensor(name));
        } catch (UnsupportedModelException e) {
            assertThat(e).hasMessageContaining(" has element type ");
        }
    }

    @Test
    void aDamagedModelOfPackedLinearsIsReadOrRefused() {
        String header = "{" + tensor("l.qweight", "I32", "[32,2]", 0, 256) + ","
                + tensor("l.qzeros", "I32", "[2,2]", 256, 272) + "," + tensor("l.scales", "F16", "[2,16]", 272, 336)
                + ","
                + tensor("m.weight", "BF16", "[4,4]", 336, 368) + "," + tensor("n.weight", "F64", "[2,2]", 368, 400)
                + "}";
        ModelFolders.edit(
                folder.resolve("config.json"),
                json -> json.putObject("quantization_config")
                        .put("quant_method", "awq")
                        .put("bits", 4)
                        .put("group_size", 16)
                        .put("version", "gemm"));
        Outcome outcome = Mutations.of(RawFile.bytes(header, 400), 12)
                .within(0, 8 + header.length())
                .placed()
                .read(FILES, folder.resolve("model.safetensors"), file -> {
                    try (Checkpoint checkpoint = Checkpoints.open(folder)) {
                        for (String name : checkpoint.names()) {
                            Mutations.touch(checkpoint.tensor(name));
                            String prefix = name.substring(0, Math.max(0, name.lastIndexOf('.')));
                            if (checkpoint.hasLinear(prefix)) {
                                assertThat(checkpoint.linear(prefix).sizeBytes())
                                        .isPositive();
                            }
                        }
                    }
                });
        assertThat(outcome.accepted()).isGreaterThan(FILES / 50);
        assertThat(outcome.malformed()).isGreaterThan(FILES / 5);
        assertThat(outcome.unsupported()).isPositive();
    }
}
