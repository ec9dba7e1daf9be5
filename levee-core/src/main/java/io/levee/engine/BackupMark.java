package io.levee.engine;

import java.nio.file.Path;
import java.time.Instant;

/**
 * That a backup was made, as the store remembers it: an erasure cannot reach what lies there.
 *
 * @param directory where
 * @param at the moment that the newest backup there is of
 */
public record BackupMark(Path directory, Instant at) {}
