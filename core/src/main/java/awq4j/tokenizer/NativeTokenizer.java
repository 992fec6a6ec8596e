package awq4j.tokenizer;

import ai.djl.huggingface.tokenizers.jni.LibUtils;
import ai.djl.huggingface.tokenizers.jni.TokenizersLibrary;
import awq4j.kernel.BackendException;
import java.lang.ref.Cleaner;
import java.lang.ref.Reference;

/**
 * A tokenizer of the native library, freed when it is no longer reachable.
 *
 * <p>The library's Java front is passed by: it truncates unless told otherwise, gathers six arrays per text of which one
 * is needed, and reports its use. Calls may run at the same time: the native side only reads the tokenizer.
 */
final class NativeTokenizer {
    private static final Cleaner CLEANER = Cleaner.create();

    static {
        LibrarySettings.apply(System.getProperties());
    }

    private final long handle;

    /**
     * @param json a tokenizer.json
     * @throws IllegalArgumentException if the library refuses it; the message is the library's
     * @throws BackendException if the library has no native code for this machine
     */
    NativeTokenizer(String json) {
        load();
        long created;
        try {
            created = TokenizersLibrary.LIB.createTokenizerFromString(json);
        } catch (RuntimeException e) {
            throw new IllegalArgumentException(e.getMessage(), e);
        }
        handle = created;
        TokenizersLibrary.LIB.disableTruncation(handle);
        TokenizersLibrary.LIB.disablePadding(handle);
        CLEANER.register(this, () -> TokenizersLibrary.LIB.deleteTokenizer(created));
    }

    /** @throws BackendException if the library has no native code for this machine */
    static void load() {
        try {
            LibUtils.checkStatus();
        } catch (LinkageError | RuntimeException e) {
            throw notLoaded(e);
        }
    }

    private static BackendException notLoaded(Throwable e) {
        Throwable cause = e.getCause() == null ? e : e.getCause();
        var failure = new BackendException("the tokenizer library could not load its native code on "
                + System.getProperty("os.name") + " " + System.getProperty("os.arch") + ": " + cause.getMessage()
                + ". It has code for Linux (x86-64, aarch64), macOS (aarch64) and Windows (x86-64)");
        failure.initCause(e);
        return failure;
    }

    int[] encode(String text, boolean addSpecialTokens) {
        try {
            long encoding = TokenizersLibrary.LIB.encode(handle, text, addSpecialTokens);
            try {
                long[] wide = TokenizersLibrary.LIB.getTokenIds(encoding);
                var ids = new int[wide.length];
                for (int i = 0; i < wide.length; i++) {
                    ids[i] = Math.toIntExact(wide[i]);
                }
                return ids;
            } finally {
                TokenizersLibrary.LIB.deleteEncoding(encoding);
            }
        } finally {
            Reference.reachabilityFence(this);
        }
    }

    String decode(int[] ids, int from, int to, boolean skipSpecial) {
        var wide = new long[to - from];
        for (int i = from; i < to; i++) {
            wide[i - from] = ids[i];
        }
        try {
            return TokenizersLibrary.LIB.decode(handle, wide, skipSpecial);
        } finally {
            Reference.reachabilityFence(this);
        }
    }
}
