/**
 * Checkpoints as they lie on disk: {@link awq4j.format.Checkpoints} opens a folder, {@link awq4j.format.Checkpoint} is
 * what the rest of the library sees of it. Files are untrusted; a damaged one is answered with
 * {@link awq4j.format.MalformedFileException}, which names the file and the place.
 */
@NullMarked
package awq4j.format;

import org.jspecify.annotations.NullMarked;
