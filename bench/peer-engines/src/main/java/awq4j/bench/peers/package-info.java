/**
 * Other engines beside awq4j: one shape of model, one number of threads, each engine in a process of its own, in turns.
 * This package writes the models, starts the processes and compares; nothing of it is published.
 */
@NullMarked
package awq4j.bench.peers;

import org.jspecify.annotations.NullMarked;
