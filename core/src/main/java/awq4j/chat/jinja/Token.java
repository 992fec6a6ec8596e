package awq4j.chat.jinja;

/**
 * A piece of a template.
 *
 * @param text what is written; for data and strings what is meant
 */
record Token(Kind kind, String text, int line) {
    enum Kind {
        DATA("text"),
        BEGIN_OUTPUT("'{{'"),
        END_OUTPUT("'}}'"),
        BEGIN_TAG("'{%'"),
        END_TAG("'%}'"),
        NAME("a name"),
        STRING("a string"),
        INTEGER("an integer"),
        FLOAT("a float"),
        OPERATOR("an operator"),
        END("the end of the template");

        private final String description;

        Kind(String description) {
            this.description = description;
        }

        String description() {
            return description;
        }
    }

    boolean is(Kind wanted) {
        return kind == wanted;
    }

    boolean isName(String name) {
        return kind == Kind.NAME && text.equals(name);
    }

    boolean isOperator(String sign) {
        return kind == Kind.OPERATOR && text.equals(sign);
    }

    /** How messages name it. */
    String description() {
        return switch (kind) {
            case NAME, INTEGER, FLOAT, OPERATOR -> "'" + text + "'";
            default -> kind.description();
        };
    }
}
