package awq4j.cli.hub;

import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.concurrent.CancellationException;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorCompletionService;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

/**
 * Brings a model into the cache. What is there is not fetched again; what an interruption left is continued. The
 * configuration appears last in the snapshot and the revision's name after it: what can be found is whole.
 */
public final class Pull {
    private static final int FILES_AT_ONCE = 4;
    private static final String CONFIG = "config.json";

    private final HubSettings settings;
    private final ModelName model;
    private final Patience patience;
    private final PullWatch watch;
    private final AtomicBoolean stop = new AtomicBoolean();

    /** @param watch told how far it is */
    public Pull(HubSettings settings, ModelName model, PullWatch watch) {
        this(settings, model, Patience.USUAL, watch);
    }

    Pull(HubSettings settings, ModelName model, Patience patience, PullWatch watch) {
        this.settings = settings;
        this.model = model;
        this.patience = patience;
        this.watch = watch;
    }

    /**
     * Downloads.
     *
     * @param include patterns of files to take instead of the usual choice; none for that
     * @param exclude patterns of files to leave out
     * @return what was done
     * @throws HubException if the hub, the way to it or the cache does not give what was asked for
     * @throws IOException if the disk fails
     * @throws CancellationException if the watch says so; what has arrived is kept
     */
    public PullPlan run(List<String> include, List<String> exclude) throws IOException {
        if (settings.offline()) {
            throw new HubException("HF_HUB_OFFLINE forbids connections, and " + model + " is not in the cache "
                    + settings.cache().folder() + "; unset it, and run this again");
        }
        try (var hub = new HubClient(settings, model, patience, watch::waiting)) {
            Listing listing = Listing.of(hub);
            FileChoice choice = FileChoice.of(model, listing.files(), include, exclude);
            PullPlan plan = plan(listing.commit(), choice);
            checkSpace(plan);
            watch.planned(plan);
            Files.createDirectories(plan.snapshot());
            Files.createDirectories(settings.cache().model(model).resolve("blobs"));
            fetchAll(hub, plan);
            linkAll(plan);
            settings.cache().writeRef(model, plan.commit());
            return plan;
        }
    }

    private PullPlan plan(String commit, FileChoice choice) throws IOException {
        Path snapshot = settings.cache().snapshot(model, commit);
        Map<String, RemoteFile> missing = new LinkedHashMap<>();
        long kept = 0;
        for (RemoteFile file : choice.taken()) {
            Path target = target(snapshot, file);
            Path blob = settings.cache().blob(model, file);
            if (whole(target, file) || whole(blob, file) || missing.containsKey(file.hash())) {
                continue;
            }
            missing.put(file.hash(), file);
            Path unfinished = BlobDownload.unfinished(blob);
            long size = Files.exists(unfinished) ? Files.size(unfinished) : 0;
            kept += size > file.size() ? 0 : size;
        }
        return new PullPlan(
                model, commit, snapshot, choice.taken(), List.copyOf(missing.values()), choice.skipped(), kept);
    }

    /** Where a file lies in the snapshot: below it, whatever the name is. */
    private static Path target(Path snapshot, RemoteFile file) {
        Path target = snapshot.resolve(file.path()).normalize();
        if (!target.startsWith(snapshot.normalize())) {
            throw new HubException("the file name \"" + file.path() + "\" leads out of the model's folder");
        }
        return target;
    }

    private static boolean whole(Path path, RemoteFile file) throws IOException {
        return Files.isRegularFile(path) && Files.size(path) == file.size();
    }

    private void checkSpace(PullPlan plan) throws IOException {
        Path place = settings.cache().folder().toAbsolutePath();
        while (!Files.exists(place) && place.getParent() != null) {
            place = place.getParent();
        }
        long free = Files.getFileStore(place).getUsableSpace();
        if (free < plan.bytesToFetch()) {
            throw new HubException("the disk of " + settings.cache().folder() + " has " + (free >> 20)
                    + " MiB free, and " + model + " takes " + ((plan.bytesToFetch() >> 20) + 1)
                    + " MiB more; free some, or choose a folder on another disk with --cache or HF_HUB_CACHE");
        }
    }

