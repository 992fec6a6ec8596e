package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Filters that take lists, or anything with elements, as a whole. */
final class SequenceFilters {
    static final Map<String, Filters.Filter> ALL = new HashMap<>();

    static {
        ALL.put("length", SequenceFilters::length);
        ALL.put("count", SequenceFilters::length);
        ALL.put("first", SequenceFilters::first);
        ALL.put("last", SequenceFilters::last);
        ALL.put("list", (rendering, input, arguments) -> {
            arguments.bind("list", 0);
            return copy(rendering, input);
        });
        ALL.put("join", SequenceFilters::join);
        ALL.put("reverse", SequenceFilters::reverse);
        ALL.put("sort", SequenceFilters::sort);
        ALL.put("dictsort", SequenceFilters::dictSort);
        ALL.put("unique", SequenceFilters::unique);
        ALL.put("min", (rendering, input, arguments) -> extreme("min", rendering, input, arguments));
        ALL.put("max", (rendering, input, arguments) -> extreme("max", rendering, input, arguments));
        ALL.put("sum", SequenceFilters::sum);
        ALL.put("batch", SequenceFilters::batch);
        ALL.put("slice", SequenceFilters::slice);
        ALL.put("groupby", SequenceFilters::groupBy);
        ALL.put("items", SequenceFilters::items);
    }

    private SequenceFilters() {}

    private static Object length(Rendering rendering, Object input, Arguments arguments) {
        arguments.positionalOnly("length", 0, 0);
        return (long)
                Types.length(input).orElseThrow(() -> new TemplateException(Types.describe(input) + " has no length"));
    }

    private static List<Object> copy(Rendering rendering, Object input) {
        List<Object> items = Types.list(input, rendering.budget());
        rendering.budget().making(items.size());
        return new ArrayList<>(items);
    }

    private static Object first(Rendering rendering, Object input, Arguments arguments) {
        arguments.bind("first", 0);
        Iterator<Object> items = Types.iterator(input);
        return items.hasNext() ? items.next() : new Undefined("there is no first item, the sequence was empty");
    }

    private static Object last(Rendering rendering, Object input, Arguments arguments) {
        arguments.bind("last", 0);
        List<Object> items = reversible(rendering, input);
        if (items == null) {
            throw new TemplateException("last expects a sequence, found " + Types.describe(input));
        }
        return items.isEmpty() ? new Undefined("there is no last item, the sequence was empty") : items.getLast();
    }

    /** The elements of what Python can go through backwards; null for others. */
    private static @Nullable List<Object> reversible(Rendering rendering, Object input) {
        return input instanceof Once
                        || input instanceof LoopState
                        || Types.length(input).isEmpty()
                ? null
                : Types.list(input, rendering.budget());
    }

    private static Object reverse(Rendering rendering, Object input, Arguments arguments) {
        arguments.bind("reverse", 0);
        if (Types.isText(input)) {
            String reversed = rendering.budget().made(CodePoints.reversed(Repr.text(input)));
            return input instanceof Markup ? new Markup(reversed) : reversed;
        }
        List<Object> items = reversible(rendering, input);
        if (items == null) {
            List<Object> all = copy(rendering, input);
            Collections.reverse(all);
            return all;
        }
        return new Once(items.reversed().iterator());
    }

    private static Object join(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("join", 0, "d", "attribute");
        Filters.Path path = bound.given(1) ? Filters.Path.of(bound.value(1), null, false) : null;
        String separator = rendering.text(bound.value(0, ""));
        var out = new StringBuilder();
        boolean later = false;
        for (Iterator<Object> items = Filters.counted(rendering, input); items.hasNext(); later = true) {
            Object item = items.next();
            out.append(later ? separator : "");
            out.append(rendering.text(path == null ? item : path.follow(rendering, item)));
            rendering.budget().output(out.length());
        }
        return rendering.budget().made(out.toString());
    }

    private static Object sort(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("sort", 0, "reverse", "case_sensitive", "attribute");
        var paths = new ArrayList<Filters.Path>();
        Object attribute = bound.value(2, None.NONE);
        if (Types.isText(attribute)) {
            for (String one : Repr.text(attribute).split(",", -1)) {
                paths.add(Filters.Path.of(one, null, !bound.truth(1)));
            }
        } else {
            paths.add(Filters.Path.of(attribute, null, !bound.truth(1)));
        }
        List<Object> sorted = copy(rendering, input);
        new Sorting(rendering.budget())
                .sort(
                        sorted,
                        item -> {
                            var keys = new ArrayList<Object>(paths.size());
                            paths.forEach(path -> keys.add(path.follow(rendering, item)));
                            return keys;
                        },
                        bound.truth(0));
        return sorted;
    }

    private static Object dictSort(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("dictsort", 0, "case_sensitive", "by", "reverse");
        String by = bound.text(1, "key");
        if (!by.equals("key") && !by.equals("value")) {
            throw bound.wrong(1, "'key' or 'value'");
        }
        if (!(input instanceof Dict dict)) {
            throw new TemplateException("dictsort expects a mapping, found " + Types.describe(input));
        }
        var pairs = new ArrayList<Object>();
        dict.entries().forEach(entry -> pairs.add(entry.pair()));
        Filters.Path path = Filters.Path.of(by.equals("key") ? 0L : 1L, null, !bound.truth(0));
        new Sorting(rendering.budget()).sort(pairs, pair -> path.follow(rendering, pair), bound.truth(2));
        return pairs;
    }

