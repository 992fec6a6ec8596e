package awq4j.model.family;

import awq4j.format.Checkpoint;
import awq4j.model.ModelFamily;
import awq4j.model.ModelSpec;
import java.util.Set;

/** GPT-2, whose matrices are stored as [inputs, outputs]. */
final class Gpt2 implements ModelFamily {
    @Override
    public String title() {
        return "GPT-2";
    }

    @Override
    public String models() {
        return "GPT-2, DistilGPT-2";
    }

    @Override
    public Set<String> architectures() {
        return Set.of("GPT2LMHeadModel");
    }

    @Override
    public ModelSpec spec(Checkpoint checkpoint) {
        return new GptLine("gpt2", true, 0, false).spec(checkpoint);
    }
}
