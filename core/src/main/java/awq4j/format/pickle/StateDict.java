package awq4j.format.pickle;

import awq4j.format.pickle.PickleValue.Dictionary;
import awq4j.format.pickle.PickleValue.TensorView;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The named tensors in what a training script saved: the state dict, alone or in a wrapper. */
final class StateDict {
    /** Where wrappers keep it, the more telling names first. */
    private static final List<String> WRAPPERS = List.of("model_state_dict", "state_dict", "model", "module");

    /** What a wrapper for several GPUs puts before every name. */
    private static final String PREFIX = "module.";

    /** A wrapper in a wrapper has been seen; a chain of them could be as long as the file. */
    private static final int MAX_DEPTH = 2;

    private StateDict() {}

    /** The tensors, in their order; empty if there is no dict of them where one is looked for. */
    static Map<String, TensorView> of(PickleValue root) {
        return withoutPrefix(find(root, MAX_DEPTH));
    }

    private static Map<String, TensorView> find(PickleValue value, int depth) {
        if (!(value instanceof Dictionary dict)) {
            return Map.of();
        }
        if (depth > 0) {
            for (String wrapper : WRAPPERS) {
                var inner = dict.get(wrapper).map(wrapped -> find(wrapped, depth - 1));
                if (inner.isPresent() && !inner.get().isEmpty()) {
                    return inner.get();
                }
            }
        }
        return tensors(dict);
    }

    private static Map<String, TensorView> tensors(Dictionary dict) {
        var tensors = new LinkedHashMap<String, TensorView>();
        dict.entries().forEach((name, value) -> {
            if (value instanceof TensorView view) {
                tensors.put(name, view);
            }
        });
        return tensors;
    }

    private static Map<String, TensorView> withoutPrefix(Map<String, TensorView> tensors) {
        if (tensors.isEmpty() || !tensors.keySet().stream().allMatch(name -> name.startsWith(PREFIX))) {
            return Collections.unmodifiableMap(tensors);
        }
        var stripped = new LinkedHashMap<String, TensorView>();
        tensors.forEach((name, view) -> stripped.put(name.substring(PREFIX.length()), view));
        return Collections.unmodifiableMap(stripped);
    }
}
