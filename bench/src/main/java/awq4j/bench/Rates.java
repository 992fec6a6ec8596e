package awq4j.bench;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** What a benchmark moves and computes a second, beside its calls a second. */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.OPERATIONS)
public class Rates {
    /** 10^9 bytes of weights, keys and values, or rows that a call has to read or write: GB/s. */
    public double gigabytes;

    /** 10^9 operations: GOP/s. A multiply-add counts as two, an exponential as one. */
    public double gigaoperations;

    /** Nothing yet. */
    public Rates() {}

    /** Counts one call. */
    void add(double bytes, double operations) {
        gigabytes += bytes / 1e9;
        gigaoperations += operations / 1e9;
    }
}
