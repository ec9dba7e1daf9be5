package io.levee.engine;

/**
 * What a part of a migration cost when it was tried.
 *
 * @param rows rows that were worked on
 * @param nanos how long it took
 * @param bytes bytes that the result takes on disk beside what is there, such as those of an index; 0 for none
 */
public record MigrationSample(long rows, long nanos, long bytes) {}
