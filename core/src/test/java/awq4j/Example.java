package awq4j;

import java.nio.file.Path;
import java.util.Locale;

/** The library in a few lines; the README quotes them. */
final class Example {
    private Example() {}

    static void main(String... arguments) {
        try (LanguageModel model = LanguageModel.open(Path.of(arguments[0]))) {
            var sampling = model.recommendedSampling().withMaxTokens(100).withSeed(7);
            Reply reply = model.generate("Once upon a time", sampling, System.out::print);
            System.out.printf(Locale.ROOT, "%n%.1f tokens/s%n", reply.timings().replyTokensPerSecond());
        }
    }
}
