package awq4j.chat.jinja;

import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/** The variable {@code loop}: where a loop is. */
final class LoopState implements Attributed, Invocable {
    private final @Nullable Invocable recursion;
    private final int depth0;
    private OptionalInt length;
    private Iterator<Object> iterator;
    private int index0 = -1;
    private @Nullable Object before;
    private @Nullable Object current;
    private @Nullable Object after;
    private @Nullable List<Object> changed;

    /**
     * @param length number of elements, if it is known beforehand
     * @param recursion renders the body for inner elements; null unless the loop is recursive
     */
    LoopState(Iterator<Object> iterator, OptionalInt length, @Nullable Invocable recursion, int depth0) {
        this.iterator = iterator;
        this.length = length;
        this.recursion = recursion;
        this.depth0 = depth0;
    }

    /** The next element, null after the last. */
    @Nullable
    Object advance() {
        Object next = peek();
        after = null;
        if (next != null) {
            index0++;
            before = current;
            current = next;
        }
        return next;
    }

    private @Nullable Object peek() {
        if (after == null && iterator.hasNext()) {
            after = iterator.next();
        }
        return after;
    }

    int index() {
        return index0 + 1;
    }

    /** Number of elements; counts those to come if it has to. */
    int length() {
        if (length.isEmpty()) {
            var rest = new ArrayList<Object>();
            iterator.forEachRemaining(rest::add);
            iterator = rest.iterator();
            length = OptionalInt.of(rest.size() + index() + (after == null ? 0 : 1));
        }
        return length.getAsInt();
    }

    /** What iterating over the loop itself gives. */
    Iterator<Object> rest() {
        return new Once.Searching() {
            @Override
            @Nullable
            Object search() {
                Object next = advance();
                return next == null ? null : Tuple.of(next, LoopState.this);
            }
        };
    }

    @Override
    public @Nullable Object attribute(String name) {
        return switch (name) {
            case "index" -> (long) index();
            case "index0" -> (long) index0;
            case "revindex" -> (long) length() - index0;
            case "revindex0" -> (long) length() - index();
            case "first" -> index0 == 0;
            case "last" -> peek() == null;
            case "length" -> (long) length();
            case "depth" -> (long) depth0 + 1;
            case "depth0" -> (long) depth0;
            case "previtem" -> index0 == 0 || before == null ? new Undefined("there is no previous item") : before;
            case "nextitem" -> {
                Object next = peek();
                yield next == null ? new Undefined("there is no next item") : next;
            }
            case "cycle" -> (Invocable) this::cycle;
            case "changed" -> (Invocable) this::changed;
            default -> null;
        };
    }

    private Object cycle(Arguments arguments) {
        List<Object> items = arguments.positional();
        if (items.isEmpty() || !arguments.named().isEmpty()) {
            throw new TemplateException("loop.cycle() expects values");
        }
        return items.get(index0 % items.size());
    }

    private Object changed(Arguments arguments) {
        var comparison = new Comparison(new Budget(Limits.DEFAULT));
        boolean same = changed != null && comparison.equal(changed, arguments.positional());
        changed = arguments.positional();
        return !same;
    }

    @Override
    public Object call(Arguments arguments) {
        if (recursion == null) {
            throw new TemplateException("loop() expects the loop to be marked 'recursive'");
        }
        return recursion.call(arguments);
    }
}
