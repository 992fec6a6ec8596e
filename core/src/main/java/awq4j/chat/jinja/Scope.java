package awq4j.chat.jinja;

import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Names and their values, in front of those of the scope around it. */
final class Scope {
    private final @Nullable Scope around;
    private final Map<String, Object> values = HashMap.newHashMap(4);

    Scope(@Nullable Scope around) {
        this.around = around;
    }

    Object get(String name) {
        for (Scope scope = this; scope != null; scope = scope.around) {
            Object value = scope.values.get(name);
            if (value != null) {
                return value;
            }
        }
        return Undefined.name(name);
    }

    void put(String name, Object value) {
        values.put(name, value);
    }
}
