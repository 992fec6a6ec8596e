package awq4j.chat.jinja;

import java.util.Iterator;
import java.util.List;

/** Python's {@code ==}, {@code <} and {@code in}. */
final class Comparison {
    private final Budget budget;

    Comparison(Budget budget) {
        this.budget = budget;
    }

    /** Python's {@code is}, which goes before {@code ==} where it compares elements. */
    @SuppressWarnings("ReferenceEquality")
    static boolean same(Object left, Object right) {
        return left == right;
    }

    boolean equal(Object left, Object right) {
        return equal(left, right, 0);
    }

    private boolean equal(Object left, Object right, int level) {
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return Numbers.compare(left, right) == 0;
        }
        if (Types.isText(left) && Types.isText(right)) {
            String a = Repr.text(left);
            String b = Repr.text(right);
            budget.scan(a.length() == b.length() ? a.length() : 0);
            return a.equals(b);
        }
        return switch (left) {
            case Undefined undefined -> right instanceof Undefined;
            case List<?> a when right instanceof List<?> b -> equalItems(a, b, Budget.deeper(level));
            case Tuple a when right instanceof Tuple b -> equalItems(a.items(), b.items(), Budget.deeper(level));
            case Range a when right instanceof Range b -> a.items().equals(b.items());
            case Dict a when right instanceof Dict b -> equalDicts(a, b, Budget.deeper(level));
            case DictView a when right instanceof DictView b -> equalViews(a, b, Budget.deeper(level));
            default -> same(left, right);
        };
    }

    private boolean equalItems(List<?> left, List<?> right, int level) {
        if (same(left, right)) {
            return true;
        }
        if (left.size() != right.size()) {
            return false;
        }
        for (int i = 0; i < left.size(); i++) {
            budget.step();
            if (!same(left.get(i), right.get(i)) && !equal(left.get(i), right.get(i), level)) {
                return false;
            }
        }
        return true;
    }

    private boolean equalDicts(Dict left, Dict right, int level) {
        if (left.size() != right.size()) {
            return false;
        }
        for (Dict.Entry entry : left.entries()) {
            budget.step();
            Object other = right.get(entry.key());
            if (other == null || (!same(other, entry.value()) && !equal(entry.value(), other, level))) {
                return false;
            }
        }
        return true;
    }

    /** Keys and pairs compare as sets; values only with themselves. */
    private boolean equalViews(DictView left, DictView right, int level) {
        if (left.kind() != right.kind()
                || left.kind() == DictView.Kind.VALUES
                || left.dict().size() != right.dict().size()) {
            return false;
        }
        for (Dict.Entry entry : left.dict().entries()) {
            budget.step();
            Object other = right.dict().get(entry.key());
            if (other == null || (left.kind() == DictView.Kind.ITEMS && !equal(entry.value(), other, level))) {
                return false;
            }
        }
        return true;
    }

    /** Whether left is smaller; @throws TemplateException if the two have no order. */
    boolean less(Object left, Object right) {
        return compare("<", left, right, 0) == -1;
    }

    /** An operator that compares, by its spelling. */
    boolean compare(String operator, Object left, Object right) {
        return switch (operator) {
            case "==" -> equal(left, right);
            case "!=" -> !equal(left, right);
            case "in" -> contains(right, left);
            case "not in" -> !contains(right, left);
            default -> {
                int order = compare(operator, left, right, 0);
                yield order != Numbers.UNORDERED
                        && switch (operator) {
                            case "<" -> order < 0;
                            case "<=" -> order <= 0;
                            case ">" -> order > 0;
                            default -> order >= 0;
                        };
            }
        };
    }

    private int compare(String operator, Object left, Object right, int level) {
        if (Numbers.isNumber(left) && Numbers.isNumber(right)) {
            return Numbers.compare(left, right);
        }
        if (Types.isText(left) && Types.isText(right)) {
            budget.scan(Math.min(Repr.text(left).length(), Repr.text(right).length()));
            return Integer.signum(CodePoints.compare(Repr.text(left), Repr.text(right)));
        }
        if (left instanceof List<?> a && right instanceof List<?> b) {
            return compareItems(operator, a, b, Budget.deeper(level));
        }
        if (left instanceof Tuple a && right instanceof Tuple b) {
            return compareItems(operator, a.items(), b.items(), Budget.deeper(level));
        }
        if (left instanceof Undefined undefined) {
            throw undefined.refusal();
        }
        if (right instanceof Undefined undefined) {
            throw undefined.refusal();
        }
        throw new TemplateException(
                operator + " does not order " + Types.describe(left) + " and " + Types.describe(right));
    }

    private int compareItems(String operator, List<?> left, List<?> right, int level) {
        int length = Math.min(left.size(), right.size());
        for (int i = 0; i < length; i++) {
            budget.step();
            Object a = left.get(i);
            Object b = right.get(i);
            if (!same(a, b) && !equal(a, b, level)) {
                return compare(operator, a, b, level);
            }
        }
        return Integer.compare(left.size(), right.size());
    }

    boolean contains(Object container, Object item) {
        return switch (container) {
            case String text -> contains(text, item);
            case Markup markup -> contains(markup.text(), item);
            case Dict dict -> dict.has(item);
            case DictView view
            when view.kind() == DictView.Kind.KEYS -> view.dict().has(item);
            case Namespace namespace -> throw new TemplateException("a Namespace is not iterable");
            default -> {
                Iterator<Object> items = Types.iterator(container);
                boolean found = false;
                while (!found && items.hasNext()) {
                    budget.step();
                    Object other = items.next();
                    found = same(other, item) || equal(other, item);
                }
                yield found;
            }
        };
    }

    private boolean contains(String text, Object item) {
        if (!Types.isText(item)) {
            throw new TemplateException("'in' a string expects a string, found " + Types.describe(item));
        }
        budget.scan(text.length());
        return text.contains(Repr.text(item));
    }
}
