package awq4j.chat.jinja;

/** An operator between two values, with its spelling. */
enum BinaryOperator {
    ADD("+"),
    SUBTRACT("-"),
    MULTIPLY("*"),
    DIVIDE("/"),
    FLOOR_DIVIDE("//"),
    MODULO("%"),
    POWER("**");

    private final String sign;

    BinaryOperator(String sign) {
        this.sign = sign;
    }

    String sign() {
        return sign;
    }

    static BinaryOperator of(String sign) {
        for (BinaryOperator operator : values()) {
            if (operator.sign.equals(sign)) {
                return operator;
            }
        }
        throw new IllegalArgumentException(sign);
    }
}
