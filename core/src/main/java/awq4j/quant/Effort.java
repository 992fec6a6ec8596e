package awq4j.quant;

/**
 * About how much arithmetic something takes, for estimates of time.
 *
 * @param products multiply-adds inside matrix products
 * @param roundings weights rounded to codes and back
 */
public record Effort(double products, double roundings) {
    /** Both together. */
    public Effort plus(Effort other) {
        return new Effort(products + other.products, roundings + other.roundings);
    }
}
