package awq4j.cli.hub;

import java.time.Duration;

/** Told how far a download is. From any thread. */
public interface PullWatch {
    /** What will be done is known; nothing was fetched yet. */
    void planned(PullPlan plan);

    /** So many bytes have arrived; negative where bytes have to come again. */
    void fetched(long bytes);

    /** A file is whole, and its content is what the hub says. */
    void finished(RemoteFile file);

    /** Nothing arrives for a while. */
    void waiting(Duration time, String reason);

    /**
     * Asks whether to go on.
     *
     * @throws java.util.concurrent.CancellationException if the user wants to stop
     */
    void check();
}
