package awq4j.format.pickle;

import awq4j.format.Beginning;
import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import awq4j.format.pickle.PickleValue.Dictionary;
import awq4j.format.pickle.PickleValue.Large;
import awq4j.format.pickle.PickleValue.Sequence;
import awq4j.format.pickle.PickleValue.Storage;
import awq4j.format.pickle.PickleValue.Text;
import awq4j.format.pickle.PickleValue.Truth;
import awq4j.format.pickle.PickleValue.Whole;
import awq4j.format.pickle.ZipDirectory.Entry;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.math.BigInteger;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;

/**
 * What a PyTorch file holds, in either of its forms: what was saved, and where its storages lie.
 *
 * @param rootAt where the pickle of what was saved begins
 * @param places the storages' bytes, by key
 */
record Container(PickleValue root, long rootAt, Map<String, Entry> places) {
    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    /** How a zip file begins. */
    private static final int ZIP = 0x0403_4b50;

    /** How a pickle of protocol 2 to 5 begins. */
    private static final int PICKLE = 0x80;

    /** How the older form begins: protocol 2, and a number of ten bytes. */
    private static final int LEGACY = 0x0a8a_0280;

    /** The first number of the older form. */
    private static final BigInteger MAGIC = new BigInteger("1950a86a20f9469cfc6c", 16);

    private static final long VERSION = 1001;

    /** How a Git LFS pointer begins. */
    private static final String LFS = "version https://git-lfs";

    /**
     * Reads the structure of a file and checks that every storage is there in full.
     *
     * @param all the whole file
     */
    static Container read(Path file, MemorySegment all) {
        long size = all.byteSize();
        if (size < 4) {
            throw new MalformedFileException(file, 0, "expected a PyTorch file, has " + size + " bytes");
        }
        var allowance = new Allowance(file, size);
        if (all.get(INT, 0) == ZIP) {
            return new Container.Zip(file, all, allowance).read();
        }
        if ((all.get(ValueLayout.JAVA_BYTE, 0) & 0xff) == PICKLE) {
            return new Container.Legacy(file, all, allowance).read();
        }
        if (new FileBytes(file, all, 0, size, "file")
                .text(Math.min(size, LFS.length()))
                .equals(LFS)) {
            throw new MalformedFileException(
                    file, 0, "is a Git LFS pointer, not the file it points to; fetch that with \"git lfs pull\"");
        }
        throw new MalformedFileException(
                file, 0, "is not a PyTorch file: begins neither as a zip nor as a pickle" + Beginning.hint(all));
    }

    /** Whether the first four bytes of a file are those of either form. */
    static boolean begins(byte[] bytes) {
        if (bytes.length < 4) {
            return false;
        }
        int first = MemorySegment.ofArray(bytes).get(INT, 0);
        return first == ZIP || first == LEGACY;
    }

    /** The form since PyTorch 1.6: a zip of {@code NAME/data.pkl} and a {@code NAME/data/KEY} for each storage. */
    private record Zip(Path file, MemorySegment all, Allowance allowance) {
        private static final String PICKLE = "data.pkl";
        private static final String ORDER = "byteorder";

        Container read() {
            Map<String, Entry> entries = ZipDirectory.read(file, all, allowance);
            List<String> pickles = entries.keySet().stream()
                    .filter(name -> name.equals(PICKLE) || name.endsWith("/" + PICKLE))
                    .filter(name -> name.indexOf('/') == name.lastIndexOf('/'))
                    .limit(2)
                    .toList();
            if (pickles.size() != 1) {
                throw new MalformedFileException(
                        file, 0, "expected a zip with one NAME/" + PICKLE + ", as torch.save writes");
            }
            String name = pickles.getFirst();
            String folder = name.substring(0, name.length() - PICKLE.length());
            Entry order = entries.get(folder + ORDER);
            if (order != null && order.bytes() < 16) {
                checkOrder(bytes(order, ORDER).text(order.bytes()));
            }
            var calls = new Calls(file, allowance);
            Entry pickle = Objects.requireNonNull(entries.get(name));
            FileBytes bytes = bytes(pickle, PICKLE);
            PickleValue root = new Unpickler(file, bytes, allowance, calls).read();
            var places = new HashMap<String, Entry>();
            for (Storage storage : calls.storages().values()) {
                Entry place = entries.get(folder + "data/" + storage.key());
                if (place == null) {
                    throw new MalformedFileException(
                            file,
                            pickle.offset(),
                            "has no entry data/" + MalformedFileException.shown(storage.key())
                                    + ", which its tensors lie in");
                }
                if (place.bytes() < storage.bytes()) {
                    throw new MalformedFileException(
                            file,
                            place.offset(),
                            "storage " + MalformedFileException.shown(storage.key()) + " takes " + storage.bytes()
                                    + " bytes, its entry has " + place.bytes());
                }
                places.put(storage.key(), place);
            }
            return new Container(root, pickle.offset(), places);
        }

