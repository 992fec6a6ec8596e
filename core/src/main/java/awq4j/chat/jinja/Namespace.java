package awq4j.chat.jinja;

import org.jspecify.annotations.Nullable;

/** The only value that a template can change: {@code {% set ns.name = value %}}. */
final class Namespace implements Attributed {
    private final Dict attributes;

    Namespace(Dict attributes) {
        this.attributes = attributes;
    }

    Dict attributes() {
        return attributes;
    }

    @Override
    public @Nullable Object attribute(String name) {
        return attributes.get(name);
    }
}
