package io.levee;

/**
 * What {@link TableQuery#replay} gave.
 *
 * @param rows how many rows it handed over
 * @param after where a {@link Table#tail} goes on without a gap: whatever was committed since the replay began is behind it
 * @param coverage what is known to be missing of the range, with what retention dropped while the replay had not read it yet
 */
public record Replay(long rows, long after, Coverage coverage) {}
