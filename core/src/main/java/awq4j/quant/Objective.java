package awq4j.quant;

/** What AWQ's search of scales makes least. */
public enum Objective {
    /**
     * The change of what attention or MLP put out, as llm-awq and AutoAWQ have it: they are run on calibration tokens for
     * every scale on trial.
     */
    MODULE,
    /**
     * The change of what the scaled linears themselves put out: trace(dW G dW^T), G being the Gram matrix of their inputs
     * and dW the change of their weights. Over all calibration tokens, at a cost that does not grow with them; over a
     * sample of a linear's rows where that tells ratios apart ({@link RowRace}), exact with at most {@value RowRace#FIRST}
     * rows.
     */
    GRAM
}
