package awq4j.model;

import awq4j.cache.SequenceCache;
import awq4j.format.Checkpoint;
import awq4j.format.packed.PackedFile;
import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.KvBuffer;
import awq4j.kernel.KvBuffer.KvPrecision;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * A decoder language model on a device: the only forward pass there is.
 *
 * <p>Serves one caller at a time. The checkpoint must stay open as long as the model is used: dense weights are read
 * where they are mapped.
 */
public final class Transformer {
    /** Tokens a chunk has unless the caller says otherwise: enough to use the cores well, small in memory. */
    public static final int DEFAULT_CHUNK = 512;

    private final Backend backend;
    private final ModelSpec spec;
    private final PlacedEmbedding embedding;
    private final List<Block> blocks;
    private final PlacedHead head;
    private final Workspace work;
    private final Buffer hidden;
    private Taps watcher = Taps.NONE;
    private int revision;
    private @Nullable Buffer gathered;
    private @Nullable Buffer logits;

    private Transformer(
            Backend backend,
            ModelSpec spec,
            PlacedEmbedding embedding,
            List<Block> blocks,
            PlacedHead head,
            int chunk) {
        this.backend = backend;
        this.spec = spec;
        this.embedding = embedding;
        this.blocks = new ArrayList<>(blocks);
        this.head = head;
        this.work = new Workspace(backend, spec, spec.blocks(), chunk);
        this.hidden = backend.allocate(chunk, spec.hidden());
    }

    /**
     * Takes a model in.
     *
     * @param chunk most tokens a batch may have
     * @throws awq4j.format.MalformedFileException if tensors and configuration disagree
     */
    public static Transformer open(Backend backend, ModelSpec spec, Checkpoint checkpoint, int chunk) {
        return open(backend, spec, checkpoint, Optional.empty(), chunk);
    }

    /**
     * The same with matrices that were packed earlier.
     *
     * @param packed as {@link PackedModel#beside} gives it; stays open as long as the model is used
     */
    public static Transformer open(
            Backend backend, ModelSpec spec, Checkpoint checkpoint, Optional<PackedFile> packed, int chunk) {
        return open(backend, spec, checkpoint, Parameters.of(checkpoint, packed), chunk);
    }

    /**
     * The same with other numbers than the checkpoint's, of the same shapes.
     *
     * @param checkpoint says how the model is stored
     * @param parameters where all numbers come from but those of learned positions
     */
    public static Transformer open(
            Backend backend, ModelSpec spec, Checkpoint checkpoint, Parameters parameters, int chunk) {
        if (chunk < 1) {
            throw new IllegalArgumentException("chunk must be positive, was " + chunk);
        }
        PlacedEmbedding embedding = PlacedEmbedding.place(backend, spec, checkpoint, parameters, chunk);
        var blocks = new ArrayList<Block>(spec.blocks().size());
        for (BlockSpec block : spec.blocks()) {
            blocks.add(Block.place(backend, block, parameters));
        }
        return new Transformer(
                backend,
                spec,
                embedding,
                blocks,
                PlacedHead.place(backend, spec, checkpoint, parameters, embedding.table()),
                chunk);
    }

    /** The declaration. */
    public ModelSpec spec() {
        return spec;
    }

    /** The device. */
    public Backend backend() {
        return backend;
    }

    /** Most tokens a batch may have. */
    public int chunk() {
        return work.maxRows();
    }

    /** Bytes of weights that one token's pass reads: all linears (of experts, those a token goes to) and the head. */
    public long bytesPerToken() {
        return blocks.stream().mapToLong(Block::bytesPerToken).sum() + head.sizeBytes();
    }

    /** Positions a sequence can have: the context, or the learned positions if those are fewer. */
    public int maxPositions() {
        return Math.min(spec.contextLength(), embedding.maxPositions());
    }

    /** Has all passes that nobody else looks at looked at from now on; {@link Taps#NONE} ends it. */
    public void watch(Taps taps) {
        watcher = taps;
    }

    /**
     * Takes other numbers in for a block, between passes. Keys and values that were stored before may not fit what they
     * meet then, even if the block computes the same as before: values are stored as scaled as they were made.
     *
     * @param changed which linears are read anew; all norms are
     * @param parameters the block's numbers, of the same shapes
     */
    public void renew(BlockSpec block, Predicate<Linear> changed, Parameters parameters) {
        blocks.set(block.index(), blocks.get(block.index()).renewed(changed, parameters));
        revision++;
    }

