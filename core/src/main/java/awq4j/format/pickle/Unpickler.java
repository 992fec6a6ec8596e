package awq4j.format.pickle;

import awq4j.format.MalformedFileException;
import awq4j.format.pickle.PickleValue.Bytes;
import awq4j.format.pickle.PickleValue.Dictionary;
import awq4j.format.pickle.PickleValue.Name;
import awq4j.format.pickle.PickleValue.None;
import awq4j.format.pickle.PickleValue.Sequence;
import awq4j.format.pickle.PickleValue.Text;
import awq4j.format.pickle.PickleValue.Truth;
import awq4j.format.pickle.PickleValue.Tuple;
import awq4j.format.pickle.PickleValue.Whole;
import java.math.BigInteger;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Reads one pickle, protocols 2 to 5.
 *
 * <p>A pickle is a program for a machine with a stack; Python's machine calls whatever the program names. This one knows
 * the opcodes of data and the names in {@link Globals}, and refuses the rest, with its place. It does not recurse.
 */
final class Unpickler {
    /** Python's pickler leaves at most a few thousand: a list comes in pieces of a thousand. */
    private static final int MAX_STACK = 100_000;

    /** The bound of a safetensors header: names and shapes of the largest models take a tenth. */
    private static final long MAX_BYTES = 100_000_000;

    private static final int MAX_NAME_BYTES = 256;

    private static final None NONE = new None();
    private static final Truth TRUE = new Truth(true);
    private static final Truth FALSE = new Truth(false);

    private final Path file;
    private final FileBytes bytes;
    private final Allowance allowance;
    private final Calls calls;
    private final List<PickleValue> stack = new ArrayList<>();
    private final List<Integer> marks = new ArrayList<>();
    private final Map<Long, PickleValue> memo = new HashMap<>();
    private long at;

    /** @param bytes stand behind the pickle when it is read */
    Unpickler(Path file, FileBytes bytes, Allowance allowance, Calls calls) {
        this.file = file;
        this.bytes = bytes;
        this.allowance = allowance;
        this.calls = calls;
    }

    /** Reads up to and including the opcode that ends the pickle. */
    PickleValue read() {
        long start = bytes.position();
        while (true) {
            at = bytes.position();
            if (at - start > MAX_BYTES) {
                throw wrong("goes on beyond " + MAX_BYTES + " bytes; no checkpoint's does");
            }
            int opcode = bytes.unsigned8();
            if (opcode == '.') {
                PickleValue result = pop();
                if (!stack.isEmpty() || !marks.isEmpty()) {
                    throw wrong("ends with " + (stack.size() + 1) + " values, expected one");
                }
                return result;
            }
            step(opcode);
            if (stack.size() > MAX_STACK || marks.size() > MAX_STACK) {
                throw wrong("stacks more than " + MAX_STACK + " values");
            }
        }
    }

    private void step(int opcode) {
        switch (opcode) {
            case 0x80 -> protocol();
            case 0x95 -> frame();
            case '(' -> {
                allowance.take(24, at);
                marks.add(stack.size());
            }
            case '0' -> pop();
            case '1' -> popMark();
            case 'N' -> push(NONE);
            case 0x88 -> push(TRUE);
            case 0x89 -> push(FALSE);
            case 'J' -> whole(bytes.signed32());
            case 'K' -> whole(bytes.unsigned8());
            case 'M' -> whole(bytes.unsigned16());
            case 0x8a -> big(bytes.unsigned8());
            case 'G' -> push(24, new PickleValue.Real(bytes.float64BigEndian()));
            case 'U', 0x8c -> text(bytes.unsigned8());
            case 'T', 'X' -> text(bytes.unsigned32());
            case 0x8d -> text(bytes.signed64());
            case 'C' -> raw(bytes.unsigned8());
            case 'B' -> raw(bytes.unsigned32());
            case 0x8e -> raw(bytes.signed64());
            case ')' -> tuple(List.of());
            case 0x85 -> tuple(top(1));
            case 0x86 -> tuple(top(2));
            case 0x87 -> tuple(top(3));
            case 't' -> tuple(popMark());
            case ']' -> list(List.of());
            case 'l' -> list(popMark());
            case 'a' -> append(top(1));
            case 'e' -> append(popMark());
            case '}' -> dict(List.of());
            case 'd' -> dict(popMark());
            case 's' -> setItems(top(2));
            case 'u' -> setItems(popMark());
            case 'q' -> remember(bytes.unsigned8());
            case 'r' -> remember(bytes.unsigned32());
            case 0x94 -> remember(memo.size());
            case 'h' -> recall(bytes.unsigned8());
            case 'j' -> recall(bytes.unsigned32());
            case 'c' -> name(bytes.line(MAX_NAME_BYTES), bytes.line(MAX_NAME_BYTES));
            case 0x93 -> stackedName();
            case 'R' -> call();
            case 'b' -> build();
            case 'Q' -> push(calls.storage(pop(), at));
            default -> throw wrong("has opcode 0x" + Integer.toHexString(opcode) + ", which no checkpoint needs");
        }
    }

    private void protocol() {
        int version = bytes.unsigned8();
        if (version < 2 || version > 5) {
            throw wrong("is a pickle of protocol " + version + "; 2 to 5 are read");
        }
    }

