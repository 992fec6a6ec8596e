package awq4j.chat.jinja;

/**
 * What a name stands for that has no value: prints as nothing, is false and empty; anything else is refused.
 *
 * @param reason what was looked for, as the message of that refusal
 */
record Undefined(String reason) {
    static Undefined name(String name) {
        return new Undefined("'" + name + "' is undefined");
    }

    static Undefined member(Object of, Object key) {
        String where = of == None.NONE ? "None" : of instanceof Undefined ? "undefined" : Types.name(of) + " object";
        return new Undefined(
                where + (key instanceof String ? " has no attribute " : " has no element ") + Repr.brief(key));
    }

    TemplateException refusal() {
        return new TemplateException(reason);
    }
}
