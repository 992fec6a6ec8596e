package awq4j.testing;

import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.ExportsTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.ModifiersTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.DocTrees;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.ToolProvider;

/**
 * Comments that sources owe their readers: on every public or protected type, method, constructor, field and enum
 * constant of an exported package, and on every package. A method that overrides has its comment where it was declared.
 */
public final class Documentation {
    private final DocTrees comments;
    private final CompilationUnitTree unit;
    private final SortedSet<String> missing;

    private Documentation(DocTrees comments, CompilationUnitTree unit, SortedSet<String> missing) {
        this.comments = comments;
        this.unit = unit;
        this.missing = missing;
    }

    /**
     * What is not documented.
     *
     * @param sources a module's source folder, with its module-info.java
     * @return {@code path: line: name} for each, sorted, empty if all is well
     * @throws IllegalStateException if no source belongs to an exported package: then nothing has been checked
     */
    public static SortedSet<String> missing(Path sources) {
        var missing = new TreeSet<String>();
        try (Stream<Path> walk = Files.walk(sources)) {
            List<Path> files = walk.filter(file -> file.toString().endsWith(".java"))
                    .sorted()
                    .toList();
            packagesWithoutInfo(sources, files).forEach(missing::add);
            var compiler = ToolProvider.getSystemJavaCompiler();
            try (var manager = compiler.getStandardFileManager(null, Locale.ROOT, StandardCharsets.UTF_8)) {
                var task = (JavacTask) compiler.getTask(
                        null, manager, null, List.of("-proc:none"), null, manager.getJavaFileObjectsFromPaths(files));
                var units = new ArrayList<CompilationUnitTree>();
                task.parse().forEach(units::add);
                Set<String> exported = exported(units);
                var comments = DocTrees.instance(task);
                List<CompilationUnitTree> owing = units.stream()
                        .filter(unit -> exported.contains(String.valueOf(unit.getPackageName())))
                        .toList();
                if (owing.isEmpty()) {
                    throw new IllegalStateException("no exported package has a source in " + sources);
                }
                owing.forEach(unit -> new Documentation(comments, unit, missing).look());
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return missing;
    }

    private static Stream<String> packagesWithoutInfo(Path sources, List<Path> files) {
        return files.stream()
                .map(Path::getParent)
                .filter(folder -> !folder.equals(sources))
                .distinct()
                .filter(folder -> !Files.exists(folder.resolve("package-info.java")))
                .map(folder -> sources.relativize(folder) + ": no package-info.java");
    }

    private static Set<String> exported(Iterable<? extends CompilationUnitTree> units) {
        for (CompilationUnitTree unit : units) {
            if (unit.getModule() != null) {
                return unit.getModule().getDirectives().stream()
                        .filter(ExportsTree.class::isInstance)
                        .map(directive ->
                                ((ExportsTree) directive).getPackageName().toString())
                        .collect(Collectors.toSet());
            }
        }
        return Set.of();
    }

    private void look() {
        if (unit.getPackage() != null && isPackageInfo()) {
            need(new TreePath(new TreePath(unit), unit.getPackage()), unit.getPackageName() + "");
        }
        for (Tree type : unit.getTypeDecls()) {
            if (type instanceof ClassTree declared && shown(declared.getModifiers(), false)) {
                look(new TreePath(new TreePath(unit), declared), declared, declared.getSimpleName() + "");
            }
        }
    }

    private boolean isPackageInfo() {
        return unit.getSourceFile().getName().endsWith("package-info.java");
    }

    private void look(TreePath path, ClassTree type, String name) {
        need(path, name);
        boolean contract = type.getKind() == Tree.Kind.INTERFACE || type.getKind() == Tree.Kind.ANNOTATION_TYPE;
        for (Tree member : type.getMembers()) {
            var at = new TreePath(path, member);
            switch (member) {
                case ClassTree inner
                when shown(inner.getModifiers(), contract) -> look(at, inner, name + "." + inner.getSimpleName());
                case MethodTree method
                when shown(method.getModifiers(), contract) && !overrides(method) ->
                    need(at, name + "." + method.getName() + "()");
                case VariableTree field
                when shown(field.getModifiers(), contract) && !component(type, field) ->
                    need(at, name + "." + field.getName());
                default -> {}
            }
        }
    }

    private static boolean shown(ModifiersTree modifiers, boolean contract) {
        Set<Modifier> flags = modifiers.getFlags();
        return (contract && !flags.contains(Modifier.PRIVATE))
                || flags.contains(Modifier.PUBLIC)
                || flags.contains(Modifier.PROTECTED);
    }

    private static boolean overrides(MethodTree method) {
        return method.getModifiers().getAnnotations().stream()
                .anyMatch(
                        annotation -> annotation.getAnnotationType().toString().equals("Override"));
    }

    /** A record's component is a field of the tree, too; its comment is a tag of the record's. */
    private static boolean component(ClassTree type, VariableTree field) {
        return type.getKind() == Tree.Kind.RECORD
                && !field.getModifiers().getFlags().contains(Modifier.STATIC);
    }

    private void need(TreePath path, String name) {
        String comment = comments.getDocComment(path);
        if (comment == null || comment.isBlank()) {
            long line = unit.getLineMap()
                    .getLineNumber(comments.getSourcePositions().getStartPosition(unit, path.getLeaf()));
            missing.add(unit.getSourceFile().getName() + ":" + line + ": " + name);
        }
    }
}
