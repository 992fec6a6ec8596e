package awq4j.format.pickle;

import awq4j.format.MalformedFileException;
import awq4j.format.MappedFile;
import awq4j.format.TensorFile;
import awq4j.format.UnsupportedModelException;
import awq4j.format.pickle.PickleValue.TensorView;
import awq4j.tensor.DType;
import awq4j.tensor.Shape;
import awq4j.tensor.Tensor;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/**
 * A file that PyTorch's {@code torch.save} wrote ({@code .bin}, {@code .pt}, {@code .pth}), mapped; in the form of a zip
 * or in the one before PyTorch 1.6. docs/formats/pytorch.md describes both.
 *
 * <p>The structure is read and checked whole when the file is opened; the data is touched only when read. Nothing is
 * built or called that the file names: see {@link PickleValue} for what it can hold. Safe for use by several threads.
 */
public final class PickleFile implements TensorFile {
    private final MappedFile mapped;
    private final PickleValue root;
    private final long rootAt;
    private final Map<String, TensorView> stateDict;
    private final TensorStore store;

    private PickleFile(MappedFile mapped, Container container, TensorStore store) {
        this.mapped = mapped;
        this.root = container.root();
        this.rootAt = container.rootAt();
        this.store = store;
        this.stateDict = StateDict.of(root);
    }

    /** Whether a file begins as files of PyTorch do. */
    public static boolean begins(Path path) {
        if (!Files.isRegularFile(path)) {
            return false;
        }
        try (InputStream in = Files.newInputStream(path)) {
            return Container.begins(in.readNBytes(4));
        } catch (IOException e) {
            throw new UncheckedIOException(path + ": " + e.getMessage(), e);
        }
    }

    /**
     * Maps a file and checks its structure.
     *
     * @throws MalformedFileException if it is not a file of PyTorch, lacks a part, or names what checkpoints do not need
     * @throws UnsupportedModelException if its entries are compressed, or its numbers big-endian
     */
    public static PickleFile open(Path path) {
        return MappedFile.open(path, PickleFile::read);
    }

    private static PickleFile read(MappedFile mapped) {
        Container container = Container.read(mapped.path(), mapped.memory());
        return new PickleFile(mapped, container, new TensorStore(mapped.path(), mapped.memory(), container.places()));
    }

    /** The file. */
    @Override
    public Path path() {
        return mapped.path();
    }

    /** All that was saved. */
    public PickleValue root() {
        return root;
    }

    /** Where the pickle of {@link #root} begins in the file, in bytes. */
    public long rootAt() {
        return rootAt;
    }

    /**
     * The names of the state dict's tensors: the dict itself, or the one under {@code model_state_dict}, {@code
     * state_dict}, {@code model} or {@code module}; a {@code module.} that stands before all names is taken off. Empty if
     * there is no such dict.
     */
    @Override
    public Set<String> names() {
        return stateDict.keySet();
    }

    /** Bytes that the tensor takes in row-major order. */
    @Override
    public long sizeBytes(String name) {
        return view(name).sizeBytes();
    }

    /** The element type: {@link DType}'s name, or PyTorch's for one that is none of those. */
    @Override
    public String dtypeName(String name) {
        return view(name).dtypeName();
    }

    /** The tensor's extents. */
    @Override
    public Shape shape(String name) {
        return view(name).shape();
    }

    /**
     * One of the state dict's tensors, see {@link #tensor(TensorView)}.
     *
     * @throws IllegalArgumentException if there is none of that name
     */
    @Override
    public Tensor tensor(String name) {
        return store.tensor(name, view(name));
    }

    /**
     * A tensor found in {@link #root}: the mapped bytes, valid until {@link #close}, or a copy on the heap if its
     * elements do not follow each other in the file.
     *
     * @throws UnsupportedModelException if its element type is not one of {@link DType}, or if it repeats elements so
     *     often that it would not fit its file
     */
    public Tensor tensor(TensorView view) {
        return store.tensor("of " + view.shape(), view);
    }

    private TensorView view(String name) {
        TensorView view = stateDict.get(name);
        if (view == null) {
            throw new IllegalArgumentException(path().getFileName() + " has no tensor " + name);
        }
        return view;
    }

    @Override
    public void close() {
        mapped.close();
    }
}
