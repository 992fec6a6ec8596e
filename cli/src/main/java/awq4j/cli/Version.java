package awq4j.cli;

import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.util.Properties;
import picocli.CommandLine.IVersionProvider;

/** The program's version and commit, as the build wrote them, and the Java that runs it. */
final class Version implements IVersionProvider {
    @Override
    public String[] getVersion() {
        String vendor = System.getProperty("java.vendor.version", System.getProperty("java.vm.name", ""));
        return new String[] {
            "awq4j " + number() + " (commit " + commit() + ")",
            "Java " + Runtime.version() + (vendor.isEmpty() ? "" : ", " + vendor)
        };
    }

    /** For example {@code 0.1.0}. */
    static String number() {
        return property("version");
    }

    /** The short hash of the commit that was built, {@code unknown} outside of a repository. */
    static String commit() {
        return property("commit");
    }

    private static String property(String name) {
        try (InputStream in = Version.class.getResourceAsStream("version.properties")) {
            if (in == null) {
                throw new IllegalStateException("version.properties is missing from the program's jar");
            }
            var properties = new Properties();
            properties.load(in);
            String value = properties.getProperty(name, "");
            return value.isBlank() || value.startsWith("${") ? "unknown" : value;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
