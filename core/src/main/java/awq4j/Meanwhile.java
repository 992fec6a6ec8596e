package awq4j;

import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.function.Supplier;

/** Something that is made on a thread of its own, from now on. */
final class Meanwhile<T> {
    private final CompletableFuture<T> result = new CompletableFuture<>();

    Meanwhile(String name, Supplier<T> work) {
        Thread.ofPlatform().daemon().name(name).start(() -> {
            try {
                result.complete(work.get());
            } catch (Throwable e) {
                result.completeExceptionally(e);
            }
        });
    }

    /** Waits for it; throws what making it threw. */
    T get() {
        try {
            return result.join();
        } catch (CompletionException e) {
            switch (e.getCause()) {
                case RuntimeException failure -> throw failure;
                case Error failure -> throw failure;
                case null, default -> throw e;
            }
        }
    }
}
