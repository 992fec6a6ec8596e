/**
 * The template language of chat templates: Jinja as Python's jinja2 3.1 renders it in an immutable sandbox, with blocks
 * trimmed and loop controls.
 *
 * <p>Templates come with a model and are not trusted. They reach nothing but the values that they are given, and their
 * loops, depth and output are bounded by {@link awq4j.chat.jinja.Limits}.
 *
 * <p>What values are inside: {@link java.lang.String}, {@link java.lang.Boolean}, {@link java.lang.Double}, {@link
 * java.lang.Long} or (beyond its range) {@link java.math.BigInteger}, {@link java.util.List} for lists, and own types for
 * what Java lacks: none, undefined, tuples, dicts, ranges, iterators that are used up, namespaces, marked-up text.
 */
package awq4j.chat.jinja;
