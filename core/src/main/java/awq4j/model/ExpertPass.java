package awq4j.model;

import awq4j.kernel.Buffer;
import awq4j.kernel.Kernels;

/** Runs a mixture of experts: every expert once, on all tokens of the batch that were sent to it. */
final class ExpertPass {
    private ExpertPass() {}

    /**
     * Runs it.
     *
     * @param block that the linears belong to
     * @param work prepared for this batch
     * @param x [tokens, hidden]
     * @param out [tokens, hidden], not x
     */
    static void run(Block block, Mlp.Experts mlp, Workspace work, Buffer x, Buffer out, Taps taps) {
        ExpertRoom room = work.experts(mlp);
        Kernels kernels = block.kernels();
        int tokens = x.rows();
        block.apply(mlp.router(), x, room.scores(tokens), work, taps);
        Routing routing = room.route(tokens, mlp.renormalized());
        kernels.clear(out);
        for (int e = 0; e < mlp.experts().size(); e++) {
            int from = routing.start(e);
            int count = routing.end(e) - from;
            if (taps.everyExpert()) {
                ExpertRoom.Rows rows = room.rows(tokens);
                gated(block, mlp.experts().get(e), x, rows, work, taps);
                Buffer own = room.rows(count).in();
                kernels.gather(rows.out(), routing.rows(), from, own);
                kernels.scatter(own, routing.rows(), routing.weights(), from, out);
            } else if (count > 0) {
                if (!taps.equals(Taps.NONE)) {
                    taps.routed(block.spec().index(), e, routing.rows(), from, from + count);
                }
                ExpertRoom.Rows rows = room.rows(count);
                Buffer in = x;
                if (count < tokens) {
                    in = rows.in();
                    kernels.gather(x, routing.rows(), from, in);
                }
                gated(block, mlp.experts().get(e), in, rows, work, taps);
                kernels.scatter(rows.out(), routing.rows(), routing.weights(), from, out);
            }
        }
        Mlp.Shared shared = mlp.shared();
        if (shared != null) {
            shared(block, shared, work, room, x, out, taps);
        }
    }

    private static void shared(
            Block block, Mlp.Shared shared, Workspace work, ExpertRoom room, Buffer x, Buffer out, Taps taps) {
        int tokens = x.rows();
        ExpertRoom.Rows rows = room.shared(tokens);
        gated(block, shared.mlp(), x, rows, work, taps);
        Linear gate = shared.gate();
        if (gate == null) {
            block.kernels().add(rows.out(), out);
        } else {
            block.apply(gate, x, room.sharedScore(tokens), work, taps);
            block.kernels().scatter(rows.out(), room.everyRow(), room.sharedWeights(tokens), 0, out);
        }
    }

    private static void gated(Block block, Mlp.Gated mlp, Buffer x, ExpertRoom.Rows rows, Workspace work, Taps taps) {
        block.apply(mlp.gate(), x, rows.wide(), work, taps);
        block.apply(mlp.up(), x, rows.wideUp(), work, taps);
        block.kernels().gate(mlp.activation(), rows.wide(), rows.wideUp());
        block.apply(mlp.down(), rows.wide(), rows.out(), work, taps);
    }
}
