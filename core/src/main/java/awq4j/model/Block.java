package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.Kernels;
import awq4j.kernel.KvBuffer;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** One decoder layer on a device: runs whole for inference, in parts for the search of scales. */
public final class Block {
    private final Backend backend;
    private final BlockSpec spec;
    private final Map<String, PlacedLinear> linears;
    private final PlacedNorm attentionNorm;
    private final PlacedNorm mlpNorm;
    private final @Nullable PlacedNorm queryNorm;
    private final @Nullable PlacedNorm keyNorm;

    private Block(
            Backend backend,
            BlockSpec spec,
            Map<String, PlacedLinear> linears,
            PlacedNorm attentionNorm,
            PlacedNorm mlpNorm,
            @Nullable PlacedNorm queryNorm,
            @Nullable PlacedNorm keyNorm) {
        this.backend = backend;
        this.spec = spec;
        this.linears = linears;
        this.attentionNorm = attentionNorm;
        this.mlpNorm = mlpNorm;
        this.queryNorm = queryNorm;
        this.keyNorm = keyNorm;
    }

    /** Takes a block in. */
    public static Block place(Backend backend, BlockSpec spec, int hidden, Parameters parameters) {
        var linears = new HashMap<String, PlacedLinear>();
        for (Linear linear : spec.linears()) {
            linears.put(linear.name(), PlacedLinear.place(backend, linear, parameters));
        }
        int headDim = spec.attention().shape().headDim();
        Norm query = spec.attention().queryNorm();
        Norm key = spec.attention().keyNorm();
        return new Block(
                backend,
                spec,
                linears,
                PlacedNorm.place(backend, spec.attentionNorm(), hidden, parameters),
                PlacedNorm.place(backend, spec.mlpNorm(), hidden, parameters),
                query == null ? null : PlacedNorm.place(backend, query, headDim, parameters),
                key == null ? null : PlacedNorm.place(backend, key, headDim, parameters));
    }

    /** This block with some linears replaced, by name. */
    public Block with(Map<String, PlacedLinear> replaced) {
        var all = new HashMap<>(linears);
        all.putAll(replaced);
        return new Block(backend, spec, all, attentionNorm, mlpNorm, queryNorm, keyNorm);
    }

    /** The declaration. */
    public BlockSpec spec() {
        return spec;
    }

    /** Bytes that the linears take on the device. */
    public long sizeBytes() {
        return linears.values().stream()
                .mapToLong(linear -> linear.weight().sizeBytes())
                .sum();
    }

    /**
     * {@code h = h + attention(norm(h)); h = h + mlp(norm(h))}, in place.
     *
     * @param work prepared for this batch
     * @param caches this layer's keys and values, by sequence
     * @param h [tokens, hidden]
     */
    public void forward(Workspace work, StepBatch batch, KvBuffer[] caches, Buffer h, Taps taps) {
        Buffer normed = work.rows(batch.rows()).normed();
        Buffer added = work.rows(batch.rows()).added();
        attentionNorm.apply(backend, h, normed);
        attention(work, batch, caches, normed, added, taps);
        tap(taps, ".attention", added);
        backend.kernels().add(added, h);
        mlpNorm.apply(backend, h, normed);
        mlp(work, normed, added, taps);
        tap(taps, ".mlp", added);
        backend.kernels().add(added, h);
        tap(taps, ".output", h);
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
        apply(attention.query(), x, q, taps);
        apply(attention.key(), x, k, taps);
        apply(attention.value(), x, v, taps);
        if (queryNorm != null && keyNorm != null) {
            queryNorm.apply(backend, q, q);
            keyNorm.apply(backend, k, k);
        }
        if (rows.cos() != null && rows.sin() != null) {
            int headDim = attention.shape().headDim();
            kernels.rotate(q, headDim, rows.cos(), rows.sin());
            kernels.rotate(k, headDim, rows.cos(), rows.sin());
        }
        kernels.store(k, v, batch.positions(), batch.sequences(), caches);
        kernels.attend(q, attention.shape(), batch.positions(), batch.sequences(), caches, rows.attended());
        apply(attention.output(), rows.attended(), out, taps);
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
                apply(gated.gate(), x, gate, taps);
                apply(gated.up(), x, up, taps);
                backend.kernels().gate(gated.activation(), gate, up);
                apply(gated.down(), gate, out, taps);
            }
            case Mlp.Plain plain -> {
                Buffer wide = rows.wide();
                apply(plain.input(), x, wide, taps);
                backend.kernels().activate(plain.activation(), wide);
                apply(plain.output(), wide, out, taps);
            }
        }
    }

    private void apply(Linear linear, Buffer x, Buffer out, Taps taps) {
        if (!taps.equals(Taps.NONE)) {
            taps.at(linear.name() + ".input", x);
        }
        PlacedLinear placed = linears.get(linear.name());
        if (placed == null) {
            throw new IllegalStateException("block " + spec.index() + " has no linear " + linear.name());
        }
        placed.apply(backend, x, out);
    }
}
