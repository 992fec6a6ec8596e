package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.Kernels;
import awq4j.kernel.KvBuffer;
import java.util.HashMap;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/** One decoder layer on a device: runs whole for inference, in parts for the search of scales. */
public final class Block {
    private final Backend backend;
    private final BlockSpec spec;
    private final Map<String, PlacedLinear> linears;
    private final Map<Norm, PlacedNorm> norms;

    /** One over what activations are divided by, null if by nothing. */
    private final @Nullable Buffer activationScale;

    private Block(
            Backend backend,
            BlockSpec spec,
            Map<String, PlacedLinear> linears,
            Map<Norm, PlacedNorm> norms,
            @Nullable Buffer activationScale) {
        this.backend = backend;
        this.spec = spec;
        this.linears = linears;
        this.norms = norms;
        this.activationScale = activationScale;
    }

    /** Takes a block in. */
    public static Block place(Backend backend, BlockSpec spec, Parameters parameters) {
        var linears = new HashMap<String, PlacedLinear>();
        for (Linear linear : spec.linears()) {
            linears.put(linear.name(), PlacedLinear.place(backend, linear, parameters));
        }
        return new Block(
                backend,
                spec,
                linears,
                norms(backend, spec, parameters),
                activationScale(backend, spec.mlp(), parameters));
    }

    private static Map<Norm, PlacedNorm> norms(Backend backend, BlockSpec spec, Parameters parameters) {
        var norms = new HashMap<Norm, PlacedNorm>();
        for (Norm norm : spec.norms()) {
            norms.put(norm, PlacedNorm.place(backend, norm, parameters));
        }
        return norms;
    }

    private static @Nullable Buffer activationScale(Backend backend, Mlp mlp, Parameters parameters) {
        if (!(mlp instanceof Mlp.Plain plain) || plain.scales() == null) {
            return null;
        }
        float[] scales = parameters
                .optional(plain.scales(), plain.output().columns())
                .map(float[]::clone)
                .orElse(null);
        if (scales == null) {
            return null;
        }
        for (int i = 0; i < scales.length; i++) {
            scales[i] = 1 / scales[i];
        }
        return PlacedLinear.vector(backend, scales);
    }

    /** This block with some linears replaced, by name. */
    public Block with(Map<String, PlacedLinear> replaced) {
        var all = new HashMap<>(linears);
        all.putAll(replaced);
        return new Block(backend, spec, all, norms, activationScale);
    }

    /** This block with all norms, and the linears that changed, placed anew. */
    Block renewed(Predicate<Linear> changed, Parameters parameters) {
        var all = new HashMap<>(linears);
        spec.linears().stream()
                .filter(changed)
                .forEach(linear -> all.put(linear.name(), PlacedLinear.place(backend, linear, parameters)));
        return new Block(
                backend, spec, all, norms(backend, spec, parameters), activationScale(backend, spec.mlp(), parameters));
    }

    /** The declaration. */
    public BlockSpec spec() {
        return spec;
    }

    /** Bytes that the linears take on the device. */
    public long sizeBytes() {
        return linears.values().stream().mapToLong(PlacedLinear::sizeBytes).sum();
    }

    /** Bytes of the linears that one token's pass reads: of experts, those it goes to. */
    long bytesPerToken() {
        long bytes = sizeBytes();
        if (spec.mlp() instanceof Mlp.Experts experts) {
            long all = 0;
            for (Mlp.Gated expert : experts.experts()) {
                for (Linear linear : expert.linears()) {
                    all += placed(linear).sizeBytes();
                }
            }
            bytes -= all - all * experts.chosen() / experts.experts().size();
        }
        return bytes;
    }

    /**
     * The whole layer, in place.
     *
     * @param work prepared for this batch
     * @param caches this layer's keys and values, by sequence
     * @param h [tokens, hidden]
     */
    public void forward(Workspace work, StepBatch batch, KvBuffer[] caches, Buffer h, Taps taps) {
        Buffer normed = work.rows(batch.rows()).normed();
        Buffer added = work.rows(batch.rows()).added();
        switch (spec.residual()) {
            case Residual.Sequential own -> {
                norm(own.attention(), h, normed);
                attention(work, batch, caches, normed, added, taps);
                scale(own.factor(), added);
                add(".attention", added, h, taps);
                norm(own.mlp(), h, normed);
                mlp(work, normed, added, taps);
                scale(own.factor(), added);
                add(".mlp", added, h, taps);
            }
            case Residual.Parallel own -> {
                norm(own.attention(), h, normed);
                attention(work, batch, caches, normed, added, taps);
                if (!own.shared()) {
                    norm(own.mlp(), h, normed); // before h changes
                }
                add(".attention", added, h, taps);
                mlp(work, normed, added, taps);
                add(".mlp", added, h, taps);
            }
            case Residual.PostNorm own -> {
                attention(work, batch, caches, h, added, taps);
                add(".attention", added, h, taps);
                norm(own.attention(), h, h);
                mlp(work, h, added, taps);
                add(".mlp", added, h, taps);
                norm(own.mlp(), h, h);
            }
            case Residual.Sandwich own -> {
                norm(own.attention(), h, normed);
                attention(work, batch, caches, normed, added, taps);
                norm(own.afterAttention(), added, added);
                add(".attention", added, h, taps);
                norm(own.mlp(), h, normed);
                mlp(work, normed, added, taps);
                norm(own.afterMlp(), added, added);
                add(".mlp", added, h, taps);
            }
            case Residual.OutputNorm own -> {
                attention(work, batch, caches, h, added, taps);
                norm(own.attention(), added, added);
                add(".attention", added, h, taps);
                mlp(work, h, added, taps);
                norm(own.mlp(), added, added);
                add(".mlp", added, h, taps);
            }
        }
        tap(taps, ".output", h);
    }

