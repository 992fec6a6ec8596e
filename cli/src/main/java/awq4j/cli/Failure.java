package awq4j.cli;

import awq4j.chat.jinja.TemplateException;
import awq4j.cli.hub.HubException;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.kernel.BackendException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.InvalidPathException;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.util.Locale;
import java.util.concurrent.CancellationException;
import java.util.concurrent.CompletionException;
import java.util.concurrent.ExecutionException;
import tools.jackson.core.JacksonException;

/**
 * What went wrong, as one sentence for the user.
 *
 * @param code the exit code
 * @param sentence one line, without the program's name
 */
record Failure(int code, String sentence) {
    /** Puts a throwable into words. What nobody foresaw is called an internal error and named. */
    static Failure of(Throwable thrown) {
        return switch (thrown) {
            case Refusal e -> failed(e.getMessage());
            case HubException e -> failed(e.getMessage());
            case CancellationException e -> new Failure(Main.INTERRUPTED, "interrupted");
            case InterruptedException e -> new Failure(Main.INTERRUPTED, "interrupted");
            case MalformedFileException e -> failed(e.getMessage());
            case UnsupportedModelException e -> failed(e.getMessage());
            case BackendException e -> failed(e.getMessage());
            case TemplateException e -> failed("the chat template refuses this conversation: " + e.getMessage());
            case OutOfMemoryError e -> failed(outOfMemory(e));
            case UncheckedIOException e when e.getCause() != null -> of(e.getCause());
            case ExecutionException e when e.getCause() != null -> of(e.getCause());
            case CompletionException e when e.getCause() != null -> of(e.getCause());
            case ExceptionInInitializerError e when e.getCause() != null -> of(e.getCause());
            case IOException e -> failed(inputOutput(e));
            case JacksonException e -> failed("cannot read JSON: " + e.getOriginalMessage());
            case InvalidPathException e -> failed("not a path: " + e.getInput());
            case IllegalArgumentException e when e.getMessage() != null -> failed(e.getMessage());
            case IllegalStateException e when e.getMessage() != null -> failed(e.getMessage());
            case UnsatisfiedLinkError e ->
                failed("the tokenizer's native library does not load here (" + e.getMessage()
                        + "); it exists for Linux x86-64 and arm64, macOS arm64 and Windows x86-64");
            case InternalError e
            when String.valueOf(e.getMessage()).contains("unsafe memory access") ->
                failed("a file became shorter, or its disk failed, while it was read; is it still being written?"
                        + " Run the same command again when it is complete");
            case StackOverflowError e -> failed("input is nested too deeply");
            default -> failed("internal error: " + thrown + "; run again with --trace to see where");
        };
    }

    private static Failure failed(@org.jspecify.annotations.Nullable String message) {
        String text = message == null ? "failed without a message" : message;
        // names in files are untrusted: none may move the cursor or change its colours
        return new Failure(
                Main.FAILED, text.strip().replaceAll("\\s*\\R\\s*", " ").replaceAll("\\p{Cntrl}", "?"));
    }

    private static String outOfMemory(OutOfMemoryError e) {
        String detail = e.getMessage() == null ? "" : e.getMessage().toLowerCase(Locale.ROOT);
        if (detail.contains("thread")) {
            return "the system refuses another thread (" + e.getMessage() + "): try --threads 1, or raise its limit";
        }
        String heap = Figures.bytes(Runtime.getRuntime().maxMemory());
        String kind = detail.contains("direct") ? "memory outside the Java heap" : "Java heap (" + heap + ")";
        return "out of memory: the " + kind + " is full; give it more with AWQ4J_JAVA_OPTS=-Xmx" + suggestedGigabytes()
                + "g, or ask for less: a smaller --context, --samples or --sequence-length";
    }

    private static long suggestedGigabytes() {
        long now = Runtime.getRuntime().maxMemory() >> 30;
        return Math.max(4, (now + 1) * 2);
    }

    private static String inputOutput(IOException e) {
        String reason = e instanceof FileSystemException f && f.getReason() != null ? f.getReason() : e.getMessage();
        if (reason != null && reason.toLowerCase(Locale.ROOT).contains("no space left")) {
            return "the disk is full" + where(e) + "; free some space and run the same command again";
        }
        if (reason != null && reason.toLowerCase(Locale.ROOT).contains("quota")) {
            return "the disk quota is used up" + where(e) + "; free some space and run the same command again";
        }
        return switch (e) {
            case NoSuchFileException f -> "no such file: " + f.getFile();
            case FileNotFoundException f -> "no such file: " + f.getMessage();
            case AccessDeniedException f -> "permission denied: " + f.getFile();
            case FileAlreadyExistsException f -> f.getFile() + " exists already";
            case DirectoryNotEmptyException f -> "folder is not empty: " + f.getFile();
            case NotDirectoryException f -> "not a folder: " + f.getFile();
            case CharacterCodingException f -> "text is not UTF-8";
            case FileSystemException f
            when f.getFile() != null && f.getReason() != null ->
                f.getFile() + ": " + f.getReason().toLowerCase(Locale.ROOT);
            default -> e.getMessage() == null ? "input/output failed: " + e : e.getMessage();
        };
    }

    private static String where(IOException e) {
        return e instanceof FileSystemException f && f.getFile() != null ? " while writing " + f.getFile() : "";
    }
}
