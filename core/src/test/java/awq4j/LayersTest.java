package awq4j;

import static org.assertj.core.api.Assertions.assertThat;

import awq4j.testing.ClassFiles;
import awq4j.testing.ForbiddenCalls;
import awq4j.testing.Layers;
import awq4j.testing.Repository;
import awq4j.testing.SourceFiles;
import java.io.IOException;
import java.lang.classfile.ClassBuilder;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.constant.ClassDesc;
import java.lang.constant.ConstantDescs;
import java.lang.constant.MethodTypeDesc;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collections;
import java.util.List;
import java.util.function.Consumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestReporter;
import org.junit.jupiter.api.io.TempDir;

/** The rules that docs/architecture.md states, checked on what was compiled; and the checks, on planted faults. */
class LayersTest {
    private static final int LONG = 400;
    private static final int TOO_LONG = 600;
    private static final List<ClassModel> CORE =
            ClassFiles.below(Repository.root().resolve("core/target/classes"));

    @Test
    void packagesObeyTheLine() {
        assertThat(Layers.violations(CORE)).isEmpty();
    }

    @Test
    void coreCallsNothingForbidden() {
        assertThat(ForbiddenCalls.inLibrary(CORE)).isEmpty();
    }

    @Test
    void sourcesAreShort(TestReporter reporter) {
        SourceFiles.longerThan(Repository.root(), LONG)
                .forEach(file -> reporter.publishEntry("more than " + LONG + " lines", file));
        assertThat(SourceFiles.below(Repository.root())).isNotEmpty();
        assertThat(SourceFiles.longerThan(Repository.root(), TOO_LONG)).isEmpty();
    }

    @Test
    void callToTheRightIsReported() {
        assertThat(Layers.violations(List.of(calling("awq4j.model.Transformer", "awq4j.quant.Awq"))))
                .containsExactly("awq4j/model/Transformer -> awq4j/quant/Awq: points to the right on the line");
    }

    @Test
    void fieldTypeToTheRightIsReported() {
        assertThat(Layers.violations(List.of(holding("awq4j.kernel.scalar.Rows", "awq4j.cache.Pages"))))
                .containsExactly("awq4j/kernel/scalar/Rows -> awq4j/cache/Pages: points to the right on the line");
    }

    @Test
    void arrayTypeToTheRightIsReported() {
        assertThat(Layers.violations(List.of(holding("awq4j.quant.Rtn", "awq4j.LanguageModel[]"))))
                .containsExactly("awq4j/quant/Rtn -> awq4j/LanguageModel: points to the right on the line");
    }

    @Test
    void callToTheLeftIsFine() {
        assertThat(Layers.violations(List.of(
                        calling("awq4j.quant.Awq", "awq4j.tensor.Tensor"),
                        calling("awq4j.LanguageModel", "awq4j.runtime.Engine"),
                        calling("awq4j.model.family.Llama", "awq4j.model.ModelSpec"))))
                .isEmpty();
    }

    @Test
    void packageOffTheLineIsReported() {
        assertThat(Layers.violations(List.of(calling("awq4j.util.Strings", "java.lang.Object"))))
                .singleElement()
                .asString()
                .startsWith("awq4j/util/Strings: its package is not on the line");
    }

    @Test
    void incubatorIsReportedOutsideTheVectorKernels() {
        assertThat(Layers.violations(List.of(calling("awq4j.quant.Awq", "jdk.incubator.vector.FloatVector"))))
                .containsExactly("awq4j/quant/Awq -> jdk/incubator/vector/FloatVector: only kernel.vector may use it");
        assertThat(Layers.violations(List.of(calling("awq4j.kernel.vector.Rows", "jdk.incubator.vector.FloatVector"))))
                .isEmpty();
    }

    @Test
    void forbiddenCallIsReported() {
        ClassModel seedless = calling("awq4j.quant.Awq", "java.util.Random");
        assertThat(ForbiddenCalls.inProgram(List.of(seedless)))
                .containsExactly("awq4j/quant/Awq uses java.util.Random.<init>(): has no seed");
    }

    @Test
    void onlyTheProgramMayPrint() {
        ClassModel printing = planted(
                "awq4j.quant.Awq",
                code -> code.withMethodBody(
                        "run",
                        MethodTypeDesc.of(ConstantDescs.CD_void),
                        ClassFile.ACC_STATIC,
                        body -> body.getstatic(
                                        ClassDesc.of("java.lang.System"), "out", ClassDesc.of("java.io.PrintStream"))
                                .pop()
                                .return_()));
        assertThat(ForbiddenCalls.inLibrary(List.of(printing)))
                .containsExactly("awq4j/quant/Awq uses java.lang.System.out: only the program may print or exit");
        assertThat(ForbiddenCalls.inProgram(List.of(printing))).isEmpty();
    }

    @Test
    void longSourceIsReported(@TempDir Path root) throws IOException {
        Path sources = Files.createDirectories(root.resolve("core/src/main/java"));
        Files.write(sources.resolve("Fits.java"), Collections.nCopies(TOO_LONG, "//"));
        Files.write(sources.resolve("Long.java"), Collections.nCopies(TOO_LONG + 1, "//"));
        assertThat(SourceFiles.longerThan(root, TOO_LONG)).containsExactly("core/src/main/java/Long.java: 601 lines");
    }

    /** A class that creates another one. */
    private static ClassModel calling(String from, String to) {
        ClassDesc target = ClassDesc.of(to);
        return planted(
                from,
                code -> code.withMethodBody(
                        "run",
                        MethodTypeDesc.of(ConstantDescs.CD_void),
                        ClassFile.ACC_STATIC,
                        body -> body.new_(target)
                                .dup()
                                .invokespecial(target, ConstantDescs.INIT_NAME, ConstantDescs.MTD_void)
                                .pop()
                                .return_()));
    }

    /** A class whose only mention of another one is a field's declared type. */
    private static ClassModel holding(String from, String type) {
        ClassDesc component = ClassDesc.of(type.replace("[]", ""));
        ClassDesc field = type.endsWith("[]") ? component.arrayType() : component;
        return planted(from, code -> code.withField("held", field, ClassFile.ACC_PRIVATE));
    }

    private static ClassModel planted(String name, Consumer<ClassBuilder> code) {
        return ClassFile.of().parse(ClassFile.of().build(ClassDesc.of(name), code));
    }
}
