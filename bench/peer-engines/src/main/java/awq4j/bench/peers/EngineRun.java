package awq4j.bench.peers;

import java.nio.file.Path;
import java.util.List;

/**
 * What one process measures.
 *
 * @param model the file or folder that the engine reads
 * @param prompt tokens
 * @param generate tokens of a reply, at least 2
 * @param warmups replies before those that count, so that the virtual machine has compiled what runs
 * @param replies that count
 */
record EngineRun(
        EngineKind kind, Path model, Shape shape, int threads, int prompt, int generate, int warmups, int replies) {
    /** As arguments of a process. */
    List<String> arguments() {
        return List.of(
                kind.label,
                model.toString(),
                shape.name(),
                String.valueOf(threads),
                String.valueOf(prompt),
                String.valueOf(generate),
                String.valueOf(warmups),
                String.valueOf(replies));
    }

    /** Back from the arguments of a process. */
    static EngineRun of(String[] arguments) {
        return new EngineRun(
                EngineKind.named(arguments[0]),
                Path.of(arguments[1]),
                Shape.named(arguments[2]),
                Integer.parseInt(arguments[3]),
                Integer.parseInt(arguments[4]),
                Integer.parseInt(arguments[5]),
                Integer.parseInt(arguments[6]),
                Integer.parseInt(arguments[7]));
    }
}
