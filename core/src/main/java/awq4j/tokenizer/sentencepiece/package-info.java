/** SentencePiece models ({@code tokenizer.model}), read and rewritten as a {@code tokenizer.json}. */
package awq4j.tokenizer.sentencepiece;
