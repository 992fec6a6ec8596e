package awq4j.testing;

import java.lang.classfile.ClassModel;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** The line of core's packages: each uses itself and what stands to its left, never what stands to its right. */
public final class Layers {
    private static final String ROOT = "awq4j/";
    private static final String FRONT_DOOR = "";

    /** From the foundation to the front door, which is the root package itself. */
    private static final List<String> LINE = List.of(
            "tensor",
            "weight",
            "format",
            "kernel",
            "cache",
            "tokenizer",
            "chat",
            "image",
            "model",
            "quant",
            "runtime",
            FRONT_DOOR);

    private Layers() {}

    /** The line as documents write it. */
    public static String written() {
        return String.join(" · ", LINE.subList(0, LINE.size() - 1)) + " · (front door)";
    }

    /**
     * What breaks the line.
     *
     * @param classes core's classes
     * @return one sentence per wrong arrow, package off the line, or use of the incubating API outside
     *     {@code kernel.vector}; sorted, empty if all is well
     */
    public static SortedSet<String> violations(List<ClassModel> classes) {
        var wrong = new TreeSet<String>();
        for (ClassModel model : classes) {
            String from = model.thisClass().asInternalName();
            if (place(from) < 0) {
                wrong.add(from + ": its package is not on the line " + LINE);
                continue;
            }
            for (String to : ClassFiles.namedBy(model)) {
                if (to.startsWith("jdk/incubator/") && !from.startsWith(ROOT + "kernel/vector/")) {
                    wrong.add(from + " -> " + to + ": only kernel.vector may use it");
                } else if (to.startsWith(ROOT) && place(to) > place(from)) {
                    wrong.add(from + " -> " + to + ": points to the right on the line");
                }
            }
        }
        return wrong;
    }

    private static int place(String internalName) {
        if (!internalName.startsWith(ROOT)) {
            return -1;
        }
        String rest = internalName.substring(ROOT.length());
        int slash = rest.indexOf('/');
        return LINE.indexOf(slash < 0 ? FRONT_DOOR : rest.substring(0, slash));
    }
}
