package awq4j.chat.jinja;

import java.util.Iterator;

/** What {@code keys()}, {@code values()} and {@code items()} of a dict give: has a length, but no elements by number. */
record DictView(Dict dict, Kind kind) {
    enum Kind {
        KEYS,
        VALUES,
        ITEMS
    }

    Iterator<Object> iterator() {
        Iterator<Dict.Entry> entries = dict.entries().iterator();
        return new Iterator<>() {
            @Override
            public boolean hasNext() {
                return entries.hasNext();
            }

            @Override
            public Object next() {
                Dict.Entry entry = entries.next();
                return switch (kind) {
                    case KEYS -> entry.key();
                    case VALUES -> entry.value();
                    case ITEMS -> entry.pair();
                };
            }
        };
    }
}
