/** Keys and values of running sequences. */
package awq4j.cache;