    /** A frame says how many bytes come; they are there anyway. */
    private void frame() {
        long length = bytes.signed64();
        if (length < 0 || length > bytes.remaining()) {
            throw wrong(
                    "has a frame of " + Long.toUnsignedString(length) + " bytes, " + bytes.remaining() + " are left");
        }
    }

    private void whole(long value) {
        push(24, new Whole(value));
    }

    private void big(int length) {
        byte[] little = bytes.copy(length);
        byte[] big = new byte[length];
        for (int i = 0; i < length; i++) {
            big[length - 1 - i] = little[i];
        }
        BigInteger value = length == 0 ? BigInteger.ZERO : new BigInteger(big);
        push(100L + 2L * length, value.bitLength() < 64 ? new Whole(value.longValue()) : new PickleValue.Large(value));
    }

    private void text(long length) {
        checkLength(length);
        allowance.take(60 + 3 * length, at); // the bytes, and up to two a character
        push(new Text(bytes.text(length)));
    }

    private void raw(long length) {
        checkLength(length);
        push(80, new Bytes(bytes.slice(length)));
    }

    /** Before anything is taken for it. */
    private void checkLength(long length) {
        if (length < 0 || length > bytes.remaining() || length > MAX_BYTES) {
            throw wrong(
                    "has a string of " + Long.toUnsignedString(length) + " bytes, " + bytes.remaining() + " are left");
        }
    }

    private void tuple(List<PickleValue> items) {
        push(40 + 8L * items.size(), new Tuple(List.copyOf(items)));
    }

    private void list(List<PickleValue> items) {
        push(60 + 16L * items.size(), new Sequence(new ArrayList<>(items)));
    }

    private void append(List<PickleValue> items) {
        if (!(peek() instanceof Sequence list)) {
            throw wrong("appends to something that is no list");
        }
        allowance.take(16L * items.size(), at);
        list.items().addAll(items);
    }

    private void dict(List<PickleValue> items) {
        push(100, new Dictionary(new LinkedHashMap<>()));
        setItems(items);
    }

    private void setItems(List<PickleValue> items) {
        if (!(peek() instanceof Dictionary dict)) {
            throw wrong("sets an item of something that is no dict");
        }
        if (items.size() % 2 != 0) {
            throw wrong("sets a key without a value");
        }
        for (int i = 0; i < items.size(); i += 2) {
            calls.put(dict.entries(), items.get(i), items.get(i + 1), at);
        }
    }

    private void remember(long index) {
        allowance.take(90, at);
        memo.put(index, peek());
    }

    private void recall(long index) {
        PickleValue value = memo.get(index);
        if (value == null) {
            throw wrong("recalls value " + index + ", which was not remembered");
        }
        push(value);
    }

    private void stackedName() {
        List<PickleValue> parts = top(2);
        if (!(parts.get(0) instanceof Text(String module)) || !(parts.get(1) instanceof Text(String name))) {
            throw wrong("names a class by something that is no text");
        }
        name(module, name);
    }

    private void name(String module, String name) {
        Name value = new Name(module, name);
        if (!Globals.known(value)) {
            throw wrong("names " + MalformedFileException.shown(module) + "." + MalformedFileException.shown(name)
                    + ", which no checkpoint of tensors needs; nothing was done with it. Save model.state_dict() alone,"
                    + " or as safetensors");
        }
        push(120L + 2L * (module.length() + name.length()), value);
    }

    private void call() {
        List<PickleValue> parts = top(2);
        if (!(parts.get(1) instanceof Tuple arguments)) {
            throw wrong("calls with something that is no tuple");
        }
        push(calls.call(parts.get(0), arguments.items(), at));
    }

    /** The attributes of an object: an OrderedDict's say which version of a module it came from, which nobody needs. */
    private void build() {
        pop();
        if (!(peek() instanceof Dictionary)) {
            throw wrong("sets attributes of something that is no OrderedDict");
        }
    }

    private void push(long cost, PickleValue value) {
        allowance.take(cost, at);
        push(value);
    }

    private void push(PickleValue value) {
        stack.add(value);
    }

    private PickleValue pop() {
        if (stack.size() <= floor()) {
            throw wrong("takes a value that is not there");
        }
        return stack.removeLast();
    }

    private PickleValue peek() {
        if (stack.size() <= floor()) {
            throw wrong("takes a value that is not there");
        }
        return stack.getLast();
    }

    /** What lies below the last mark is not to be touched. */
    private int floor() {
        return marks.isEmpty() ? 0 : marks.getLast();
    }

    private List<PickleValue> top(int count) {
        if (stack.size() - count < floor()) {
            throw wrong("takes " + count + " values where fewer are");
        }
        return taken(stack.size() - count);
    }

    private List<PickleValue> popMark() {
        if (marks.isEmpty()) {
            throw wrong("goes back to a mark that is not there");
        }
        return taken(marks.removeLast());
    }

    private List<PickleValue> taken(int from) {
        List<PickleValue> part = stack.subList(from, stack.size());
        List<PickleValue> copy = List.copyOf(part);
        part.clear();
        return copy;
    }

    private MalformedFileException wrong(String message) {
        return new MalformedFileException(file, at, message);
    }
}
