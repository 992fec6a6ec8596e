/** Models as data, and the one forward pass that runs them. */
package awq4j.model;
