package awq4j.format.tinychat;

import awq4j.format.MalformedFileException;
import awq4j.format.MappedFile;
import awq4j.format.TensorFile;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.nio.file.Path;
import java.util.Set;

/** A file that is one tensor and nothing else: its size tells an extent that is not known. */
final class RawFile implements TensorFile {
    private final MappedFile mapped;
    private final String name;
    private final Tensor tensor;

    private RawFile(MappedFile mapped, String name, Tensor tensor) {
        this.mapped = mapped;
        this.name = name;
        this.tensor = tensor;
    }

    /** Float32 numbers, [n]. */
    static RawFile vector(Path file, String name) {
        return MappedFile.open(file, mapped -> {
            long count = count(mapped, Float.BYTES, "float32 numbers");
            return new RawFile(mapped, name, new Tensor(DType.F32, Shape.of(count), mapped.memory()));
        });
    }

    /** A matrix of so many columns, [n, columns]. */
    static RawFile rows(Path file, String name, DType dtype, int columns) {
        return MappedFile.open(file, mapped -> {
            long rows = count(mapped, (long) columns * dtype.bytes(), "rows of " + columns + " " + dtype);
            return new RawFile(mapped, name, new Tensor(dtype, Shape.of(rows, columns), mapped.memory()));
        });
    }

    /** A matrix of so many rows, [rows, n]. */
    static RawFile columns(Path file, String name, DType dtype, int rows) {
        return MappedFile.open(file, mapped -> {
            long columns = count(mapped, (long) rows * dtype.bytes(), "columns of " + rows + " " + dtype);
            return new RawFile(mapped, name, new Tensor(dtype, Shape.of(rows, columns), mapped.memory()));
        });
    }

    private static long count(MappedFile mapped, long unit, String what) {
        long size = mapped.memory().byteSize();
        if (size == 0 || size % unit != 0) {
            throw new MalformedFileException(
                    mapped.path(), size, "expected " + what + ", " + unit + " bytes each, has " + size + " bytes");
        }
        return size / unit;
    }

    @Override
    public Path path() {
        return mapped.path();
    }

    @Override
    public Set<String> names() {
        return Set.of(name);
    }

    @Override
    public String dtypeName(String name) {
        return tensor(name).dtype().name();
    }

    @Override
    public Shape shape(String name) {
        return tensor(name).shape();
    }

    @Override
    public long sizeBytes(String name) {
        return tensor(name).data().byteSize();
    }

    @Override
    public Tensor tensor(String wanted) {
        if (!name.equals(wanted)) {
            throw new IllegalArgumentException(path().getFileName() + " has no tensor " + wanted);
        }
        return tensor;
    }

    @Override
    public void close() {
        mapped.close();
    }
}
