package awq4j.bench.peers;

import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;
import tools.jackson.databind.node.ObjectNode;

/**
 * What one process of an engine measured.
 *
 * @param arithmetic how the engine computes, in its own words
 * @param loadSeconds from the call that opens the model until it can answer
 * @param prefillPerSecond tokens of the prompt a second, median of the replies
 * @param decodePerSecond tokens of the reply after the first a second, median of the replies
 * @param peakMegabytes the most memory that was resident, mapped files included, 10^6 bytes
 * @param othersCores processors that other programs kept busy meanwhile, on average
 */
record Measurement(
        String arithmetic,
        double loadSeconds,
        double prefillPerSecond,
        double decodePerSecond,
        double peakMegabytes,
        double othersCores) {
    private static final JsonMapper JSON = JsonMapper.builder().build();

    /** One line. */
    String toJson() {
        return node().toString();
    }

    ObjectNode node() {
        return JSON.createObjectNode()
                .put("arithmetic", arithmetic)
                .put("load_s", rounded(loadSeconds))
                .put("prefill_tps", rounded(prefillPerSecond))
                .put("decode_tps", rounded(decodePerSecond))
                .put("peak_rss_mb", rounded(peakMegabytes))
                .put("others_cores", rounded(othersCores));
    }

    static Measurement ofJson(String line) {
        JsonNode node = JSON.readTree(line);
        return new Measurement(
                node.get("arithmetic").asString(),
                node.get("load_s").asDouble(),
                node.get("prefill_tps").asDouble(),
                node.get("decode_tps").asDouble(),
                node.get("peak_rss_mb").asDouble(),
                node.get("others_cores").asDouble());
    }

    /** The same figures of an engine that says this. */
    Measurement saying(String words) {
        return new Measurement(words, loadSeconds, prefillPerSecond, decodePerSecond, peakMegabytes, othersCores);
    }

    private static double rounded(double value) {
        return Math.round(value * 1000) / 1000.0;
    }
}
