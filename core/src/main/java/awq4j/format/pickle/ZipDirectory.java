package awq4j.format.pickle;

import awq4j.format.MalformedFileException;
import awq4j.format.UnsupportedModelException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * Where the entries of a zip file lie: its central directory, with the extensions for sizes of 4 GiB and more. Java's own
 * reader does not tell places, and without them nothing can be mapped.
 */
final class ZipDirectory {
    /** An entry's bytes in the file. */
    record Entry(long offset, long bytes) {}

    private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private static final int END = 0x0605_4b50;
    private static final int END_BYTES = 22;
    private static final int END_64 = 0x0606_4b50;
    private static final int LOCATOR_64 = 0x0706_4b50;
    private static final int LOCATOR_64_BYTES = 20;
    private static final int CENTRAL = 0x0201_4b50;
    private static final int LOCAL = 0x0403_4b50;
    private static final int EXTRA_64 = 1;
    private static final long IN_EXTRA = 0xffff_ffffL;
    private static final int MAX_COMMENT = 0xffff;

    private final Path file;
    private final MemorySegment all;
    private final Allowance allowance;

    private ZipDirectory(Path file, MemorySegment all, Allowance allowance) {
        this.file = file;
        this.all = all;
        this.allowance = allowance;
    }

    /**
     * Reads the directory and checks every entry's place.
     *
     * @param all the whole file
     * @return entries by name, in the directory's order
     * @throws UnsupportedModelException if an entry is compressed or encrypted
     */
    static Map<String, Entry> read(Path file, MemorySegment all, Allowance allowance) {
        return new ZipDirectory(file, all, allowance).read();
    }

    private Map<String, Entry> read() {
        long endAt = end();
        FileBytes end = bytes(endAt, all.byteSize(), "the end of the directory");
        end.skip(8);
        long count = end.unsigned16();
        end.skip(2);
        long size = end.unsigned32();
        long start = end.unsigned32();
        long limit = endAt;
        long locatorAt = endAt - LOCATOR_64_BYTES;
        if (locatorAt >= 0 && all.get(INT, locatorAt) == LOCATOR_64) {
            FileBytes locator = bytes(locatorAt, endAt, "the locator of the directory");
            locator.skip(8);
            limit = locator.signed64();
            if (limit < 0 || limit > locatorAt) {
                throw wrong(
                        locatorAt,
                        "the end of the directory should be before byte " + locatorAt + ", is "
                                + Long.toUnsignedString(limit));
            }
            FileBytes end64 = bytes(limit, locatorAt, "the end of the directory");
            expect(end64, END_64, limit, "the 64-bit end of the directory");
            end64.skip(28);
            count = end64.signed64();
            size = end64.signed64();
            start = end64.signed64();
        }
        if (start < 0 || size < 0 || start > limit || size > limit - start) {
            throw wrong(
                    endAt,
                    "the directory should lie before byte " + limit + ", has " + Long.toUnsignedString(size)
                            + " bytes at " + Long.toUnsignedString(start));
        }
        return entries(start, start + size, count);
    }

    private Map<String, Entry> entries(long start, long end, long count) {
        FileBytes directory = bytes(start, end, "the directory");
        var entries = new LinkedHashMap<String, Entry>();
        for (long i = 0; i < count; i++) {
            long at = directory.position();
            expect(directory, CENTRAL, at, "entry " + i + " of the directory");
            directory.skip(4);
            int flags = directory.unsigned16();
            int method = directory.unsigned16();
            directory.skip(8);
            long compressed = directory.unsigned32();
            long size = directory.unsigned32();
            int nameBytes = directory.unsigned16();
            int extraBytes = directory.unsigned16();
            int commentBytes = directory.unsigned16();
            directory.skip(8);
            long local = directory.unsigned32();
            allowance.take(200 + 3L * nameBytes, at);
            String name = directory.text(nameBytes);
            long extraAt = directory.position();
            directory.skip(extraBytes);
            directory.skip(commentBytes);
            if (size == IN_EXTRA || compressed == IN_EXTRA || local == IN_EXTRA) {
                FileBytes extra = extra64(extraAt, extraAt + extraBytes, name);
                size = size == IN_EXTRA ? extra.signed64() : size;
                compressed = compressed == IN_EXTRA ? extra.signed64() : compressed;
                local = local == IN_EXTRA ? extra.signed64() : local;
            }
            if (method != 0 || (flags & 1) != 0) {
                throw new UnsupportedModelException(
                        file.getFileName() + ": entry " + MalformedFileException.shown(name) + " is "
                                + ((flags & 1) != 0 ? "encrypted" : "compressed")
                                + ", so it cannot be mapped; PyTorch stores entries as they are (zip -0 does, too)");
            }
            if (compressed != size) {
                throw wrong(
                        at,
                        "entry " + MalformedFileException.shown(name) + " is stored as it is, but has " + compressed
                                + " bytes of " + size);
            }
            if (entries.put(name, place(name, local, size, start, at)) != null) {
                throw wrong(at, "has two entries " + MalformedFileException.shown(name));
            }
        }
        return Collections.unmodifiableMap(entries);
    }

    /** The extra field that holds the sizes which do not fit their 32 bits. */
    private FileBytes extra64(long from, long to, String name) {
        FileBytes extra = bytes(from, to, "the extra field of entry " + MalformedFileException.shown(name));
        while (extra.remaining() >= 4) {
            int id = extra.unsigned16();
            int length = extra.unsigned16();
            if (id == EXTRA_64) {
                long begin = extra.position();
                extra.skip(length);
                return bytes(begin, begin + length, "the 64-bit field of entry " + MalformedFileException.shown(name));
            }
            extra.skip(length);
        }
        throw wrong(from, "entry " + MalformedFileException.shown(name) + " has no 64-bit sizes where its own say so");
    }

    private Entry place(String name, long local, long size, long directory, long at) {
        if (local < 0 || size < 0 || local > directory - 30) {
            throw wrong(
                    at,
                    "entry " + MalformedFileException.shown(name) + " should begin before the directory at " + directory
                            + ", begins at " + Long.toUnsignedString(local));
        }
        FileBytes header = bytes(local, directory, "the header of entry " + MalformedFileException.shown(name));
        expect(header, LOCAL, local, "entry " + MalformedFileException.shown(name));
        header.skip(22);
        int nameBytes = header.unsigned16();
        int extraBytes = header.unsigned16();
        long offset = header.position() + nameBytes + extraBytes;
        if (offset > directory || size > directory - offset) {
            throw wrong(
                    local,
                    "entry " + MalformedFileException.shown(name) + " has " + Long.toUnsignedString(size) + " bytes at "
                            + offset + ", the directory begins at " + directory);
        }
        return new Entry(offset, size);
    }

    /** Searched from behind, since a comment of unknown length may follow. */
    private long end() {
        long last = all.byteSize() - END_BYTES;
        for (long at = last; at >= 0 && at >= last - MAX_COMMENT; at--) {
            if (all.get(INT, at) == END) {
                return at;
            }
        }
        throw wrong(all.byteSize(), "the directory that ends a zip file is missing; the file is cut or still arriving");
    }

    private void expect(FileBytes bytes, int signature, long at, String what) {
        if (bytes.remaining() < 4 || bytes.signed32() != signature) {
            throw wrong(at, "expected " + what + ", found something else");
        }
    }

    private FileBytes bytes(long from, long end, String part) {
        return new FileBytes(file, all, from, end, part);
    }

    private MalformedFileException wrong(long at, String message) {
        return new MalformedFileException(file, at, message);
    }
}
