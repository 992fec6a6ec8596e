package awq4j.chat.jinja;

/** Text that counts as safe HTML: a string, except that what is joined to it is escaped first. */
record Markup(String text) {
    static Markup escape(Object value) {
        return value instanceof Markup markup ? markup : new Markup(escaped(Repr.text(value)));
    }

    static String escaped(String text) {
        return text.replace("&", "&amp;")
                .replace(">", "&gt;")
                .replace("<", "&lt;")
                .replace("'", "&#39;")
                .replace("\"", "&#34;");
    }
}
