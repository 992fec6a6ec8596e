package awq4j.kernel.vector;

import awq4j.kernel.CpuKvBuffer;
import awq4j.kernel.CpuKvBuffer.Memory;
import awq4j.kernel.FourBitKv;
import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.VectorOperators;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/** One block of a head's keys or values as floats: the cache's own, or a converted copy. */
final class KvBlock {
    private static final VectorSpecies<Float> F = Lanes.FLOATS;
    private static final int L = Lanes.COUNT;
    private static final int PAIR = Lanes.PAIR;

    /** As many bytes as there are floats in a vector, or 8 if that is fewer: then the rest is not looked at. */
    static final VectorSpecies<Byte> B =
            VectorSpecies.of(byte.class, VectorShape.forBitSize(Math.max(64, Lanes.COUNT * Byte.SIZE)));

    private static final float[] EMPTY = {};

    /** Where the block lies. */
    float[] floats = EMPTY;

    /** Where it begins there. */
    int at;

    /** Of no meaning: without it the compiler would not read what {@link #touch} touches. */
    int touched;

    private float[] converted = EMPTY;

    KvBlock() {}

    /**
     * Makes it a block of keys, [headDim, PAIR positions].
     *
     * @param coded first position that is not read as codes
     */
    void keys(CpuKvBuffer cache, int index, int kvHead, int coded) {
        int start = cache.blockStart(index, kvHead);
        int size = cache.headDim() * PAIR;
        switch (cache.memory()) {
            case Memory.Floats memory -> own(memory.keys(), start);
            case Memory.Halves memory -> halves(memory.keys(), start, size);
            case Memory.Bytes memory ->
                keys(memory.keys(), start, memory.keyScales(), cache.scaleStart(index, kvHead), room(size), size);
            case FourBitKv memory
            when index * PAIR >= coded -> keys(memory.recent(), index - memory.base() / PAIR, kvHead, 0);
            case FourBitKv memory -> FourBitKvBlock.keys(memory, index, kvHead, room(size), cache.headDim());
        }
    }

    /**
     * Makes it a block of values, [headDim / PAIR, PAIR positions, PAIR].
     *
     * @param coded first position that is not read as codes
     */
    void values(CpuKvBuffer cache, int index, int kvHead, int coded) {
        int start = cache.blockStart(index, kvHead);
        int size = (cache.headDim() + PAIR - 1) / PAIR * PAIR * PAIR;
        switch (cache.memory()) {
            case Memory.Floats memory -> own(memory.values(), start);
            case Memory.Halves memory -> halves(memory.values(), start, size);
            case Memory.Bytes memory ->
                values(memory.values(), start, memory.valueScales(), cache.scaleStart(index, kvHead), room(size), size);
            case FourBitKv memory
            when index * PAIR >= coded -> values(memory.recent(), index - memory.base() / PAIR, kvHead, 0);
            case FourBitKv memory ->
                FourBitKvBlock.values(memory, index, kvHead, room(size), (cache.headDim() + PAIR - 1) / PAIR);
        }
    }

    /** Lets go of the cache. */
    void release() {
        floats = converted;
        at = 0;
    }

    private void own(float[] array, int start) {
        floats = array;
        at = start;
    }

    private float[] room(int size) {
        if (converted.length < size) {
            converted = new float[size];
        }
        floats = converted;
        at = 0;
        return converted;
    }

    private void halves(short[] from, int start, int size) {
        touch(from, start, size);
        HalfFloats.fromF16(from, start, room(size), 0, size);
    }

    /**
     * Reads a value of each cache line, so that they come in together: a loop that also converts has fewer loads under way
     * (8.7 instead of 7.9 GB/s). Bytes gain nothing.
     */
    private void touch(short[] from, int start, int size) {
        int sum = 0;
        for (int i = start; i < start + size; i += 32) {
            sum += from[i];
        }
        touched = sum;
    }

    private static void keys(byte[] from, int at, float[] scales, int scale, float[] to, int size) {
        FloatVector s0 = FloatVector.fromArray(F, scales, scale);
        FloatVector s1 = FloatVector.fromArray(F, scales, scale + L);
        for (int i = 0; i < size; i += PAIR) {
            floats(from, at + i).mul(s0).intoArray(to, i);
            floats(from, at + i + L).mul(s1).intoArray(to, i + L);
        }
    }

    private static void values(byte[] from, int at, float[] scales, int scale, float[] to, int size) {
        for (int i = 0; i < size; i += PAIR) {
            FloatVector s = FloatVector.broadcast(F, scales[scale + i / PAIR % PAIR]);
            floats(from, at + i).mul(s).intoArray(to, i);
            floats(from, at + i + L).mul(s).intoArray(to, i + L);
        }
    }

    private static FloatVector floats(byte[] from, int at) {
        return (FloatVector) ByteVector.fromArray(B, from, at).convertShape(VectorOperators.B2F, F, 0);
    }
}
