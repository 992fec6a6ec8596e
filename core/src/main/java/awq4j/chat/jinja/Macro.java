package awq4j.chat.jinja;

import awq4j.chat.jinja.Statement.MacroDefinition;
import awq4j.chat.jinja.Statement.Parameter;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** A macro with the scope that it was defined in. */
final class Macro implements Invocable, Attributed {
    private static final String CALLER = "caller";

    private final MacroDefinition definition;
    private final Scope closure;
    private final Interpreter interpreter;

    Macro(MacroDefinition definition, Scope closure, Interpreter interpreter) {
        this.definition = definition;
        this.closure = closure;
        this.interpreter = interpreter;
    }

    String name() {
        return definition.name();
    }

    @Override
    public Object call(Arguments arguments) {
        var scope = new Scope(closure);
        List<Parameter> parameters = definition.parameters();
        Map<String, Object> named = new LinkedHashMap<>(arguments.named());
        int given = Math.min(parameters.size(), arguments.positional().size());
        for (int i = 0; i < parameters.size(); i++) {
            Parameter parameter = parameters.get(i);
            Object value = i < given ? arguments.positional().get(i) : named.remove(parameter.name());
            if (value == null) {
                value = parameter.otherwise() == null
                        ? new Undefined("parameter '" + parameter.name() + "' was not provided")
                        : interpreter.evaluate(parameter.otherwise(), scope);
            }
            scope.put(parameter.name(), value);
        }
        if (definition.used().contains(CALLER) && !takesCaller()) {
            Object caller = named.remove(CALLER);
            scope.put(CALLER, caller == null || caller == None.NONE ? new Undefined("No caller defined") : caller);
        }
        if (definition.used().contains("kwargs")) {
            scope.put("kwargs", Dict.of(named));
        } else if (!named.isEmpty()) {
            throw new TemplateException("macro '" + name() + "' takes no keyword argument '"
                    + named.keySet().iterator().next() + "'");
        }
        List<Object> rest =
                arguments.positional().subList(given, arguments.positional().size());
        if (definition.used().contains("varargs")) {
            scope.put("varargs", new Tuple(rest));
        } else if (!rest.isEmpty()) {
            throw new TemplateException("macro '" + name() + "' takes at most " + parameters.size()
                    + " arguments, found " + arguments.positional().size());
        }
        return interpreter.call(definition.body(), scope);
    }

    private boolean takesCaller() {
        return definition.parameters().stream()
                .anyMatch(parameter -> parameter.name().equals(CALLER));
    }

    @Override
    public @Nullable Object attribute(String attribute) {
        return switch (attribute) {
            case "name" -> name();
            case "arguments" ->
                new Tuple(definition.parameters().stream()
                        .<Object>map(Parameter::name)
                        .toList());
            case "catch_kwargs" -> definition.used().contains("kwargs");
            case "catch_varargs" -> definition.used().contains("varargs");
            case CALLER -> definition.used().contains(CALLER);
            default -> null;
        };
    }
}
