package awq4j.chat.jinja;

/** What a template can call: functions, methods bound to their value, macros. */
@FunctionalInterface
interface Invocable {
    /**
     * Computes the result.
     *
     * @throws TemplateException if it does not take these arguments
     */
    Object call(Arguments arguments);
}
