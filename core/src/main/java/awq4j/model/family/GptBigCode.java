package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.format.UnsupportedModelException;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** GPT-BigCode, as SantaCoder and StarCoder: GPT-2 with one head of keys and values. */
final class GptBigCode implements ModelFamily {
    @Override
    public String title() {
        return "GPT-BigCode";
    }

    @Override
    public String models() {
        return "StarCoder, SantaCoder";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("GPTBigCodeForCausalLM");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        if (!checkpoint.config().flag("multi_query", true)) {
            throw new UnsupportedModelException(
                    "GPT-BigCode with multi_query = false is not supported; supported: multi_query = true");
        }
        return new GptLine("gpt_bigcode", false, 1).spec(checkpoint);
    }
}
