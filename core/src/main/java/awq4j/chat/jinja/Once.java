package awq4j.chat.jinja;

import java.util.Iterator;
import java.util.NoSuchElementException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * Python's iterators: what filters such as {@code map} and {@code selectattr} give. True, without length or elements by
 * number, computed when asked for, and empty after the first use.
 */
final class Once {
    private final Iterator<Object> iterator;

    Once(Iterator<Object> iterator) {
        this.iterator = iterator;
    }

    /** Asks for the elements only when the first one is wanted. */
    static Once later(Supplier<Iterator<Object>> elements) {
        return new Once(new Iterator<>() {
            private @Nullable Iterator<Object> begun;

            private Iterator<Object> begun() {
                Iterator<Object> iterator = begun == null ? elements.get() : begun;
                begun = iterator;
                return iterator;
            }

            @Override
            public boolean hasNext() {
                return begun().hasNext();
            }

            @Override
            public Object next() {
                return begun().next();
            }
        });
    }

    Iterator<Object> iterator() {
        return iterator;
    }

    /** An iterator that looks for its next element only when asked; null ends it. */
    abstract static class Searching implements Iterator<Object> {
        private @Nullable Object found;

        abstract @Nullable Object search();

        @Override
        public final boolean hasNext() {
            if (found == null) {
                found = search();
            }
            return found != null;
        }

        @Override
        public final Object next() {
            Object next = hasNext() ? found : null;
            if (next == null) {
                throw new NoSuchElementException();
            }
            found = null;
            return next;
        }
    }
}
