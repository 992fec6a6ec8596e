package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.Config;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/**
 * Granite 3 with many small experts in every layer, whose weights add up to one. Files have the experts of a layer in one
 * tensor; they are taken apart when it is read.
 */
final class GraniteMoe implements ModelFamily {
    @Override
    public String title() {
        return "Granite-MoE";
    }

    @Override
    public String models() {
        return "Granite 3.0, 3.1 1B-A400M, 3B-A800M";
    }

    @Override
    public Proof proof() {
        return Proof.DEFINITION;
    }

    @Override
    public Set<String> architectures() {
        return Set.of("GraniteMoeForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        Config config = checkpoint.config();
        String positions = config.text("position_embedding_type", "rope");
        if (!positions.equals("rope")) {
            throw new UnsupportedModelException(
                    "Granite-MoE with position_embedding_type \"" + positions + "\" is not supported; supported: rope");
        }
        var mixture = Mixture.read(
                config, Mixture.Names.GRANITE, "num_local_experts", "intermediate_size", true, 0, layer -> true);
        return Granite.line("granite_moe", checkpoint).experts(mixture).spec();
    }
}
