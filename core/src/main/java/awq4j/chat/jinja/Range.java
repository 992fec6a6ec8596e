package awq4j.chat.jinja;

import java.util.AbstractList;
import java.util.List;

/** Python's range: integers from start, by step, up to but without stop. */
record Range(long start, long stop, long step) {
    Range {
        if (step == 0) {
            throw new TemplateException("the step of a range should not be zero");
        }
        if (length(start, stop, step) > Budget.LONGEST_RANGE) {
            throw new TemplateException("a range has more than " + Budget.LONGEST_RANGE + " elements");
        }
    }

    int size() {
        return (int) length(start, stop, step);
    }

    List<Object> items() {
        int size = size();
        return new AbstractList<>() {
            @Override
            public Object get(int index) {
                return start + index * step;
            }

            @Override
            public int size() {
                return size;
            }
        };
    }

    /** How many elements; what does not fit is as good as too many. */
    private static long length(long start, long stop, long step) {
        if (step > 0 ? start >= stop : start <= stop) {
            return 0;
        }
        try {
            long span = Math.subtractExact(stop, start);
            return Math.ceilDivExact(span, step);
        } catch (ArithmeticException e) {
            return Long.MAX_VALUE;
        }
    }
}
