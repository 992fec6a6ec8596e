package awq4j.cli;

import awq4j.eval.Estimate;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * What the demo found out about one model.
 *
 * @param bytes of its weights on disk
 * @param divergence from the original, in nats a token; 0 for the original itself
 * @param decodeSpeed tokens a second
 * @param quantizeSeconds NaN for the original
 */
record DemoRow(
        DemoVariant variant,
        long bytes,
        Estimate perplexity,
        Estimate divergence,
        double decodeSpeed,
        double quantizeSeconds) {
    Map<String, Object> json() {
        var json = new LinkedHashMap<String, Object>();
        Estimates.put(json, "ppl", perplexity);
        Estimates.put(json, "kl", divergence);
        json.put("bytes", bytes);
        json.put("decode_tps", decodeSpeed);
        if (Double.isFinite(quantizeSeconds)) {
            json.put("quantize_seconds", quantizeSeconds);
        }
        return json;
    }
}
