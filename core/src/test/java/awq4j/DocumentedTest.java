package awq4j;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.testing.Documentation;
import awq4j.testing.Repository;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** That whoever reads the library's API finds a comment wherever one is owed; and that a missing one is reported. */
class DocumentedTest {
    @ParameterizedTest
    @ValueSource(strings = {"core", "demo-model", "eval"})
    void everythingExportedHasAComment(String module) {
        assertThat(Documentation.missing(Repository.root().resolve(module).resolve("src/main/java")))
                .isEmpty();
    }

    @Test
    void everyKindOfMemberIsReported(@TempDir Path sources) throws IOException {
        plant(sources, "p", """
                package p;
                public class Open {
                    public static final int NUMBER = 1;
                    public Open() {}
                    protected void turn() {}
                    public interface Inner { void implied(); }
                    public enum Side { LEFT }
                    public record Pair(int left, int right) { public Pair {} }
                }
                """);
        assertThat(Documentation.missing(sources).stream().map(line -> line.replaceAll(".*/", "")))
                .containsExactlyInAnyOrder(
                        "p: no package-info.java",
                        "Open.java:2: Open",
                        "Open.java:3: Open.NUMBER",
                        "Open.java:4: Open.<init>()",
                        "Open.java:5: Open.turn()",
                        "Open.java:6: Open.Inner",
                        "Open.java:6: Open.Inner.implied()",
                        "Open.java:7: Open.Side",
                        "Open.java:7: Open.Side.LEFT",
                        "Open.java:8: Open.Pair",
                        "Open.java:8: Open.Pair.<init>()");
    }

    @Test
    void whatNobodySeesOwesNothing(@TempDir Path sources) throws IOException {
        Files.createDirectories(sources.resolve("p"));
        Files.writeString(sources.resolve("p/package-info.java"), "/** A package. */\npackage p;\n");
        plant(sources, "p", """
                package p;
                /** Seen. */
                public class Open implements Runnable {
                    private int number;
                    int near;
                    Open() {}
                    @Override public void run() {}
                    static class Near { public void turn() {} }
                }
                class Other { public void turn() {} }
                """);
        assertThat(Documentation.missing(sources)).isEmpty();
    }

    @Test
    void aModuleThatExportsNothingIsNoProof(@TempDir Path sources) throws IOException {
        plant(sources, "q", "package p;\n/** Seen. */\npublic class Open {}\n");
        assertThatThrownBy(() -> Documentation.missing(sources)).hasMessageContaining("no exported package");
    }

    private static void plant(Path sources, String exported, String source) throws IOException {
        Files.writeString(sources.resolve("module-info.java"), "module m { exports " + exported + "; }\n");
        Files.createDirectories(sources.resolve("p"));
        Files.writeString(sources.resolve("p/Open.java"), source);
    }
}
