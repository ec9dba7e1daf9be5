package io.levee.engine;

/**
 * Where a row came from, when it comes from a source that can be read again: a followed file, a spill file, a peer. An engine keeps
 * the highest position of each source in the commit of the rows themselves, so that a replay neither repeats nor loses one.
 *
 * @param source the source's name, unique in the table
 * @param position where the row ends in it; rises from row to row of one source
 */
public record SourceMark(String source, long position) {}
