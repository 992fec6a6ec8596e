package awq4j.format.pickle;

import static awq4j.format.pickle.TorchFiles.counted;
import static awq4j.format.pickle.TorchFiles.floats;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.testing.GoldenFiles;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Files that lie, and pickles that would run something in Python. Each is answered by one sentence with the place. */
class HostilePickleTest {
    /** The pickle's place in the files of {@link TorchFiles#zip}. */
    private static final int PICKLE = 30 + "m/data.pkl".length();

    @TempDir
    private Path folder;

    private static PickleCode code() {
        return new PickleCode();
    }

    /** What is wrong with a pickle, where counted from its begin, and what is said of it. */
    static Stream<Arguments> pickles() {
        long[] one = {1};
        String many = Long.toString(Long.MAX_VALUE);
        return Stream.of(
                // what runs in Python
                Arguments.of(
                        code().name("os", "system")
                                .text("touch /tmp/x")
                                .op(0x85)
                                .ops("R"),
                        2,
                        "names os.system"),
                Arguments.of(
                        code().name("posix", "system"), 2, "names posix.system, which no checkpoint of tensors needs"),
                Arguments.of(code().name("builtins", "eval"), 2, "names builtins.eval"),
                Arguments.of(code().name("__builtin__", "getattr"), 2, "names __builtin__.getattr"),
                Arguments.of(code().name("torch", "load"), 2, "names torch.load"),
                Arguments.of(code().name("torch.hub", "HalfStorage"), 2, "names torch.hub.HalfStorage"),
                Arguments.of(code().name("collections.OrderedDict", "get"), 2, "names collections.OrderedDict.get"),
                Arguments.of(code().name("x\u001b[2J", "y"), 2, "names x?[2J.y"),
                Arguments.of(code().text("os").text("system").op(0x93), 20, "names os.system"),
                Arguments.of(code().ops("NN").op(0x93), 4, "names a class by something that is no text"),
                Arguments.of(code().ops("ios\nsystem\n"), 2, "has opcode 0x69, which no checkpoint needs"),
                Arguments.of(code().ops("N)").op(0x81), 4, "has opcode 0x81"),
                Arguments.of(code().ops("N)}").op(0x92), 5, "has opcode 0x92"),
                Arguments.of(code().op(0x82, 1), 2, "has opcode 0x82"),
                Arguments.of(code().ops("Pid\n"), 2, "has opcode 0x50"),
                Arguments.of(code().ops("S'a'\n"), 2, "has opcode 0x53"),
                Arguments.of(code().ops("N2"), 3, "has opcode 0x32"),
                Arguments.of(code().ops("N)R"), 4, "calls something that is no function"),
                Arguments.of(
                        code().name("torch", "HalfStorage").ops(")R"), 22, "calls torch.HalfStorage, which is a type"),
                Arguments.of(code().name("torch", "Size").ops("NR"), 15, "calls with something that is no tuple"),
                Arguments.of(code().ops("]}b"), 4, "sets attributes of something that is no OrderedDict"),
                // a machine out of step
                Arguments.of(code().ops(""), 2, "takes a value that is not there"),
                Arguments.of(code().ops("0"), 2, "takes a value that is not there"),
                Arguments.of(code().ops("N(0"), 4, "takes a value that is not there"),
                Arguments.of(code().ops("q\0"), 2, "takes a value that is not there"),
                Arguments.of(code().ops("NN"), 4, "ends with 2 values, expected one"),
                Arguments.of(code().ops("(N"), 4, "ends with 1 values, expected one"),
                Arguments.of(code().ops("N(").op(0x85), 4, "takes 1 values where fewer are"),
                Arguments.of(code().ops("Nt"), 3, "goes back to a mark that is not there"),
                Arguments.of(code().ops("h").op(0), 2, "recalls value 0, which was not remembered"),
                Arguments.of(code().ops("Nr").int32(-1).ops("0j").int32(7), 9, "recalls value 7"),
                Arguments.of(code().ops("}Na"), 4, "appends to something that is no list"),
                Arguments.of(code().ops("]NNs"), 5, "sets an item of something that is no dict"),
                Arguments.of(code().ops("}(Nu"), 5, "sets a key without a value"),
                Arguments.of(code().ops("}))s"), 5, "has a dict whose key is neither a string nor an integer"),
                Arguments.of(code().op(0x80, 0), 2, "is a pickle of protocol 0; 2 to 5 are read"),
                Arguments.of(code().op(0x80, 6), 2, "is a pickle of protocol 6"),
                Arguments.of(code().op(0x95).int64(1L << 40), 2, "has a frame of 1099511627776 bytes, 1 are left"),
                // lengths that lie
                Arguments.of(code().ops("X").int32(-1), 2, "has a string of 4294967295 bytes, 1 are left"),
                Arguments.of(code().op(0x8d).int64(-1), 2, "has a string of 18446744073709551615 bytes"),
                Arguments.of(code().op(0x8e).int64(1L << 62), 2, "has a string of 4611686018427387904 bytes"),
                Arguments.of(code().op(0x8a, 200), 4, "expected 200 bytes, data.pkl has 1 more"),
                Arguments.of(code().op('J', 1), 3, "expected 4 bytes, data.pkl has 2 more"),
                Arguments.of(code().ops("c" + "x".repeat(300)), 3, "expected a line of at most 256 bytes"),
                // storages and tensors
                Arguments.of(code().ops("NQ"), 3, "expected (\"storage\", class, key, device, elements)"),
                Arguments.of(code().storage("Tensor", "0", 1), 46, "torch.Tensor is not the class of a storage"),
                Arguments.of(code().storage("HalfStorage", "0", -1), 54, "has a storage of -1 elements"),
                Arguments.of(
                        code().storage("HalfStorage", "0", Long.MAX_VALUE),
                        59,
                        "has a storage of " + many + " elements"),
                Arguments.of(
                        code().storage("HalfStorage", "0", 1).storage("HalfStorage", "0", 2),
                        101,
                        "has storage 0 as torch.HalfStorage of 4 bytes and as torch.HalfStorage of 2"),
                tensor(one, 1).at(-1, "has a tensor that begins at element -1 of a storage of 4"),
                tensor(one, 1).at(5, "has a tensor that begins at element 5 of a storage of 4"),
                tensor(one, 1).at(4, "has a tensor [1] at element 4 of a storage of 4"),
                tensor(new long[] {5}, 1).at(0, "[5] with strides [1] that leaves its storage of 4 elements"),
                tensor(new long[] {2, 2}, 3, 1).at(0, "[2, 2] with strides [3, 1] that leaves its storage"),
                tensor(new long[] {2}, Long.MAX_VALUE).at(0, "with strides [" + many + "] that leaves its storage"),
                tensor(new long[] {Long.MAX_VALUE}, Long.MAX_VALUE).at(0, "that leaves its storage of 4 elements"),
                tensor(new long[] {1L << 40, 1L << 40}, 0, 0).at(0, "which exceeds 2^63 bytes"),
                tensor(new long[] {2, 2}, 1).at(0, "has a tensor of 2 extents and 1 strides"),
                tensor(new long[] {-2}, 1).at(0, "expected integers from 0 for a tensor's extents"),
                tensor(new long[] {2}, -1).at(0, "expected integers from 0 for a tensor's strides"),
                tensor(new long[65], new long[65]).at(0, "has a tensor of more than 64 extents"),
                Arguments.of(
                        code().name("torch._utils", "_rebuild_tensor_v2").ops(")R"),
                        36,
                        "expected (storage, offset, extents, strides, ...) for a tensor"),
                Arguments.of(
                        code().name("torch._utils", "_rebuild_parameter")
                                .ops("N")
                                .op(0x85)
                                .ops("R"),
                        37,
                        "expected a tensor as a parameter's first argument"),
                Arguments.of(
                        code().name("collections", "OrderedDict")
                                .ops("]")
                                .tuple(1, 2, 3)
                                .ops("a")
                                .op(0x85)
                                .ops("R"),
                        38,
                        "expected pairs for an OrderedDict"));
    }