    /** How often numbers were replaced: stored keys and values fit those of the same revision. */
    public int revision() {
        return revision;
    }

    /** An empty cache for one sequence of this model. */
    public SequenceCache newSequence(KvPrecision precision, int limit) {
        var shapes = spec.blocks().stream()
                .map(block -> new SequenceCache.Shape(
                        block.attention().shape().kvHeads(),
                        block.attention().shape().headDim()))
                .toList();
        return new SequenceCache(backend, shapes, precision, limit);
    }

    /**
     * Runs tokens and stores their keys and values.
     *
     * @param caches of the batch's sequences, by number; they grow to hold the batch's positions
     * @return logits [batch.logitRows, vocabulary], valid until the next call; a buffer of no rows is null
     * @throws IllegalArgumentException if the batch is larger than {@link #chunk}, a token is outside the vocabulary,
     *     or a position is beyond {@link #maxPositions} or the cache's limit
     */
    public @Nullable Buffer forward(StepBatch batch, List<SequenceCache> caches, Taps taps) {
        return run(batch, caches, taps.equals(Taps.NONE) ? watcher : taps);
    }

    private @Nullable Buffer run(StepBatch batch, List<SequenceCache> caches, Taps taps) {
        int n = batch.rows();
        check(batch, caches.size());
        int[] lengths = new int[caches.size()];
        int[] reached = new int[caches.size()];
        for (int i = 0; i < n; i++) {
            int sequence = batch.sequences()[i];
            reached[sequence] = Math.max(reached[sequence], batch.positions()[i] + 1);
        }
        for (int s = 0; s < lengths.length; s++) {
            if (reached[s] > 0) {
                caches.get(s).reserve(reached[s]);
            }
            lengths[s] = caches.get(s).expected();
        }
        work.prepare(batch, lengths);
        Buffer h = hidden.view(n);
        embedding.apply(batch.tokens(), batch.positions(), h);
        taps.at("embedding", h);
        var layerCaches = new KvBuffer[caches.size()];
        for (int layer = 0; layer < blocks.size(); layer++) {
            for (int s = 0; s < layerCaches.length; s++) {
                layerCaches[s] = caches.get(s).layer(layer);
            }
            blocks.get(layer).forward(work, batch, layerCaches, h, taps);
        }
        return head(batch, h, taps);
    }

    private @Nullable Buffer head(StepBatch batch, Buffer h, Taps taps) {
        int wanted = batch.logitRows().length;
        if (!taps.equals(Taps.NONE)) {
            Buffer normed = h;
            PlacedNorm norm = head.norm();
            if (norm != null) {
                normed = work.rows(batch.rows()).normed();
                norm.apply(backend, h, normed);
            }
            taps.at("norm", normed);
        }
        if (wanted == 0) {
            return null;
        }
        if (gathered == null || logits == null || logits.rows() < wanted) {
            gathered = backend.allocate(wanted, spec.hidden());
            logits = backend.allocate(wanted, spec.vocabulary());
        }
        Buffer rows = gathered.view(wanted);
        backend.kernels().gather(h, batch.logitRows(), rows);
        Buffer out = logits.view(wanted);
        head.apply(rows, out, taps);
        return out;
    }

    private void check(StepBatch batch, int sequences) {
        if (batch.rows() > chunk()) {
            throw new IllegalArgumentException("batch: " + batch.rows() + " tokens, a chunk holds " + chunk());
        }
        for (int i = 0; i < batch.rows(); i++) {
            int token = batch.tokens()[i];
            if (token < 0 || token >= spec.vocabulary()) {
                throw new IllegalArgumentException(
                        "token " + token + " is outside the vocabulary of " + spec.vocabulary());
            }
            if (batch.positions()[i] < 0 || batch.positions()[i] >= embedding.maxPositions()) {
                throw new IllegalArgumentException(
                        "position " + batch.positions()[i] + " is outside the context of " + maxPositions());
            }
            if (batch.sequences()[i] < 0 || batch.sequences()[i] >= sequences) {
                throw new IllegalArgumentException(
                        "sequence " + batch.sequences()[i] + " has no cache; there are " + sequences);
            }
        }
        for (int row : batch.logitRows()) {
            if (row < 0 || row >= batch.rows()) {
                throw new IllegalArgumentException("logits of row " + row + ": the batch has " + batch.rows());
            }
        }
    }
}
