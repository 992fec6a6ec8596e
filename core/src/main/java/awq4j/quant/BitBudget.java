package awq4j.quant;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * Gives each of some matrices one of a few widths, so that the sum of what that loses is small and the bits of all codes
 * stay within a budget: a knapsack with one choice of each class.
 *
 * <p>Every matrix begins at its least width and climbs the lower convex hull of its losses; the steep steps of all hulls
 * come first, as Lagrange's multiplier would choose them. What the budget then has left goes to whichever single change
 * of width gains most. The sum of losses is at most the least possible one plus the gain of the first step that did not
 * fit, and at most that of any one width for all.
 */
public final class BitBudget {
    private BitBudget() {}

    /**
     * A matrix to choose for.
     *
     * @param name tensor prefix
     * @param weights how many it has
     * @param losses what each width loses; a wider one that loses more is never chosen
     */
    public record Candidate(String name, long weights, SortedMap<Integer, Double> losses) {
        /**
         * Copies the map.
         *
         * @throws IllegalArgumentException if there are no widths, or a loss is not a number
         */
        public Candidate {
            losses = java.util.Collections.unmodifiableSortedMap(new TreeMap<>(losses));
            if (losses.isEmpty() || losses.values().stream().anyMatch(loss -> !Double.isFinite(loss))) {
                throw new IllegalArgumentException(name + ": expected finite losses of some widths, found " + losses);
            }
        }

        private double loss(int bits) {
            return losses.getOrDefault(bits, Double.NaN);
        }
    }

    /** A step up a hull. */
    private record Step(Candidate of, int from, int to) {
        double gain() {
            return of.loss(from) - of.loss(to);
        }

        double slope() {
            return gain() / bits();
        }

        double bits() {
            return (double) of.weights() * (to - from);
        }
    }

    /**
     * Chooses.
     *
     * @param bitsPerWeight the budget: mean bits of a code
     * @return the width of each candidate, by name
     * @throws IllegalArgumentException if not even the least widths are within the budget
     */
    public static SortedMap<String, Integer> choose(List<Candidate> candidates, double bitsPerWeight) {
        long weights = candidates.stream().mapToLong(Candidate::weights).sum();
        double left = bitsPerWeight * weights;
        var chosen = new TreeMap<String, Integer>();
        var steps = new ArrayList<Step>();
        for (Candidate candidate : candidates) {
            chosen.put(candidate.name(), candidate.losses().firstKey());
            left -= (double) candidate.weights() * candidate.losses().firstKey();
            steps.addAll(hull(candidate));
        }
        if (left < 0) {
            throw new IllegalArgumentException("a budget of " + bitsPerWeight
                    + " bits a weight: the narrowest codes take " + (bitsPerWeight - left / weights));
        }
        steps.sort(Comparator.comparingDouble(Step::slope).reversed()); // stable: a hull's own steps stay in order
        for (Step step : steps) {
            if (step.bits() <= left && chosen.getOrDefault(step.of().name(), 0) == step.from()) {
                chosen.put(step.of().name(), step.to());
                left -= step.bits();
            }
        }
        fill(candidates, chosen, left);
        SortedMap<String, Integer> one = oneWidth(candidates, bitsPerWeight);
        return one != null && loss(candidates, one) < loss(candidates, chosen) ? one : chosen;
    }

    /** The widest within the budget that all have; null if there is none. */
    private static @Nullable SortedMap<String, Integer> oneWidth(List<Candidate> candidates, double bitsPerWeight) {
        SortedMap<String, Integer> widest = null;
        for (int bits : candidates.isEmpty()
                ? Set.<Integer>of()
                : candidates.getFirst().losses().keySet()) {
            if (bits <= bitsPerWeight
                    && candidates.stream().allMatch(other -> other.losses().containsKey(bits))) {
                var all = new TreeMap<String, Integer>();
                candidates.forEach(candidate -> all.put(candidate.name(), bits));
                widest = all;
            }
        }
        return widest;
    }

    /** The steps of the lower convex hull, steepest first. */
    private static List<Step> hull(Candidate candidate) {
        var steps = new ArrayList<Step>();
        int from = candidate.losses().firstKey();
        while (true) {
            Step best = null;
            for (int to : candidate.losses().tailMap(from + 1).keySet()) {
                var step = new Step(candidate, from, to);
                if (step.gain() > 0 && (best == null || step.slope() >= best.slope())) {
                    best = step;
                }
            }
            if (best == null) {
                return steps;
            }
            steps.add(best);
            from = best.to();
        }
    }

    private static void fill(List<Candidate> candidates, Map<String, Integer> chosen, double budget) {
        double left = budget;
        while (true) {
            Step best = null;
            for (Candidate candidate : candidates) {
                int from = chosen.getOrDefault(candidate.name(), 0);
                for (int to : candidate.losses().tailMap(from + 1).keySet()) {
                    var step = new Step(candidate, from, to);
                    if (step.bits() <= left && step.gain() > (best == null ? 0 : best.gain())) {
                        best = step;
                    }
                }
            }
            if (best == null) {
                return;
            }
            chosen.put(best.of().name(), best.to());
            left -= best.bits();
        }
    }

    /** Mean bits of a code under a choice. */
    public static double bitsPerWeight(List<Candidate> candidates, Map<String, Integer> chosen) {
        double bits = 0;
        long weights = 0;
        for (Candidate candidate : candidates) {
            bits += (double) candidate.weights() * chosen.getOrDefault(candidate.name(), 0);
            weights += candidate.weights();
        }
        return bits / weights;
    }

    /** The sum of losses under a choice. */
    public static double loss(List<Candidate> candidates, Map<String, Integer> chosen) {
        double loss = 0;
        for (Candidate candidate : candidates) {
            loss += candidate.loss(chosen.getOrDefault(candidate.name(), 0));
        }
        return loss;
    }
}
