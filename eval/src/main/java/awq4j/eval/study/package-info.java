/** Studies: series of measurements that are data, and the workbench that they are made on. */
@NullMarked
package awq4j.eval.study;

import org.jspecify.annotations.NullMarked;
