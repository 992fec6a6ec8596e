package awq4j.cli.hub;

import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A model as a hub calls it, and which state of it.
 *
 * @param id {@code ORG/MODEL}, or the bare name that the hub's oldest models have
 * @param revision a branch, a tag or a commit
 */
public record ModelName(String id, String revision) {
    /** The branch that is meant if none is named. */
    public static final String MAIN = "main";

    private static final String PART = "[A-Za-z0-9_](?:[\\w.-]{0,94}[A-Za-z0-9_])?";
    private static final Pattern ID = Pattern.compile("(?:" + PART + "/)?" + PART);
    private static final Pattern REVISION = Pattern.compile("[\\w][\\w.+-]*(?:/[\\w][\\w.+-]*)*");
    private static final Pattern TYPED = Pattern.compile("([^@]+)(?:@(.+))?");
    private static final Pattern COMMIT = Pattern.compile("[0-9a-f]{40}");

    /**
     * Checks both parts: they become parts of paths and of addresses.
     *
     * @throws HubException if one cannot be a hub's
     */
    public ModelName {
        if (!isId(id)) {
            throw new HubException("\"" + id + "\" is not a model's name; it should look like ORG/MODEL, for example"
                    + " Qwen/Qwen2.5-0.5B-Instruct");
        }
        if (!isRevision(revision)) {
            throw new HubException(
                    "\"" + revision + "\" is not a revision; it should be a branch, a tag or a commit of " + id);
        }
    }

    /** The model that was typed as {@code ORG/MODEL} or {@code ORG/MODEL@REVISION}; empty if it is neither. */
    public static Optional<ModelName> parse(String typed) {
        Matcher parts = TYPED.matcher(typed);
        if (!parts.matches() || !isId(parts.group(1))) {
            return Optional.empty();
        }
        String revision = parts.group(2) == null ? MAIN : parts.group(2);
        return isRevision(revision) ? Optional.of(new ModelName(parts.group(1), revision)) : Optional.empty();
    }

    /** Whether the revision is a commit, which never changes. */
    boolean isCommit() {
        return isCommit(revision);
    }

    static boolean isCommit(String text) {
        return COMMIT.matcher(text).matches();
    }

    /** As it is typed: the revision only where it is not the usual one. */
    @Override
    public String toString() {
        return revision.equals(MAIN) ? id : id + "@" + revision;
    }

    /** Two dashes stand for the slash in the cache's folders, so no name has them. */
    private static boolean isId(String text) {
        return ID.matcher(text).matches() && !text.contains("--") && !text.contains("..");
    }

    private static boolean isRevision(String text) {
        return text.length() <= 200 && REVISION.matcher(text).matches() && !text.contains("..");
    }
}
