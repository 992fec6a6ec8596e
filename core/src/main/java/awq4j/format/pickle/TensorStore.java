package awq4j.format.pickle;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.pickle.PickleValue.TensorView;
import awq4j.format.pickle.ZipDirectory.Entry;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Makes tensors of views: the mapped bytes where they follow each other, else a copy in order. */
final class TensorStore {
    private final Path file;
    private final MemorySegment all;
    private final Map<String, Entry> places;

    /** @param places of the storages, by key; each at least as large as its storage */
    TensorStore(Path file, MemorySegment all, Map<String, Entry> places) {
        this.file = file;
        this.all = all;
        this.places = Map.copyOf(places);
    }

    /** @param name for messages */
    Tensor tensor(String name, TensorView view) {
        DType dtype = view.dtype()
                .orElseThrow(() -> new UnsupportedModelException(file.getFileName() + ": tensor " + name
                        + " has element type " + view.dtypeName() + "; supported: "
                        + Stream.of(DType.values()).map(Enum::name).collect(Collectors.joining(", "))));
        long size = view.sizeBytes();
        if (size == 0) {
            return new Tensor(dtype, view.shape(), MemorySegment.ofArray(new byte[0]));
        }
        Entry place = places.get(view.storage().key());
        if (place == null) {
            throw new MalformedFileException(
                    file, -1, "has no storage " + view.storage().key());
        }
        MemorySegment storage = all.asSlice(place.offset(), place.bytes());
        long begin = view.offset() * view.elementBytes();
        if (view.contiguous()) {
            return new Tensor(dtype, view.shape(), storage.asSlice(begin, size));
        }
        // an expanded view shows the same elements again and again: a few bytes could ask for all memory
        if (size > all.byteSize() || size > Integer.MAX_VALUE - 8) {
            throw new UnsupportedModelException(file.getFileName() + ": tensor " + name + " " + view.shape()
                    + " has strides " + view.strides() + " and would take " + size
                    + " bytes in order, more than its file"
                    + " or an array has; save it with contiguous()");
        }
        byte[] ordered = new byte[(int) size];
        new Gather(storage, begin, view, MemorySegment.ofArray(ordered)).copy();
        return new Tensor(dtype, view.shape(), MemorySegment.ofArray(ordered));
    }

    /** Copies a view's elements, one row of the innermost extent after the other. */
    private static final class Gather {
        private final MemorySegment from;
        private final long begin;
        private final int width;
        private final long[] extents;
        private final long[] strides;
        private final MemorySegment to;

        Gather(MemorySegment from, long begin, TensorView view, MemorySegment to) {
            this.from = from;
            this.begin = begin;
            this.width = view.elementBytes();
            Shape shape = view.shape();
            List<Long> steps = view.strides();
            this.extents = shape.dims().stream().mapToLong(Long::longValue).toArray();
            this.strides =
                    steps.stream().mapToLong(step -> step * view.elementBytes()).toArray();
            this.to = to;
        }

        /** A view of rank 0 is contiguous, so there is an innermost extent. */
        void copy() {
            int inner = extents.length - 1;
            long[] index = new long[extents.length];
            long row = begin;
            long at = 0;
            while (true) {
                for (long i = 0; i < extents[inner]; i++) {
                    MemorySegment.copy(from, row + i * strides[inner], to, at, width);
                    at += width;
                }
                int axis = inner - 1;
                while (axis >= 0 && ++index[axis] == extents[axis]) {
                    row -= (extents[axis] - 1) * strides[axis];
                    index[axis] = 0;
                    axis--;
                }
                if (axis < 0) {
                    return;
                }
                row += strides[axis];
            }
        }
    }
}
