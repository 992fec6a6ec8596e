package awq4j.eval;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.testing.ClassFiles;
import awq4j.testing.ForbiddenCalls;
import awq4j.testing.Repository;
import org.junit.jupiter.api.Test;

class CallsTest {
    @Test
    void evalCallsNothingForbidden() {
        assertThat(ForbiddenCalls.inLibrary(ClassFiles.below(Repository.root().resolve("eval/target/classes"))))
                .isEmpty();
    }
}
