package awq4j.cli;

import java.time.Duration;
import java.util.Locale;

/** Numbers as people read them; always with a decimal point, whatever the locale. */
final class Figures {
    private static final String[] BINARY = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};

    private Figures() {}

    /** For example {@code 11.8 MiB}: three digits or so, powers of 1024. */
    static String bytes(long bytes) {
        double value = bytes;
        int unit = 0;
        while (Math.abs(value) >= 1023.5 && unit < BINARY.length - 1) {
            value /= 1024;
            unit++;
        }
        return (unit == 0 ? Long.toString(bytes) : three(value)) + " " + BINARY[unit];
    }

    /** For example {@code 6.2 M} or {@code 1.10 B}: how parameters are counted. */
    static String count(long count) {
        if (count < 1_000) {
            return Long.toString(count);
        }
        if (count < 999_500) {
            return three(count / 1e3) + " K";
        }
        return count < 999_500_000L ? three(count / 1e6) + " M" : fixed(count / 1e9, 2) + " B";
    }

    /** Thousands set apart by commas, for example {@code 32,000}. */
    static String grouped(long count) {
        return String.format(Locale.ROOT, "%,d", count);
    }

    /** For example {@code 0.8 s}, {@code 42 s}, {@code 3 min 07 s}, {@code 2 h 05 min}. */
    static String duration(Duration duration) {
        double seconds = duration.toMillis() / 1e3;
        if (seconds < 9.95) {
            return fixed(seconds, 1) + " s";
        }
        long whole = Math.round(seconds);
        if (whole < 120) {
            return whole + " s";
        }
        if (whole < 7200) {
            return String.format(Locale.ROOT, "%d min %02d s", whole / 60, whole % 60);
        }
        return String.format(Locale.ROOT, "%d h %02d min", whole / 3600, whole % 3600 / 60);
    }

    /** A number with {@code places} decimals; NaN and infinities by name. */
    static String fixed(double value, int places) {
        return String.format(Locale.ROOT, "%." + places + "f", value);
    }

    /** Small and large numbers alike: four significant digits, scientific only where it must be. */
    static String significant(double value) {
        double size = Math.abs(value);
        if (value == 0 || (size >= 0.001 && size < 100_000)) {
            int whole = size < 1 ? 0 : (int) Math.floor(Math.log10(size)) + 1;
            int leading = size > 0 && size < 1 ? (int) Math.floor(-Math.log10(size)) : 0;
            return fixed(value, Math.max(0, 4 - whole + leading));
        }
        return String.format(Locale.ROOT, "%.3e", value);
    }

    /** Three digits, and all that stand before the point. */
    static String three(double value) {
        return fixed(value, value < 9.995 ? 2 : value < 99.95 ? 1 : 0);
    }
}
