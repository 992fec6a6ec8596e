package awq4j.chat.jinja;

import org.jspecify.annotations.Nullable;

/** A value with attributes of its own. */
interface Attributed {
    /** The attribute's value, null if there is none of this name. */
    @Nullable
    Object attribute(String name);
}
