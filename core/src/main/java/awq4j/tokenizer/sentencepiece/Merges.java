package awq4j.tokenizer.sentencepiece;

import awq4j.tokenizer.sentencepiece.SentencePieceModel.Piece;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The merges that a SentencePiece BPE vocabulary implies.
 *
 * <p>SentencePiece joins the neighbours whose joint piece has the highest score; a merge list says the same in order.
 * Every way to cut a piece into two pieces is a merge; equal scores go by the longer left part, then the longer right
 * part, the order of Hugging Face's converter.
 */
final class Merges {
    private Merges() {}

    /** Two neighbouring pieces that become one. */
    record Merge(String left, String right, float score) {}

    private record Cut(Merge merge, int leftId, int rightId) {}

    static List<Merge> of(List<Piece> pieces) {
        Map<String, Integer> ids = new HashMap<>();
        for (int id = 0; id < pieces.size(); id++) {
            ids.put(pieces.get(id).text(), id);
        }
        var merges = new ArrayList<Merge>();
        for (Piece piece : pieces) {
            merges.addAll(cuts(piece, ids));
        }
        merges.sort(Comparator.comparingDouble(Merge::score)
                .thenComparingInt(
                        merge -> merge.left().codePointCount(0, merge.left().length()))
                .thenComparingInt(
                        merge -> merge.right().codePointCount(0, merge.right().length()))
                .reversed());
        return merges;
    }

    private static List<Merge> cuts(Piece piece, Map<String, Integer> ids) {
        String text = piece.text();
        var cuts = new ArrayList<Cut>();
        for (int at = 1; at < text.length(); at++) {
            if (Character.isLowSurrogate(text.charAt(at))) {
                continue;
            }
            Integer left = ids.get(text.substring(0, at));
            Integer right = left == null ? null : ids.get(text.substring(at));
            if (left != null && right != null) {
                cuts.add(new Cut(new Merge(text.substring(0, at), text.substring(at), piece.score()), left, right));
            }
        }
        cuts.sort(Comparator.comparingInt(Cut::leftId).thenComparingInt(Cut::rightId));
        return cuts.stream().map(Cut::merge).toList();
    }
}
