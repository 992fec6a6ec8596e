package awq4j.cli;

import awq4j.eval.speed.SpeedWatch;

/**
 * What a measurement is doing, on the error stream: on a terminal a line that overwrites itself, elsewhere a line for
 * each kind of step. Draws only between runs: a bar that moves by itself would be measured, too.
 */
final class StepLine implements SpeedWatch, AutoCloseable {
    private final Screen screen;
    private final Interruption interruption;
    private final String what;
    private final int runs;
    private boolean drawn;

    /** @param what is measured, a few words */
    StepLine(Screen screen, Interruption interruption, String what, int runs) {
        this.screen = screen;
        this.interruption = interruption;
        this.what = what;
        this.runs = runs;
    }

    @Override
    public void at(Step step, int number) {
        interruption.check();
        String text = what
                + switch (step) {
                    case LOAD -> ": loading";
                    case WARM_UP -> ": warming up" + (number > 1 ? ", run " + number : "");
                    case RUN -> ": run " + number + " of " + runs;
                };
        if (screen.errTerminal()) {
            screen.err().print("\r" + text + " ".repeat(Math.max(0, Screen.WIDTH - 1 - text.length())));
            screen.err().flush();
            drawn = true;
        } else if (number == 1) {
            screen.remark(text);
        }
    }

    @Override
    public boolean cancelled() {
        return interruption.requested();
    }

    @Override
    public void close() {
        if (drawn) {
            screen.err().print("\r" + " ".repeat(Screen.WIDTH - 1) + "\r");
            screen.err().flush();
        }
    }
}