        private void checkOrder(String order) {
            if (!order.strip().equals("little")) {
                throw new UnsupportedModelException(
                        file.getFileName() + ": byte order " + order + " is not supported; supported: little");
            }
        }

        private FileBytes bytes(Entry entry, String part) {
            return new FileBytes(file, all, entry.offset(), entry.offset() + entry.bytes(), part);
        }
    }

    /**
     * The older form: pickles of a magic number, a version, the machine, what was saved, and the storages' keys; then
     * for each key 8 bytes of a count of elements, and the elements.
     */
    private record Legacy(Path file, MemorySegment all, Allowance allowance) {
        Container read() {
            var bytes = new FileBytes(file, all, 0, all.byteSize(), "file");
            if (!(pickle(bytes, noStorages()) instanceof Large(BigInteger magic)) || !magic.equals(MAGIC)) {
                throw new MalformedFileException(
                        file, 0, "is a Python pickle, but none that torch.save wrote: its magic number is missing");
            }
            long versionAt = bytes.position();
            if (!(pickle(bytes, noStorages()) instanceof Whole(long version)) || version != VERSION) {
                throw new MalformedFileException(
                        file, versionAt, "expected version " + VERSION + " of PyTorch's files");
            }
            long machineAt = bytes.position();
            if (!(pickle(bytes, noStorages()) instanceof Dictionary machine)
                    || !(machine.entries().get("little_endian") instanceof Truth(boolean little))) {
                throw new MalformedFileException(file, machineAt, "expected a dict with \"little_endian\"");
            }
            if (!little) {
                throw new UnsupportedModelException(
                        file.getFileName() + ": byte order big is not supported; supported: little");
            }
            var calls = new Calls(file, allowance);
            long rootAt = bytes.position();
            PickleValue root = pickle(bytes, calls);
            long keysAt = bytes.position();
            if (!(pickle(bytes, noStorages()) instanceof Sequence(List<PickleValue> keys))) {
                throw new MalformedFileException(file, keysAt, "expected a list of the storages' keys");
            }
            return new Container(root, rootAt, places(bytes, keys, keysAt, calls.storages()));
        }

        private Map<String, Entry> places(
                FileBytes bytes, List<PickleValue> keys, long keysAt, Map<String, Storage> storages) {
            var places = new HashMap<String, Entry>();
            for (PickleValue key : keys) {
                if (!(key instanceof Text(String text)) || storages.get(text) == null) {
                    throw new MalformedFileException(file, keysAt, "lists a storage that no tensor lies in");
                }
                Storage storage = storages.get(text);
                int elementBytes =
                        ElementTypes.ofStorage(storage.type()).orElseThrow().bytes();
                long at = bytes.position();
                long count = bytes.signed64();
                if (count != storage.bytes() / elementBytes) {
                    throw new MalformedFileException(
                            file,
                            at,
                            "storage " + MalformedFileException.shown(text) + " should have "
                                    + storage.bytes() / elementBytes + " elements, has "
                                    + Long.toUnsignedString(count));
                }
                long begin = bytes.position();
                bytes.skip(storage.bytes());
                if (places.put(text, new Entry(begin, storage.bytes())) != null) {
                    throw new MalformedFileException(
                            file, keysAt, "lists storage " + MalformedFileException.shown(text) + " twice");
                }
            }
            for (String key : storages.keySet()) {
                if (!places.containsKey(key)) {
                    throw new MalformedFileException(
                            file,
                            keysAt,
                            "does not list storage " + MalformedFileException.shown(key)
                                    + ", which its tensors lie in");
                }
            }
            return places;
        }

        private Calls noStorages() {
            return new Calls(file, allowance);
        }

        private PickleValue pickle(FileBytes bytes, Calls calls) {
            return new Unpickler(file, bytes, allowance, calls).read();
        }
    }
}
