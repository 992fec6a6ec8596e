package awq4j.format.pickle;

import awq4j.format.MalformedFileException;
import awq4j.format.pickle.ElementTypes.ElementType;
import awq4j.format.pickle.Globals.Call;
import awq4j.format.pickle.PickleValue.Bytes;
import awq4j.format.pickle.PickleValue.Dictionary;
import awq4j.format.pickle.PickleValue.Name;
import awq4j.format.pickle.PickleValue.Sequence;
import awq4j.format.pickle.PickleValue.Storage;
import awq4j.format.pickle.PickleValue.TensorView;
import awq4j.format.pickle.PickleValue.Text;
import awq4j.format.pickle.PickleValue.Tuple;
import awq4j.format.pickle.PickleValue.Whole;
import awq4j.tensor.Shape;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** What stands for calling one of {@link Globals}: values made of values. */
final class Calls {
    private static final int MAX_RANK = 64;

    private final Path file;
    private final Allowance allowance;
    private final List<TensorView> tensors = new ArrayList<>();
    private final Map<String, Storage> storages = new LinkedHashMap<>();

    Calls(Path file, Allowance allowance) {
        this.file = file;
        this.allowance = allowance;
    }

    /** All tensors so far. */
    List<TensorView> tensors() {
        return tensors;
    }

    /** All storages so far, by key. */
    Map<String, Storage> storages() {
        return storages;
    }

    /** @param at where the call stands in the file, for messages */
    PickleValue call(PickleValue function, List<PickleValue> arguments, long at) {
        if (!(function instanceof Name name)) {
            throw wrong(at, "calls something that is no function");
        }
        Call call = Globals.call(name).orElseThrow(() -> wrong(at, "calls " + name + ", which is a type"));
        return switch (call) {
            case TENSOR -> tensor(arguments, null, at);
            case TYPED_TENSOR -> tensor(arguments, elementType(arguments, at), at);
            case PARAMETER -> parameter(arguments, at);
            case FROM_TYPE -> fromType(arguments, at);
            case ORDERED_DICT -> orderedDict(arguments, at);
            case SIZE -> {
                List<PickleValue> extents = arguments.isEmpty() ? List.of() : items(arguments.getFirst(), at);
                allowance.take(40 + 8L * extents.size(), at);
                yield new Tuple(List.copyOf(extents));
            }
            case DEVICE -> arguments.isEmpty() ? new Text("") : arguments.getFirst();
            case ENCODE -> encode(arguments, at);
        };
    }

    /**
     * The storage that a persistent id means: ("storage", class, key, device, elements), and None behind them in the
     * older form.
     */
    Storage storage(PickleValue id, long at) {
        if (!(id instanceof Tuple tuple)
                || tuple.items().size() < 5
                || !(tuple.items().get(0) instanceof Text(String kind))
                || !kind.equals("storage")
                || !(tuple.items().get(1) instanceof Name type)
                || !(tuple.items().get(2) instanceof Text(String key))
                || !(tuple.items().get(4) instanceof Whole(long elements))) {
            throw wrong(at, "expected (\"storage\", class, key, device, elements) for a persistent id");
        }
        if (tuple.items().size() > 5 && !(tuple.items().get(5) instanceof PickleValue.None)) {
            throw wrong(at, "has a storage that is a view of another, as PyTorch wrote before 0.4");
        }
        ElementType elementType =
                ElementTypes.ofStorage(type).orElseThrow(() -> wrong(at, type + " is not the class of a storage"));
        if (elements < 0 || elements > Long.MAX_VALUE / elementType.bytes()) {
            throw wrong(at, "has a storage of " + elements + " elements");
        }
        Storage storage = new Storage(key, type, elements * elementType.bytes());
        Storage known = storages.get(key);
        if (known == null) {
            allowance.take(120 + 2L * key.length(), at);
            storages.put(key, storage);
            return storage;
        }
        if (!known.equals(storage)) {
            throw wrong(
                    at,
                    "has storage " + MalformedFileException.shown(key) + " as " + type + " of " + storage.bytes()
                            + " bytes and as " + known.type() + " of " + known.bytes());
        }
        return known;
    }

    private TensorView tensor(List<PickleValue> arguments, @Nullable ElementType stated, long at) {
        if (arguments.size() < 4
                || arguments.size() > 8
                || !(arguments.get(0) instanceof Storage storage)
                || !(arguments.get(1) instanceof Whole(long offset))) {
            throw wrong(at, "expected (storage, offset, extents, strides, ...) for a tensor");
        }
        ElementType type =
                stated != null ? stated : ElementTypes.ofStorage(storage.type()).orElseThrow();
        List<Long> extents = numbers(arguments.get(2), "extents", at);
        List<Long> strides = numbers(arguments.get(3), "strides", at);
        if (strides.size() != extents.size()) {
            throw wrong(at, "has a tensor of " + extents.size() + " extents and " + strides.size() + " strides");
        }
        allowance.take(200 + 64L * extents.size(), at);
        var view =
                new TensorView(storage, type.name(), type.dtype(), type.bytes(), offset, new Shape(extents), strides);
        checkRange(view, at);
        tensors.add(view);
        return view;
    }

