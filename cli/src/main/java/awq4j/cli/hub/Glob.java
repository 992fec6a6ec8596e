package awq4j.cli.hub;

import java.util.regex.Pattern;

/**
 * A pattern for paths, as {@code hf download} takes it: {@code *} stands for any text, also with slashes, {@code ?} for
 * one character, {@code [abc]} and {@code [!abc]} for one of these or none of them; a folder's name with a slash at its
 * end for all below it. Upper and lower case differ.
 */
record Glob(String text, Pattern pattern) {
    static Glob of(String text) {
        String glob = text.endsWith("/") ? text + "*" : text;
        var regex = new StringBuilder();
        for (int i = 0; i < glob.length(); i++) {
            char c = glob.charAt(i);
            int end = c == '[' ? glob.indexOf(']', i + 2) : -1;
            if (c == '*') {
                regex.append(".*");
            } else if (c == '?') {
                regex.append('.');
            } else if (end > 0) {
                String set = glob.substring(i + 1, end)
                        .replace("\\", "\\\\")
                        .replace("[", "\\[")
                        .replace("&&", "&\\&");
                regex.append('[')
                        .append(set.startsWith("!") ? "^" + set.substring(1) : set.replaceFirst("^\\^", "\\\\^"))
                        .append(']');
                i = end;
            } else {
                regex.append(Pattern.quote(String.valueOf(c)));
            }
        }
        try {
            return new Glob(text, Pattern.compile(regex.toString(), Pattern.DOTALL));
        } catch (java.util.regex.PatternSyntaxException e) {
            throw new HubException("\"" + text + "\" is not a pattern for files, such as \"*.json\"", e);
        }
    }

    boolean matches(RemoteFile file) {
        return pattern.matcher(file.path()).matches();
    }
}
