package awq4j.runtime;

import java.util.List;

/**
 * Lets text through up to the first stop string. What may be the beginning of one is held back until it is clear; where
 * the text is cut into pieces makes no difference.
 */
final class StopStrings {
    private final List<String> stops;
    private final StringBuilder held = new StringBuilder();
    private boolean found;

    StopStrings(List<String> stops) {
        this.stops = stops;
    }

    /**
     * Takes the next piece.
     *
     * @return the text that is certainly before a stop string; empty for none, and once one was found
     */
    String next(String piece) {
        if (found || piece.isEmpty()) {
            return "";
        }
        if (stops.isEmpty()) {
            return piece;
        }
        held.append(piece);
        int stop = firstStop();
        if (stop >= 0) {
            found = true;
            held.setLength(stop);
            return take(stop);
        }
        return take(held.length() - longestBeginning());
    }

    /** Whether a stop string came. */
    boolean found() {
        return found;
    }

    /** What is held back, now that nothing more comes. */
    String flush() {
        return take(held.length());
    }

    private String take(int length) {
        String text = held.substring(0, length);
        held.delete(0, length);
        return text;
    }

    /** Where the stop string begins that is complete first, the longest of those; -1 for none. */
    private int firstStop() {
        int end = Integer.MAX_VALUE;
        int start = -1;
        for (String stop : stops) {
            int at = held.indexOf(stop);
            if (at >= 0 && (at + stop.length() < end || (at + stop.length() == end && at < start))) {
                start = at;
                end = at + stop.length();
            }
        }
        return start;
    }

    /** Length of the longest end of the text that a stop string begins with. */
    private int longestBeginning() {
        int longest = 0;
        for (String stop : stops) {
            int most = Math.min(stop.length() - 1, held.length());
            for (int length = most; length > longest; length--) {
                if (stop.regionMatches(0, held.substring(held.length() - length), 0, length)) {
                    longest = length;
                }
            }
        }
        return longest;
    }
}
