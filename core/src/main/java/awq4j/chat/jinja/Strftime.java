package awq4j.chat.jinja;

import java.time.LocalDateTime;
import java.time.format.TextStyle;
import java.time.temporal.ChronoField;
import java.time.temporal.IsoFields;
import java.util.Locale;

/** C's strftime in the C locale, for a time without zone. */
final class Strftime {
    private Strftime() {}

    /**
     * Writes a time.
     *
     * @throws TemplateException if the format asks for what is not known
     */
    static String format(String format, LocalDateTime time) {
        var out = new StringBuilder();
        for (int i = 0; i < format.length(); i++) {
            char character = format.charAt(i);
            if (character != '%' || i + 1 == format.length()) {
                out.append(character);
                continue;
            }
            char conversion = format.charAt(++i);
            boolean bare = conversion == '-' && i + 1 < format.length();
            if (bare) {
                conversion = format.charAt(++i);
            }
            String field = field(conversion, time);
            out.append(bare ? field.replaceFirst("^[0 ]+(?=\\d)", "") : field);
        }
        return out.toString();
    }

    private static String field(char conversion, LocalDateTime time) {
        return switch (conversion) {
            case 'a' -> time.getDayOfWeek().getDisplayName(TextStyle.SHORT, Locale.ENGLISH);
            case 'A' -> time.getDayOfWeek().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
            case 'b', 'h' ->
                time.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH).substring(0, 3);
            case 'B' -> time.getMonth().getDisplayName(TextStyle.FULL, Locale.ENGLISH);
            case 'c' -> format("%a %b %e %H:%M:%S %Y", time);
            case 'C' -> digits(time.getYear() / 100, 2, '0');
            case 'd' -> digits(time.getDayOfMonth(), 2, '0');
            case 'D', 'x' -> format("%m/%d/%y", time);
            case 'e' -> digits(time.getDayOfMonth(), 2, ' ');
            case 'f' -> digits(time.getNano() / 1000, 6, '0');
            case 'F' -> format("%Y-%m-%d", time);
            case 'G' -> String.valueOf(time.get(IsoFields.WEEK_BASED_YEAR));
            case 'H' -> digits(time.getHour(), 2, '0');
            case 'I' -> digits(time.get(ChronoField.CLOCK_HOUR_OF_AMPM), 2, '0');
            case 'j' -> digits(time.getDayOfYear(), 3, '0');
            case 'm' -> digits(time.getMonthValue(), 2, '0');
            case 'M' -> digits(time.getMinute(), 2, '0');
            case 'n' -> "\n";
            case 'p' -> time.getHour() < 12 ? "AM" : "PM";
            case 'r' -> format("%I:%M:%S %p", time);
            case 'R' -> format("%H:%M", time);
            case 'S' -> digits(time.getSecond(), 2, '0');
            case 't' -> "\t";
            case 'T', 'X' -> format("%H:%M:%S", time);
            case 'u' -> String.valueOf(time.getDayOfWeek().getValue());
            case 'U' -> digits((time.getDayOfYear() + 6 - time.getDayOfWeek().getValue() % 7) / 7, 2, '0');
            case 'V' -> digits(time.get(IsoFields.WEEK_OF_WEEK_BASED_YEAR), 2, '0');
            case 'w' -> String.valueOf(time.getDayOfWeek().getValue() % 7);
            case 'W' -> digits((time.getDayOfYear() + 6 - (time.getDayOfWeek().getValue() - 1)) / 7, 2, '0');
            case 'y' -> digits(time.getYear() % 100, 2, '0');
            case 'Y' -> String.valueOf(time.getYear());
            case 'z', 'Z' -> "";
            case '%' -> "%";
            default -> throw new TemplateException("strftime_now does not know %" + conversion);
        };
    }

    private static String digits(int number, int width, char fill) {
        String text = String.valueOf(number);
        return String.valueOf(fill).repeat(Math.max(0, width - text.length())) + text;
    }
}