    private void norm(Norm norm, Buffer x, Buffer out) {
        PlacedNorm placed = norms.get(norm);
        if (placed == null) {
            throw new IllegalStateException("block " + spec.index() + " has no norm " + norm.name());
        }
        placed.apply(backend, x, out);
    }

    private void scale(float factor, Buffer x) {
        if (factor != 1) {
            backend.kernels().scale(factor, x);
        }
    }

    private void add(String point, Buffer added, Buffer h, Taps taps) {
        tap(taps, point, added);
        backend.kernels().add(added, h);
    }

    private void tap(Taps taps, String point, Buffer value) {
        if (!taps.equals(Taps.NONE)) { // names cost more than many an operation
            taps.at("layer." + spec.index() + point, value);
        }
    }

    /**
     * The attention module.
     *
     * @param x normed input, [tokens, hidden]
     * @param out [tokens, hidden], not x
     */
    public void attention(Workspace work, StepBatch batch, KvBuffer[] caches, Buffer x, Buffer out, Taps taps) {
        AttentionSpec attention = spec.attention();
        Kernels kernels = backend.kernels();
        Workspace.Rows rows = work.rows(batch.rows());
        Buffer q = rows.query();
        Buffer k = rows.key();
        Buffer v = rows.value();
        apply(attention.query(), x, q, work, taps);
        apply(attention.key(), x, k, work, taps);
        apply(attention.value(), x, v, work, taps);
        if (attention.clip() != 0) {
            kernels.clamp(attention.clip(), q);
            kernels.clamp(attention.clip(), k);
            kernels.clamp(attention.clip(), v);
        }
        if (attention.queryNorm() != null && attention.keyNorm() != null) {
            norm(attention.queryNorm(), q, q);
            norm(attention.keyNorm(), k, k);
        }
        Workspace.Tables tables = work.tables(spec, rows);
        if (tables != null) {
            rotate(attention, q, tables);
            rotate(attention, k, tables);
        }
        kernels.store(k, v, batch.positions(), batch.sequences(), caches);
        kernels.attend(q, attention.shape(), batch.positions(), batch.sequences(), caches, rows.attended());
        apply(attention.output(), rows.attended(), out, work, taps);
    }

    private void rotate(AttentionSpec attention, Buffer x, Workspace.Tables tables) {
        int headDim = attention.shape().headDim();
        if (attention.rotary() != null && attention.rotary().neighbours()) {
            backend.kernels().rotateNeighbours(x, headDim, tables.cos(), tables.sin());
        } else {
            backend.kernels().rotate(x, headDim, tables.cos(), tables.sin());
        }
    }

    /**
     * The MLP.
     *
     * @param x normed input, [tokens, hidden]
     * @param out [tokens, hidden], not x
     */
    public void mlp(Workspace work, Buffer x, Buffer out, Taps taps) {
        Workspace.Rows rows = work.rows(x.rows());
        switch (spec.mlp()) {
            case Mlp.Gated gated -> {
                Buffer gate = rows.wide();
                Buffer up = rows.wideUp();
                apply(gated.gate(), x, gate, work, taps);
                apply(gated.up(), x, up, work, taps);
                backend.kernels().gate(gated.activation(), gate, up);
                apply(gated.down(), gate, out, work, taps);
            }
            case Mlp.Plain plain -> {
                Buffer wide = rows.wide();
                apply(plain.input(), x, wide, work, taps);
                backend.kernels().activate(plain.activation(), wide);
                if (activationScale != null) {
                    backend.kernels().multiply(activationScale, wide);
                }
                apply(plain.output(), wide, out, work, taps);
            }
            case Mlp.Experts experts -> ExpertPass.run(this, experts, work, x, out, taps);
        }
    }

    Kernels kernels() {
        return backend.kernels();
    }

    /**
     * What a parallel block adds to the residual if attention and MLP have the same input.
     *
     * @param x normed input, [tokens, hidden]
     * @param out [tokens, hidden], not x
     */
    public void branches(Workspace work, StepBatch batch, KvBuffer[] caches, Buffer x, Buffer out, Taps taps) {
        Buffer added = work.rows(batch.rows()).added();
        attention(work, batch, caches, x, added, taps);
        mlp(work, x, out, taps);
        backend.kernels().add(added, out);
    }

    /** Runs one of its linears. */
    void apply(Linear linear, Buffer x, Buffer out, Workspace work, Taps taps) {
        if (!taps.equals(Taps.NONE)) {
            taps.at(linear.name() + ".input", x);
        }
        placed(linear).apply(backend, work.side(), x, out);
    }

    private PlacedLinear placed(Linear linear) {
        PlacedLinear placed = linears.get(linear.name());
        if (placed == null) {
            throw new IllegalStateException("block " + spec.index() + " has no linear " + linear.name());
        }
        return placed;
    }
}
