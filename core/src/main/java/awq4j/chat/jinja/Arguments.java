package awq4j.chat.jinja;

import java.util.List;
import java.util.Map;

/**
 * What a call passes.
 *
 * @param positional in order
 * @param named by name, in order
 */
record Arguments(List<Object> positional, Map<String, Object> named) {
    static final Arguments NONE = new Arguments(List.of(), Map.of());

    static Arguments of(Object... positional) {
        return new Arguments(List.of(positional), Map.of());
    }

    int size() {
        return positional.size() + named.size();
    }

    Arguments from(int first) {
        return new Arguments(positional.subList(first, positional.size()), named);
    }

    /**
     * Matches the arguments with parameters.
     *
     * @param function for messages
     * @param required how many of the parameters must be given
     */
    Bound bind(String function, int required, String... parameters) {
        if (positional.size() > parameters.length) {
            throw new TemplateException(
                    function + " takes at most " + parameters.length + " arguments, found " + positional.size());
        }
        var values = new Object[parameters.length];
        for (int i = 0; i < positional.size(); i++) {
            values[i] = positional.get(i);
        }
        for (var entry : named.entrySet()) {
            int at = List.of(parameters).indexOf(entry.getKey());
            if (at < 0) {
                throw new TemplateException(function + " has no parameter '" + entry.getKey() + "'; it has "
                        + (parameters.length == 0 ? "none" : String.join(", ", parameters)));
            }
            if (values[at] != null) {
                throw new TemplateException(function + " is given '" + entry.getKey() + "' twice");
            }
            values[at] = entry.getValue();
        }
        for (int i = 0; i < required; i++) {
            if (values[i] == null) {
                throw new TemplateException(function + " needs the argument '" + parameters[i] + "'");
            }
        }
        return new Bound(function, values);
    }

    /** Refuses names, as Python's built-in methods do. */
    Bound positionalOnly(String function, int required, int most) {
        if (!named.isEmpty()) {
            throw new TemplateException(function + " takes no named arguments");
        }
        if (positional.size() < required || positional.size() > most) {
            throw new TemplateException(function + " takes " + (required == most ? "" : required + " to ") + most
                    + " arguments, found " + positional.size());
        }
        var values = new Object[most];
        for (int i = 0; i < positional.size(); i++) {
            values[i] = positional.get(i);
        }
        return new Bound(function, values);
    }
}
