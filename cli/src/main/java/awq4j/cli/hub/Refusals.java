package awq4j.cli.hub;

import java.util.Optional;

/** Puts a hub's refusals into words. */
final class Refusals {
    private static final int UNAUTHORIZED = 401;
    private static final int FORBIDDEN = 403;
    private static final int NOT_FOUND = 404;
    private static final int LONGEST_MESSAGE = 200;

    private Refusals() {}

    /** What an answer without a result means, for the model that was asked for. */
    static HubException of(Answer answer, ModelName model, HubSettings settings, String host) {
        Optional<Token> token = settings.token();
        int status = answer.status();
        String page = settings.endpoint() + "/" + model.id();
        String tokens = settings.endpoint() + "/settings/tokens";
        String id = model.id();
        return new HubException(
                switch (answer.header("X-Error-Code").orElse("")) {
                    case "GatedRepo" ->
                        id + " is gated: accept its terms at " + page + ", then "
                                + token.map(t -> "run this again; the " + t + " must be of the same account")
                                        .orElse("make a token at " + tokens + " and set HF_TOKEN to it");
                    case "RevisionNotFound" ->
                        id + " has no revision " + model.revision() + " at " + host
                                + "; it should be a branch, a tag or a commit, see " + page + "/commits";
                    case "EntryNotFound" -> host + " lists a file of " + id + " and does not have it; run this again";
                    case "DisabledRepo" -> host + " has disabled " + id;
                    case "RepoNotFound" -> unknown(id, host, token, tokens);
                    default -> byStatus(status, answer, id, host, token, tokens);
                });
    }

    private static String byStatus(
            int status, Answer answer, String id, String host, Optional<Token> token, String tokens) {
        return switch (status) {
            case UNAUTHORIZED ->
                token.map(t -> host + " does not accept the " + t + "; make a new one at " + tokens
                                + ", or remove it: public models need none")
                        .orElseGet(() -> unknown(id, host, token, tokens));
            case NOT_FOUND -> unknown(id, host, token, tokens);
            case FORBIDDEN ->
                host + " forbids " + id + said(answer) + "; "
                        + token.map(t -> "may the " + t + " read it?")
                                .orElse("if it takes a token, make one at " + tokens + " and set HF_TOKEN to it");
            default ->
                host + " answers " + id + " with status " + status + said(answer)
                        + (HubClient.passing(status) ? "; try again later" : "; is that a hub's address?");
        };
    }

    private static String unknown(String id, String host, Optional<Token> token, String tokens) {
        return "there is no model " + id + " at " + host + ", or it is private; check the spelling"
                + token.map(t -> ", and that the " + t + " may read it")
                        .orElse(", or set HF_TOKEN to a token from " + tokens);
    }

    private static String said(Answer answer) {
        return answer.header("X-Error-Message")
                .filter(message -> !message.isBlank())
                .map(message -> " ("
                        + (message.length() > LONGEST_MESSAGE ? message.substring(0, LONGEST_MESSAGE) + "..." : message)
                        + ")")
                .orElse("");
    }
}