    private static Object unique(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("unique", 0, "case_sensitive", "attribute");
        Filters.Path path = Filters.Path.of(bound.value(1, None.NONE), null, !bound.truth(0));
        return Once.later(() -> {
            var seen = new HashSet<Object>();
            Iterator<Object> items = Filters.counted(rendering, input);
            return new Once.Searching() {
                @Override
                @Nullable
                Object search() {
                    while (items.hasNext()) {
                        Object item = items.next();
                        if (seen.add(Dict.hashed(path.follow(rendering, item)))) {
                            return item;
                        }
                    }
                    return null;
                }
            };
        });
    }

    private static Object extreme(String name, Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind(name, 0, "case_sensitive", "attribute");
        Filters.Path path = Filters.Path.of(bound.value(1, None.NONE), null, !bound.truth(0));
        var sorting = new Sorting(rendering.budget());
        Iterator<Object> items = Filters.counted(rendering, input);
        if (!items.hasNext()) {
            return new Undefined("there is no " + name + ", the sequence was empty");
        }
        Object best = items.next();
        Object bestKey = path.follow(rendering, best);
        while (items.hasNext()) {
            Object item = items.next();
            Object key = path.follow(rendering, item);
            if (name.equals("min") ? sorting.compare(key, bestKey) < 0 : sorting.compare(bestKey, key) < 0) {
                best = item;
                bestKey = key;
            }
        }
        return best;
    }

    private static Object sum(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("sum", 0, "attribute", "start");
        Filters.Path path = bound.given(0) ? Filters.Path.of(bound.value(0), null, false) : null;
        Object total = bound.value(1, 0L);
        if (Types.isText(total)) {
            throw bound.wrong(1, "a number or a list, not a string");
        }
        for (Iterator<Object> items = Filters.counted(rendering, input); items.hasNext(); ) {
            Object item = items.next();
            Object part = path == null ? item : path.follow(rendering, item);
            total = rendering.arithmetic().apply(BinaryOperator.ADD, total, part);
        }
        return total;
    }

    private static Object batch(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("batch", 1, "linecount", "fill_with");
        return Once.later(() -> {
            int size = bound.integer(0);
            var batches = new ArrayList<Object>();
            List<Object> batch = new ArrayList<>();
            for (Iterator<Object> items = Filters.counted(rendering, input); items.hasNext(); ) {
                if (batch.size() == size) {
                    batches.add(batch);
                    batch = new ArrayList<>();
                }
                batch.add(items.next());
            }
            if (!batch.isEmpty()) {
                if (bound.given(1)) {
                    batch.addAll(Collections.nCopies(
                            rendering.budget().making(Math.max(0, size - batch.size())), bound.value(1)));
                }
                batches.add(batch);
            }
            return batches.iterator();
        });
    }

    private static Object slice(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("slice", 1, "slices", "fill_with");
        return Once.later(() -> {
            List<Object> items = Types.list(input, rendering.budget());
            int count = bound.integer(0);
            if (count == 0) {
                throw bound.wrong(0, "a number of slices other than 0");
            }
            int size = Math.floorDiv(items.size(), count);
            int larger = Math.floorMod(items.size(), count);
            var slices = new ArrayList<Object>(rendering.budget().making(Math.max(0, count)));
            int from = 0;
            for (int i = 0; i < count; i++) {
                int to = from + size + (i < larger ? 1 : 0);
                var slice = new ArrayList<>(items.subList(from, to));
                if (bound.given(1) && i >= larger) {
                    slice.add(bound.value(1));
                }
                slices.add(slice);
                from = to;
            }
            return slices.iterator();
        });
    }

    private static Object groupBy(Rendering rendering, Object input, Arguments arguments) {
        Bound bound = arguments.bind("groupby", 1, "attribute", "default", "case_sensitive");
        Object otherwise = bound.value(1, None.NONE);
        Filters.Path path = Filters.Path.of(bound.value(0), otherwise, !bound.truth(2));
        Filters.Path shown = Filters.Path.of(bound.value(0), otherwise, false);
        List<Object> sorted = copy(rendering, input);
        new Sorting(rendering.budget()).sort(sorted, item -> path.follow(rendering, item), false);
        var groups = new ArrayList<Object>();
        List<Object> group = new ArrayList<>();
        Object key = None.NONE;
        for (Object item : sorted) {
            Object next = path.follow(rendering, item);
            if (group.isEmpty() || !rendering.comparison().equal(key, next)) {
                group = new ArrayList<>();
                groups.add(new Tuple(List.of(shown.follow(rendering, item), group), List.of("grouper", "list")));
                key = next;
            }
            group.add(item);
        }
        return groups;
    }

    private static Object items(Rendering rendering, Object input, Arguments arguments) {
        arguments.bind("items", 0);
        return Once.later(() -> switch (input) {
            case Undefined undefined -> Collections.emptyIterator();
            case Dict dict -> new DictView(dict, DictView.Kind.ITEMS).iterator();
            default -> throw new TemplateException("items expects a mapping, found " + Types.describe(input));
        });
    }
}
