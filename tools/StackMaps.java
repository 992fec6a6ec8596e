import java.io.IOException;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassFile.StackMapsOption;
import java.lang.classfile.ClassHierarchyResolver;
import java.lang.classfile.ClassTransform;
import java.net.URI;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;

/**
 * Lifts the class files of jars to a version that the start-up cache takes: it refuses those of Java 5, as picocli has
 * them, for want of stack maps. What the classes do stays the same.
 */
class StackMaps {
    private static final int OLDEST_WITH_STACK_MAPS = 51;

    public static void main(String[] jars) throws IOException {
        for (String jar : jars) {
            try (var files = FileSystems.newFileSystem(URI.create("jar:" + Path.of(jar).toUri()), Map.of())) {
                lift(files.getPath("/"));
            }
        }
    }

    private static void lift(Path root) throws IOException {
        List<Path> classes;
        try (var files = Files.walk(root)) {
            classes = files.filter(file -> file.toString().endsWith(".class")).toList();
        }
        // Frames need the common ancestors of the jar's own classes, which are read and not loaded.
        var hierarchy = ClassHierarchyResolver.ofResourceParsing(name -> {
                    Path file = root.resolve(name.packageName().replace('.', '/') + "/" + name.displayName() + ".class");
                    try {
                        return Files.exists(file) ? Files.newInputStream(file) : null;
                    } catch (IOException e) {
                        throw new java.io.UncheckedIOException(e);
                    }
                })
                .orElse(ClassHierarchyResolver.defaultResolver());
        var classFile = ClassFile.of(
                StackMapsOption.GENERATE_STACK_MAPS, ClassFile.ClassHierarchyResolverOption.of(hierarchy));
        for (Path file : classes) {
            var model = classFile.parse(Files.readAllBytes(file));
            if (model.majorVersion() < OLDEST_WITH_STACK_MAPS) {
                var version = ClassTransform.endHandler(builder -> builder.withVersion(OLDEST_WITH_STACK_MAPS, 0));
                var again = ClassTransform.transformingMethodBodies((code, element) -> code.with(element));
                Files.write(file, classFile.transformClass(model, again.andThen(version)));
            }
        }
    }
}