    /** A tensor of four floats, at an offset that is said later. */
    private record Half(long[] extents, long[] strides) {
        Arguments at(long offset, String message) {
            PickleCode code = code().tensor("FloatStorage", "0", 4, offset, extents, strides);
            return Arguments.of(code, code.bytes().length - 1, message);
        }
    }

    private static Half tensor(long[] extents, long... strides) {
        return new Half(extents, strides);
    }

    @ParameterizedTest
    @MethodSource("pickles")
    void picklesThatLieAreRefused(PickleCode code, int at, String message) {
        byte[] zip = TorchFiles.zip(code.ended(), Map.of("0", floats(1, 2, 3, 4)));
        Path path = TorchFiles.write(folder.resolve("a.pt"), zip);
        assertThatThrownBy(() -> PickleFile.open(path))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith("a.pt @ " + (PICKLE + at) + ": ")
                .hasMessageContaining(message)
                .satisfies(e -> assertThat(e.getMessage()).hasSizeLessThan(400));
    }

    /** One byte a value: what fits the file would not fit the memory. */
    @ParameterizedTest
    @ValueSource(strings = {"]", "}", "(", "N", "Nq\1"})
    void aPickleOfManyValuesIsStopped(String ops) {
        byte[] pickle = code().ops(ops.repeat(3_000_000 / ops.length())).ended();
        Path path = TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(pickle, Map.of()));
        assertThatThrownBy(() -> PickleFile.open(path))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageContaining("stacks more than 100000 values");
    }

    /** Few values on the stack, but all kept; and a call that makes much of little. */
    @Test
    void whatAPickleKeepsIsBounded() {
        var kept = code().ops("]");
        for (int i = 0; i < 500_000; i++) {
            kept.ops("}r").int32(i).ops("a");
        }
        Path path = TorchFiles.write(
                folder.resolve("a.pt"), TorchFiles.zip(kept.ops(".").bytes(), Map.of()));
        assertThatThrownBy(() -> PickleFile.open(path))
                .hasMessageContaining("its structure takes more memory than twice the file, which no checkpoint needs");
        var called = code().ops("(")
                .ops("N".repeat(90_000))
                .ops("tq\0")
                .name("torch", "Size")
                .ops("q\1");
        for (int i = 0; i < 10_000; i++) {
            called.ops("h\1h\0").op(0x85).ops("R0");
        }
        TorchFiles.write(path, TorchFiles.zip(called.ended(), Map.of()));
        assertThatThrownBy(() -> PickleFile.open(path)).hasMessageContaining("takes more memory than twice the file");
    }

    /** A list in itself, and tuples of twins: 2^60 values to whoever walks them all. */
    @Test
    void structuresWithoutEndAreReadAndNotWalked() {
        var code = code().ops("]q\0h\0a");
        for (int i = 0; i < 60; i++) {
            code.ops("q\1h\1").op(0x86);
        }
        byte[] pickle = code().ops("}")
                .text("model")
                .raw(Arrays.copyOfRange(code.bytes(), 2, code.bytes().length))
                .ops("s")
                .ended();
        try (var file = PickleFile.open(TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(pickle, Map.of())))) {
            assertThat(file.names()).isEmpty();
        }
    }

    @Test
    void aWrapperInItselfHasNoTensors() {
        byte[] pickle = code().ops("}q\0").text("model").ops("h\0s").ended();
        try (var file = PickleFile.open(TorchFiles.write(folder.resolve("a.pt"), TorchFiles.zip(pickle, Map.of())))) {
            assertThat(file.names()).isEmpty();
        }
    }

    @ParameterizedTest
    @ValueSource(strings = {"tricky.pt", "tricky_legacy.pt", "awq_cache_example.pt"})
    void aFileCutAnywhereIsRefused(String golden) throws IOException {
        byte[] whole = Files.readAllBytes(GoldenFiles.path("models/checkpoint_formats/" + golden));
        Path path = folder.resolve("cut.pt");
        int step = whole.length > 3000 ? 7 : 1; // to spare time: a zip lacks its end wherever it is cut
        for (int length = 0; length < whole.length; length += step) {
            TorchFiles.write(path, Arrays.copyOf(whole, length));
            assertThatThrownBy(() -> PickleFile.open(path))
                    .as("cut to %d of %d bytes", length, whole.length)
                    .isInstanceOf(MalformedFileException.class)
                    .hasMessageStartingWith("cut.pt @ ");
        }
    }

    @Test
    void otherFilesAreRefused() throws IOException {
        refused(
                "version https://git-lfs.github.com/spec/v1\n".getBytes(StandardCharsets.US_ASCII),
                "is a Git LFS pointer");
        refused("{\"a\": 1}".getBytes(StandardCharsets.US_ASCII), "@ 0: is not a PyTorch file");
        refused(new byte[0], "@ 0: expected a PyTorch file, has 0 bytes");
        refused(code().ops("}").ended(), "@ 0: is a Python pickle, but none that torch.save wrote");
        refused(
                new TorchFiles.Zip(false).entry("a.txt", new byte[3]).ended(""),
                "expected a zip with one NAME/data.pkl");
        refused(
                new TorchFiles.Zip(false)
                        .entry("a/data.pkl", new byte[3])
                        .entry("b/data.pkl", new byte[3])
                        .ended(""),
                "expected a zip with one NAME/data.pkl");
        refused(
                new TorchFiles.Zip(false)
                        .entry("a", new byte[3])
                        .entry("b", new byte[3])
                        .ended("")
                        .clone(),
                "expected a zip with one");
        Path path = Files.createDirectory(folder.resolve("sub"));
        assertThatThrownBy(() -> PickleFile.open(path)).hasMessageEndingWith("expected a file, found a folder");
    }

    @Test
    void storagesMustBeThereInFull() {
        byte[] pickle = code().ops("}")
                .text("w")
                .tensor("FloatStorage", "0", 4, 0, new long[] {4}, 1)
                .ops("s")
                .ended();
        refused(TorchFiles.zip(pickle, Map.of()), "has no entry data/0, which its tensors lie in");
        refused(TorchFiles.zip(pickle, Map.of("0", floats(1))), "storage 0 takes 16 bytes, its entry has 4");
        byte[] full = counted(4, floats(1, 2, 3, 4));
        PickleFile.open(TorchFiles.write(folder.resolve("b.pt"), TorchFiles.legacy(pickle, Map.of("0", full))))
                .close();
        refused(TorchFiles.legacy(pickle, Map.of()), "does not list storage 0, which its tensors lie in");
        refused(TorchFiles.legacy(pickle, Map.of("1", full)), "lists a storage that no tensor lies in");
        refused(
                TorchFiles.legacy(pickle, Map.of("0", counted(5, floats(1, 2, 3, 4)))),
                "should have 4 elements, has 5");
        refused(TorchFiles.legacy(pickle, Map.of("0", counted(4, floats(1, 2)))), "expected 16 bytes, file has 8 more");
        var twice = new ByteArrayOutputStream();
        byte[] once = TorchFiles.legacy(pickle, Map.of("0", full));
        byte[] keys = code().ops("](").text("0").text("0").ops("e").ended();
        twice.write(
                once,
                0,
                once.length - full.length - code().ops("](").text("0").ops("e").ended().length);
        twice.writeBytes(keys);
        twice.writeBytes(full);
        twice.writeBytes(full);
        refused(twice.toByteArray(), "lists storage 0 twice");
    }

    @Test
    void bigEndianFilesAreRefused() {
        byte[] pickle = code().ops("}").ended();
        unsupported(
                new TorchFiles.Zip(false)
                        .entry("m/data.pkl", pickle)
                        .entry("m/byteorder", "big".getBytes(StandardCharsets.US_ASCII))
                        .ended(""),
                "a.pt: byte order big is not supported; supported: little");
        byte[] legacy = TorchFiles.legacy(pickle, Map.of());
        for (int i = 0; i < legacy.length; i++) {
            if ((legacy[i] & 0xff) == 0x88) {
                legacy[i] = (byte) 0x89;
            }
        }
        unsupported(legacy, "a.pt: byte order big is not supported; supported: little");
    }

    @Test
    void compressedAndEncryptedEntriesAreRefused() throws IOException {
        var out = new ByteArrayOutputStream();
        try (var zip = new ZipOutputStream(out, StandardCharsets.UTF_8)) {
            zip.putNextEntry(new ZipEntry("m/data.pkl"));
            zip.write(code().ops("}").ended());
        }
        unsupported(
                out.toByteArray(),
                "a.pt: entry m/data.pkl is compressed, so it cannot be mapped; PyTorch stores entries as they are"
                        + " (zip -0 does, too)");
        byte[] zip = TorchFiles.zip(code().ops("}").ended(), Map.of());
        zip[zip.length - 22 - 46 - "m/data.pkl".length() + 8] = 1;
        unsupported(
                zip,
                "a.pt: entry m/data.pkl is encrypted, so it cannot be mapped; PyTorch stores entries as they"
                        + " are (zip -0 does, too)");
    }

    /** Each number of the directory at its worst. */
    @ParameterizedTest
    @ValueSource(booleans = {false, true})
    void directoriesThatLieAreRefused(boolean large) {
        var built =
                new TorchFiles.Zip(large).entry("m/data.pkl", code().ops("}").ended());
        int directory = built.size();
        byte[] zip = built.ended("");
        PickleFile.open(TorchFiles.write(folder.resolve("good.pt"), zip)).close();
        var messages = new LinkedHashMap<Integer, String>();
        for (int at = directory; at < zip.length; at++) {
            byte[] changed = zip.clone();
            changed[at] ^= (byte) 0x80;
            try {
                PickleFile.open(TorchFiles.write(folder.resolve("a.pt"), changed))
                        .close();
            } catch (MalformedFileException | UnsupportedModelException e) {
                messages.put(at, e.getMessage());
            }
        }
        // the signatures, sizes and places; not versions, times, checksums and attributes
        assertThat(messages.keySet()).contains(directory, directory + 10, zip.length - 22);
        assertThat(messages).hasSizeGreaterThan(large ? 40 : 30);
    }

    private void refused(byte[] bytes, String message) {
        Path path = TorchFiles.write(folder.resolve("a.pt"), bytes);
        assertThatThrownBy(() -> PickleFile.open(path))
                .isInstanceOf(MalformedFileException.class)
                .hasMessageStartingWith("a.pt")
                .hasMessageContaining(message);
    }

    private void unsupported(byte[] bytes, String message) {
        Path path = TorchFiles.write(folder.resolve("a.pt"), bytes);
        assertThatThrownBy(() -> PickleFile.open(path))
                .isInstanceOf(UnsupportedModelException.class)
                .hasMessage(message);
    }
}
