package awq4j.testing;

import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.MemberRefEntry;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** Calls that behave otherwise on another machine, end the process, or trust data they should not. */
public final class ForbiddenCalls {
    private static final String ANY = "*";
    private static final String CHARSET = "names no charset";
    private static final String LOCALE = "names no locale";
    private static final String SEED = "has no seed";
    private static final String PROGRAM = "only the program may print or exit";

    private static final List<Rule> ALWAYS = List.of(
            new Rule("java/lang/String", "getBytes", "()", CHARSET),
            new Rule("java/lang/String", "<init>", "([B)", CHARSET),
            new Rule("java/lang/String", "<init>", "([BII)", CHARSET),
            new Rule("java/io/InputStreamReader", "<init>", "(Ljava/io/InputStream;)", CHARSET),
            new Rule("java/io/OutputStreamWriter", "<init>", "(Ljava/io/OutputStream;)", CHARSET),
            new Rule("java/io/ByteArrayOutputStream", "toString", "()", CHARSET),
            new Rule("java/io/FileReader", "<init>", "(Ljava/lang/String;)", CHARSET),
            new Rule("java/io/FileReader", "<init>", "(Ljava/io/File;)", CHARSET),
            new Rule("java/io/FileWriter", "<init>", "(Ljava/lang/String;)", CHARSET),
            new Rule("java/io/FileWriter", "<init>", "(Ljava/io/File;)", CHARSET),
            new Rule("java/util/Scanner", "<init>", "(Ljava/io/InputStream;)", CHARSET),
            new Rule("java/nio/charset/Charset", "defaultCharset", "", CHARSET),
            new Rule("java/lang/String", "format", "(Ljava/lang/String;", LOCALE),
            new Rule("java/lang/String", "formatted", "", LOCALE),
            new Rule("java/lang/String", "toLowerCase", "()", LOCALE),
            new Rule("java/lang/String", "toUpperCase", "()", LOCALE),
            new Rule("java/io/PrintStream", "printf", "(Ljava/lang/String;", LOCALE),
            new Rule("java/io/PrintStream", "format", "(Ljava/lang/String;", LOCALE),
            new Rule("java/io/PrintWriter", "printf", "(Ljava/lang/String;", LOCALE),
            new Rule("java/io/PrintWriter", "format", "(Ljava/lang/String;", LOCALE),
            new Rule("java/util/Formatter", "<init>", "()", LOCALE),
            new Rule("java/util/Formatter", "<init>", "(Ljava/lang/Appendable;)", LOCALE),
            new Rule("java/text/DecimalFormat", "<init>", "()", LOCALE),
            new Rule("java/text/DecimalFormat", "<init>", "(Ljava/lang/String;)", LOCALE),
            new Rule("java/text/NumberFormat", ANY, "()", LOCALE),
            new Rule("java/time/format/DateTimeFormatter", "ofPattern", "(Ljava/lang/String;)", LOCALE),
            new Rule("java/util/Random", "<init>", "()", SEED),
            new Rule("java/util/SplittableRandom", "<init>", "()", SEED),
            new Rule("java/util/concurrent/ThreadLocalRandom", "current", "", SEED),
            new Rule("java/util/random/RandomGenerator", "of", "", SEED),
            new Rule("java/util/random/RandomGenerator", "getDefault", "", SEED),
            new Rule("java/util/Collections", "shuffle", "(Ljava/util/List;)", SEED),
            new Rule("java/lang/Math", "random", "", SEED),
            new Rule("java/io/ObjectInputStream", ANY, "", "builds objects that the data names"));

    private static final List<Rule> EXITS = List.of(
            new Rule("java/lang/System", "exit", "", PROGRAM),
            new Rule("java/lang/Runtime", "exit", "", PROGRAM),
            new Rule("java/lang/Runtime", "halt", "", PROGRAM));

    private static final List<Rule> PRINTS = List.of(
            new Rule("java/lang/System", "out", "", PROGRAM),
            new Rule("java/lang/System", "err", "", PROGRAM),
            new Rule(ANY, "printStackTrace", "()", PROGRAM));

    private ForbiddenCalls() {}

    /**
     * Forbidden calls in the classes of a library.
     *
     * @param classes a module's classes
     * @return one sentence per class and call; sorted, empty if all is well
     */
    public static SortedSet<String> inLibrary(List<ClassModel> classes) {
        SortedSet<String> found = matches(classes, ALWAYS);
        found.addAll(matches(classes, PRINTS));
        found.addAll(exits(classes));
        return found;
    }

    /**
     * Forbidden calls in the classes of the program, which may print and exit.
     *
     * @param classes a module's classes
     * @return one sentence per class and call; sorted, empty if all is well
     */
    public static SortedSet<String> inProgram(List<ClassModel> classes) {
        return matches(classes, ALWAYS);
    }

    /**
     * Calls that end the process.
     *
     * @param classes a module's classes
     * @return one sentence per class and call; sorted, empty if there is none
     */
    public static SortedSet<String> exits(List<ClassModel> classes) {
        return matches(classes, EXITS);
    }

    private static SortedSet<String> matches(List<ClassModel> classes, List<Rule> rules) {
        var found = new TreeSet<String>();
        for (ClassModel model : classes) {
            for (var entry : model.constantPool()) {
                if (entry instanceof MemberRefEntry member) {
                    rules.stream()
                            .filter(rule -> rule.forbids(member))
                            .forEach(
                                    rule -> found.add(model.thisClass().asInternalName() + " uses " + rule.sentence()));
                }
            }
        }
        return found;
    }

    /** A member that may not be used; {@code parameters} is how its descriptor begins. */
    private record Rule(String owner, String name, String parameters, String reason) {
        boolean forbids(MemberRefEntry member) {
            return (owner.equals(ANY) || member.owner().asInternalName().equals(owner))
                    && (name.equals(ANY) || member.name().equalsString(name))
                    && member.type().stringValue().startsWith(parameters);
        }

        String sentence() {
            return owner.replace('/', '.') + "." + name + parameters + ": " + reason;
        }
    }
}
