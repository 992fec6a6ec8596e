package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.Function;

/** Python's {@code sorted}: stable, by {@code <} alone. */
final class Sorting {
    private final Budget budget;
    private final Comparison comparison;

    Sorting(Budget budget) {
        this.budget = budget;
        this.comparison = new Comparison(budget);
    }

    /** Sorts in place by keys that are computed once. */
    <T> void sort(List<T> items, Function<T, Object> key, boolean descending) {
        record Keyed<T>(T item, Object key) {}
        var keyed = new ArrayList<Keyed<T>>(items.size());
        items.forEach(item -> keyed.add(new Keyed<>(item, key.apply(item))));
        Comparator<Keyed<T>> order = (left, right) -> compare(left.key, right.key);
        try {
            keyed.sort(descending ? order.reversed() : order);
        } catch (IllegalArgumentException e) {
            throw new TemplateException("the values have no order");
        }
        for (int i = 0; i < items.size(); i++) {
            items.set(i, keyed.get(i).item);
        }
    }

    int compare(Object left, Object right) {
        budget.step();
        return comparison.less(left, right) ? -1 : comparison.less(right, left) ? 1 : 0;
    }
}
