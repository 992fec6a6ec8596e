package awq4j.cli;

/**
 * Brings the module jdk.incubator.vector, which the fast kernels need, into the running virtual machine.
 *
 * <p>The documented way is the option {@code --add-modules jdk.incubator.vector}. It has two prices: every start prints
 * a warning that nobody can act on, and the virtual machine gives up the module graph in its start-up cache
 * (docs/results/startup.md). So the program asks for the module where it is needed, by the call that the virtual
 * machine itself makes to load the module of an agent. The jar's manifest opens that call; where it is not open, or is
 * no more, the module stays absent unless the option names it.
 */
final class VectorModule {
    private static final String NAME = "jdk.incubator.vector";

    private VectorModule() {}

    /** Brings the module in; whether the kernels find it is theirs to see. */
    @SuppressWarnings("EmptyCatch") // without the module the scalar kernels run, and say how to get the fast ones
    static void bringIn() {
        if (ModuleLayer.boot().findModule(NAME).isPresent()) {
            return;
        }
        try {
            Class.forName("jdk.internal.module.Modules")
                    .getMethod("loadModule", String.class)
                    .invoke(null, NAME);
        } catch (ReflectiveOperationException absent) {
        }
    }
}
