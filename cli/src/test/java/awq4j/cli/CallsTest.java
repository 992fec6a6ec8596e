package awq4j.cli;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.testing.ClassFiles;
import awq4j.testing.ForbiddenCalls;
import awq4j.testing.Repository;
import org.junit.jupiter.api.Test;

class CallsTest {
    @Test
    void programCallsNothingForbidden() {
        assertThat(ForbiddenCalls.inProgram(ClassFiles.below(Repository.root().resolve("cli/target/classes"))))
                .isEmpty();
    }

    @Test
    void onlyMainExits() {
        var others = ClassFiles.below(Repository.root().resolve("cli/target/classes")).stream()
                .filter(model -> !model.thisClass().asInternalName().equals("awq4j/cli/Main"))
                .toList();
        assertThat(ForbiddenCalls.exits(others)).isEmpty();
    }
}
