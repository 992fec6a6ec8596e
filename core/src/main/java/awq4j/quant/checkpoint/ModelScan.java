package awq4j.quant.checkpoint;

import awq4j.format.Checkpoint;
import awq4j.format.MalformedFileException;
import awq4j.format.Sha256;
import awq4j.format.UnsupportedModelException;
import awq4j.model.BlockSpec;
import awq4j.model.LearnedPositions;
import awq4j.model.Mlp;
import awq4j.model.ModelSpec;
import awq4j.model.Norm;
import awq4j.model.StoredMatrix;
import awq4j.tensor.Tensor;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;

/**
 * One pass over a model before anything is done with it: what it is (a hash of configuration and tensors, by which runs
 * and recipes recognize their model) and whether its numbers can be worked with.
 *
 * @param sha256 of config.json and of all tensors with names, types and shapes; the same for a copy or other shards
 * @param sizeBytes of all tensors
 */
record ModelScan(String sha256, long sizeBytes) {
    /** Values from here on round to infinity in float16. */
    private static final float FLOAT16_LIMIT = 65520;

    private static final int PIECE = 1 << 16;

    /** Told about bytes read, from several threads. */
    @FunctionalInterface
    interface Reading {
        void at(long done, long total);
    }

    /**
     * Reads all tensors once, several at a time.
     *
     * @throws MalformedFileException if a number that the model needs is NaN or infinite
     * @throws UnsupportedModelException if one that stays unquantized is beyond float16; both name tensor and place
     */
    static ModelScan of(Checkpoint checkpoint, ModelSpec model, Reading reading, BooleanSupplier stop) {
        Map<String, Need> needs = needs(model);
        List<String> names = checkpoint.names().stream().sorted().toList();
        long total = names.stream()
                .mapToLong(name -> checkpoint.tensor(name).data().byteSize())
                .sum();
        var done = new AtomicLong();
        byte[][] digests = new byte[names.size()][];
        IntStream.range(0, names.size()).parallel().forEach(i -> {
            if (stop.getAsBoolean()) {
                throw new java.util.concurrent.CancellationException("interrupted");
            }
            String name = names.get(i);
            Tensor tensor = checkpoint.tensor(name);
            digests[i] = digest(tensor.data());
            Need need = needs.get(name);
            if (need != null && tensor.dtype().isFloat()) {
                check(checkpoint, name, tensor, need);
            }
            reading.at(done.addAndGet(tensor.data().byteSize()), total);
        });
        MessageDigest sha = Sha256.begin();
        sha.update(config(checkpoint));
        for (int i = 0; i < digests.length; i++) {
            Tensor tensor = checkpoint.tensor(names.get(i));
            sha.update((names.get(i) + " " + tensor.dtype() + " " + tensor.shape() + "\n")
                    .getBytes(StandardCharsets.UTF_8));
            sha.update(digests[i]);
        }
        return new ModelScan(HexFormat.of().formatHex(sha.digest()), total);
    }

    /**
     * A tensor of the model.
     *
     * @param where the block it belongs to, for messages; empty if to none
     * @param limit its numbers must be smaller than this
     */
    private record Need(String where, float limit) {}

    private static Map<String, Need> needs(ModelSpec model) {
        var needs = new HashMap<String, Need>();
        var outer = new Need("", FLOAT16_LIMIT);
        for (StoredMatrix matrix : StoredMatrix.of(model.outerLinears())) {
            needs.put(matrix.name() + ".weight", outer);
            needs.put(matrix.name() + ".bias", outer);
        }
        LearnedPositions positions = model.embedding().positions();
        if (positions != null) {
            needs.put(positions.name() + ".weight", outer);
        }
        model.outerNorms().forEach(norm -> norm(needs, norm, outer));
        for (BlockSpec block : model.blocks()) {
            String where = " (block " + block.index() + ")";
            var kept = new Need(where, FLOAT16_LIMIT);
            for (StoredMatrix matrix : StoredMatrix.of(block.linears())) {
                needs.put(matrix.name() + ".weight", new Need(where, Float.POSITIVE_INFINITY));
                needs.put(matrix.name() + ".bias", kept);
            }
            block.norms().forEach(norm -> norm(needs, norm, kept));
            if (block.mlp() instanceof Mlp.Plain plain && plain.scales() != null) {
                needs.put(plain.scales(), kept);
            }
        }
        return needs;
    }

    private static void norm(Map<String, Need> needs, Norm norm, Need need) {
        norm.tensors().forEach(name -> needs.put(name, need));
    }

    /** The tensors that the forward pass reads, by name. */
    static java.util.Set<String> used(ModelSpec model) {
        return needs(model).keySet();
    }

    private static void check(Checkpoint checkpoint, String name, Tensor tensor, Need need) {
        long elements = tensor.shape().elements();
        float[] piece = new float[(int) Math.min(PIECE, elements)];
        for (long from = 0; from < elements; from += piece.length) {
            int count = (int) Math.min(piece.length, elements - from);
            tensor.copyTo(from, piece, 0, count);
            boolean fine = true;
            for (int i = 0; i < count; i++) {
                fine &= Math.abs(piece[i]) < need.limit(); // false for NaN
            }
            if (!fine) {
                refuse(checkpoint, name, tensor, need, from, piece);
            }
        }
    }

    private static void refuse(Checkpoint checkpoint, String name, Tensor tensor, Need need, long from, float[] piece) {
        int i = 0;
        while (Math.abs(piece[i]) < need.limit()) {
            i++;
        }
        String found = name + need.where() + ": found " + piece[i] + " at " + place(tensor, from + i);
        if (Float.isFinite(piece[i])) {
            throw new UnsupportedModelException(
                    found + ", more than float16 holds, which is what AWQ checkpoints keep unquantized tensors in");
        }
        throw new MalformedFileException(checkpoint.path(), -1, found + ", expected finite numbers");
    }

    private static String place(Tensor tensor, long element) {
        if (tensor.shape().rank() != 2) {
            return Long.toString(element);
        }
        long columns = tensor.shape().dim(1);
        return "row " + element / columns + ", column " + element % columns;
    }

    private static byte[] config(Checkpoint checkpoint) {
        try {
            return Files.readAllBytes(checkpoint.config().file());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    private static byte[] digest(MemorySegment data) {
        MessageDigest sha = Sha256.begin();
        long step = 1 << 20;
        for (long from = 0; from < data.byteSize(); from += step) {
            sha.update(
                    data.asSlice(from, Math.min(step, data.byteSize() - from)).asByteBuffer());
        }
        return sha.digest();
    }
}
