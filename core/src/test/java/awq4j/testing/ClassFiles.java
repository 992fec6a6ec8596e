package awq4j.testing;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.classfile.Attributes;
import java.lang.classfile.ClassFile;
import java.lang.classfile.ClassModel;
import java.lang.classfile.constantpool.ClassEntry;
import java.lang.classfile.constantpool.MethodTypeEntry;
import java.lang.classfile.constantpool.NameAndTypeEntry;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/** Compiled classes, read for the rules that look at them. */
public final class ClassFiles {
    private static final Pattern NAMED_TYPE = Pattern.compile("L([\\w/$]+)");

    private ClassFiles() {}

    /**
     * Parses every class below a folder of compiled classes, in path order; {@code module-info} is left out.
     *
     * @param folder such as {@code core/target/classes}
     * @return at least one class
     * @throws IllegalStateException if the folder holds none: a rule that looked at nothing has not been checked
     */
    public static List<ClassModel> below(Path folder) {
        try (Stream<Path> files = Files.walk(folder)) {
            List<ClassModel> classes = files.filter(ClassFiles::isClass)
                    .sorted()
                    .map(ClassFiles::parse)
                    .toList();
            if (classes.isEmpty()) {
                throw new IllegalStateException("no classes in " + folder);
            }
            return classes;
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /**
     * Every class that a class names: in code, in declarations, in generic signatures.
     *
     * @param model a parsed class
     * @return internal names ({@code java/lang/String}), sorted
     */
    public static SortedSet<String> namedBy(ClassModel model) {
        var names = new TreeSet<String>();
        for (var entry : model.constantPool()) {
            switch (entry) {
                case ClassEntry type
                when type.asInternalName().startsWith("[") -> addTypes(type.asInternalName(), names);
                case ClassEntry type -> names.add(type.asInternalName());
                case NameAndTypeEntry member -> addTypes(member.type().stringValue(), names);
                case MethodTypeEntry type -> addTypes(type.descriptor().stringValue(), names);
                default -> {}
            }
        }
        model.findAttribute(Attributes.signature())
                .ifPresent(it -> addTypes(it.signature().stringValue(), names));
        model.fields().forEach(field -> {
            addTypes(field.fieldType().stringValue(), names);
            field.findAttribute(Attributes.signature())
                    .ifPresent(it -> addTypes(it.signature().stringValue(), names));
        });
        model.methods().forEach(method -> {
            addTypes(method.methodType().stringValue(), names);
            method.findAttribute(Attributes.signature())
                    .ifPresent(it -> addTypes(it.signature().stringValue(), names));
        });
        return names;
    }

    private static void addTypes(String descriptor, SortedSet<String> names) {
        NAMED_TYPE.matcher(descriptor).results().forEach(match -> names.add(match.group(1)));
    }

    private static boolean isClass(Path file) {
        String name = file.getFileName().toString();
        return name.endsWith(".class") && !name.equals("module-info.class");
    }

    private static ClassModel parse(Path file) {
        try {
            return ClassFile.of().parse(file);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