    /** That the view stays in its storage, in numbers that do not overflow. */
    private void checkRange(TensorView view, long at) {
        long capacity = view.storage().bytes() / view.elementBytes();
        if (view.offset() < 0 || view.offset() > capacity) {
            throw wrong(at, "has a tensor that begins at element " + view.offset() + " of a storage of " + capacity);
        }
        long last = view.offset();
        boolean empty = view.shape().dims().contains(0L);
        for (int axis = 0; axis < view.shape().rank(); axis++) {
            long extent = view.shape().dim(axis);
            long stride = view.strides().get(axis);
            long room = capacity - 1 - last;
            if (!empty && extent > 1) {
                if (stride > 0 && extent - 1 > room / stride) {
                    throw wrong(
                            at,
                            "has a tensor " + view.shape() + " with strides " + view.strides()
                                    + " that leaves its storage of " + capacity + " elements");
                }
                last += (extent - 1) * stride;
            }
        }
        if (!empty && last >= capacity) {
            throw wrong(
                    at,
                    "has a tensor " + view.shape() + " at element " + view.offset() + " of a storage of " + capacity);
        }
        try {
            view.sizeBytes();
        } catch (ArithmeticException e) {
            throw wrong(at, "has a tensor " + view.shape() + ", which exceeds 2^63 bytes");
        }
    }

    private ElementType elementType(List<PickleValue> arguments, long at) {
        if (arguments.size() > 6 && arguments.get(6) instanceof Name name) {
            return ElementTypes.named(name).orElseThrow(() -> wrong(at, name + " is not an element type"));
        }
        throw wrong(at, "expected an element type as a tensor's seventh argument");
    }

    private TensorView parameter(List<PickleValue> arguments, long at) {
        if (!arguments.isEmpty() && arguments.getFirst() instanceof TensorView view) {
            return view;
        }
        throw wrong(at, "expected a tensor as a parameter's first argument");
    }

    private PickleValue fromType(List<PickleValue> arguments, long at) {
        if (arguments.size() >= 3
                && arguments.get(0) instanceof Name function
                && arguments.get(1) instanceof Name
                && arguments.get(2) instanceof Tuple inner) {
            // one level only: a call by way of a call by way of ... could go on as long as the file
            if (Globals.call(function).filter(call -> call != Call.FROM_TYPE).isPresent()) {
                return call(function, inner.items(), at);
            }
        }
        throw wrong(at, "expected (function, class, arguments, state) for a tensor of another class");
    }

    private Dictionary orderedDict(List<PickleValue> arguments, long at) {
        allowance.take(100, at);
        var entries = new LinkedHashMap<String, PickleValue>();
        if (!arguments.isEmpty()) {
            for (PickleValue pair : items(arguments.getFirst(), at)) {
                List<PickleValue> parts = items(pair, at);
                if (parts.size() != 2) {
                    throw wrong(at, "expected pairs for an OrderedDict");
                }
                put(entries, parts.get(0), parts.get(1), at);
            }
        }
        return new Dictionary(entries);
    }

    /** Adds an entry; a later one of the same key wins, as in Python. */
    void put(Map<String, PickleValue> entries, PickleValue key, PickleValue value, long at) {
        String text = switch (key) {
            case Text(String string) -> string;
            case Whole(long number) -> Long.toString(number);
            case PickleValue.Truth(boolean truth) -> truth ? "True" : "False";
            default -> throw wrong(at, "has a dict whose key is neither a string nor an integer");
        };
        allowance.take(80, at);
        entries.put(text, value);
    }

    private Bytes encode(List<PickleValue> arguments, long at) {
        if (!arguments.isEmpty() && arguments.getFirst() instanceof Text(String text)) {
            allowance.take(40 + text.length(), at);
            return new Bytes(MemorySegment.ofArray(text.getBytes(StandardCharsets.ISO_8859_1)));
        }
        throw wrong(at, "expected text to be encoded");
    }

    private List<Long> numbers(PickleValue value, String what, long at) {
        List<PickleValue> items = items(value, at);
        if (items.size() > MAX_RANK) {
            throw wrong(at, "has a tensor of more than " + MAX_RANK + " " + what);
        }
        var numbers = new ArrayList<Long>(items.size());
        for (PickleValue item : items) {
            if (!(item instanceof Whole(long number)) || number < 0) {
                throw wrong(at, "expected integers from 0 for a tensor's " + what);
            }
            numbers.add(number);
        }
        return numbers;
    }

    private List<PickleValue> items(PickleValue value, long at) {
        return switch (value) {
            case Tuple(List<PickleValue> items) -> items;
            case Sequence(List<PickleValue> items) -> items;
            default -> throw wrong(at, "expected a tuple or a list");
        };
    }

    private MalformedFileException wrong(long at, String message) {
        return new MalformedFileException(file, at, message);
    }
}
