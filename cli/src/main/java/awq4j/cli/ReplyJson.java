package awq4j.cli;

import awq4j.Reply;
import awq4j.runtime.Timings;
import awq4j.runtime.TokenLogprob;
import awq4j.tokenizer.Tokenizer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/** A reply for machines. */
final class ReplyJson {
    private ReplyJson() {}

    /** Text, tokens, why it ended, timings, and log probabilities if the reply has them. */
    static Map<String, Object> of(Reply reply, Tokenizer tokenizer) {
        var json = new LinkedHashMap<String, Object>();
        json.put("text", reply.text());
        json.put("finish", reply.finish().name().toLowerCase(Locale.ROOT));
        json.put("prompt_tokens", reply.promptTokens());
        json.put("reply_tokens", reply.replyTokens());
        json.put("tokens", reply.tokens());
        json.put("seed", reply.seed());
        Timings timings = reply.timings();
        json.put("first_token_seconds", timings.firstToken().toNanos() / 1e9);
        json.put("total_seconds", timings.total().toNanos() / 1e9);
        json.put("prompt_tps", timings.promptTokensPerSecond());
        json.put("decode_tps", timings.replyTokensPerSecond());
        if (!reply.logprobs().isEmpty()) {
            json.put("logprobs", scores(reply.logprobs(), tokenizer));
        }
        return json;
    }

    private static List<Map<String, Object>> scores(List<TokenLogprob> logprobs, Tokenizer tokenizer) {
        return logprobs.stream().map(score -> score(score, tokenizer)).toList();
    }

    private static Map<String, Object> score(TokenLogprob score, Tokenizer tokenizer) {
        var json = new LinkedHashMap<String, Object>();
        json.put("token", score.token());
        json.put("text", tokenizer.decode(new int[] {score.token()}, false));
        json.put("logprob", score.logprob());
        if (!score.top().isEmpty()) {
            json.put("top", scores(score.top(), tokenizer));
        }
        return json;
    }
}