    private void fetchAll(HubClient hub, PullPlan plan) throws IOException {
        var threads = Executors.newFixedThreadPool(
                FILES_AT_ONCE,
                Thread.ofPlatform().name("awq4j-pull-", 1).daemon().factory());
        try {
            var results = new ExecutorCompletionService<RemoteFile>(threads);
            List<Future<RemoteFile>> all = new ArrayList<>();
            for (RemoteFile file : plan.missing()) {
                Path blob = settings.cache().blob(model, file);
                all.add(results.submit(() -> {
                    new BlobDownload(hub, plan.commit(), file, blob, new Stoppable()).run();
                    return file;
                }));
            }
            for (int i = 0; i < all.size(); i++) {
                RemoteFile done = results.take().get();
                link(plan, done);
                watch.finished(done);
            }
        } catch (ExecutionException e) {
            throw rethrown(e);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new CancellationException("interrupted");
        } finally {
            stop.set(true);
            threads.shutdownNow();
            awaitEnd(threads);
        }
    }

    /** Nothing is written any more when this returns; interrupted threads end at once. */
    private static void awaitEnd(ExecutorService threads) {
        try {
            boolean ended = threads.awaitTermination(5, TimeUnit.SECONDS);
            assert ended : "a download does not end";
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static IOException rethrown(ExecutionException failure) throws IOException {
        return switch (failure.getCause()) {
            case IOException e -> e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            case null, default -> new IOException(failure);
        };
    }

    /** The files of one content appear, the configuration only when all are there. */
    private void link(PullPlan plan, RemoteFile content) throws IOException {
        for (RemoteFile file : plan.files()) {
            if (file.hash().equals(content.hash()) && !file.path().equals(CONFIG)) {
                place(plan, file);
            }
        }
    }

    private void linkAll(PullPlan plan) throws IOException {
        for (RemoteFile file : plan.files()) {
            if (!file.path().equals(CONFIG)) {
                place(plan, file);
            }
        }
        for (RemoteFile file : plan.files()) {
            if (file.path().equals(CONFIG)) {
                place(plan, file);
            }
        }
    }

    private void place(PullPlan plan, RemoteFile file) throws IOException {
        HubCache.forgetAbsence(plan.snapshot(), file.path());
        Path target = target(plan.snapshot(), file);
        if (whole(target, file)) {
            return;
        }
        Path blob = settings.cache().blob(model, file);
        Path parent = Objects.requireNonNull(target.getParent(), "a file lies in a folder");
        Files.createDirectories(parent);
        if (Files.exists(target, LinkOption.NOFOLLOW_LINKS)) {
            Files.delete(target); // a link to nowhere, or a file of another size
        }
        if ((settings.links() && linked(target, parent.relativize(blob))) || hardLinked(target, blob)) {
            return;
        }
        boolean last = plan.files().stream()
                .noneMatch(other -> other.hash().equals(file.hash())
                        && !other.equals(file)
                        && !Files.exists(target(plan.snapshot(), other)));
        if (last) {
            Files.move(blob, target, StandardCopyOption.ATOMIC_MOVE); // as Python does: no disk is needed twice
        } else {
            copy(blob, target);
        }
    }

    /** Relative, so that the cache can be moved; false where links cannot be made. */
    private static boolean linked(Path target, Path relative) throws IOException {
        try {
            Files.createSymbolicLink(target, relative);
            return true;
        } catch (FileAlreadyExistsException e) {
            throw e;
        } catch (UnsupportedOperationException | FileSystemException e) {
            return false; // Windows without the privilege, and file systems without links
        }
    }

    private static boolean hardLinked(Path target, Path blob) throws IOException {
        try {
            Files.createLink(target, blob.toRealPath());
            return true;
        } catch (FileAlreadyExistsException e) {
            throw e;
        } catch (UnsupportedOperationException | FileSystemException e) {
            return false;
        }
    }

    /** Whole or not at all. */
    private static void copy(Path blob, Path target) throws IOException {
        Path draft = target.resolveSibling("." + target.getFileName() + ".tmp");
        try {
            Files.copy(blob, draft, StandardCopyOption.REPLACE_EXISTING);
            Files.move(draft, target, StandardCopyOption.ATOMIC_MOVE);
        } finally {
            Files.deleteIfExists(draft);
        }
    }

    /** The user's watch, which also ends the other files when one has failed. */
    private final class Stoppable implements PullWatch {
        @Override
        public void planned(PullPlan plan) {
            watch.planned(plan);
        }

        @Override
        public void fetched(long bytes) {
            watch.fetched(bytes);
        }

        @Override
        public void finished(RemoteFile file) {
            watch.finished(file);
        }

        @Override
        public void waiting(Duration time, String reason) {
            watch.waiting(time, reason);
        }

        @Override
        public void check() {
            if (stop.get()) {
                throw new CancellationException("another file has failed");
            }
            watch.check();
        }
    }
}
