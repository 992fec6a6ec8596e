package awq4j.model;

import awq4j.kernel.Backend;
import awq4j.kernel.Buffer;
import awq4j.kernel.PlacedWeight;
import awq4j.weight.LowRank;

/**
 * A {@link LowRank} on a device.
 *
 * @param down [rank, columns]
 * @param up [rows, rank]
 */
public record PlacedLowRank(PlacedWeight down, PlacedWeight up) {
    /** Takes both matrices in. */
    public static PlacedLowRank place(Backend backend, LowRank correction) {
        return new PlacedLowRank(backend.place(correction.down()), backend.place(correction.up()));
    }

    /** Bytes that a pass over both reads. */
    public long sizeBytes() {
        return down.sizeBytes() + up.sizeBytes();
    }

    /** {@code out = out + (x down^T) up^T}. */
    void add(Backend backend, SideRoom room, Buffer x, Buffer out) {
        Buffer narrow = room.narrow(x.rows(), down.rows());
        Buffer wide = room.wide(x.rows(), up.rows());
        backend.kernels().linear(down, null, x, narrow);
        backend.kernels().linear(up, null, narrow, wide);
        backend.kernels().add(wide, out);
    }
}
