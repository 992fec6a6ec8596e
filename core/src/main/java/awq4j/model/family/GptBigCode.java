package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** GPT-BigCode, as SantaCoder and StarCoder: GPT-2 with one head of keys and values, or one for each query. */
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
        boolean shared = checkpoint.config().flag("multi_query", true);
        return new GptLine("gpt_bigcode", false, shared ? 1 : 0, !shared).spec(checkpoint);
    }
}
