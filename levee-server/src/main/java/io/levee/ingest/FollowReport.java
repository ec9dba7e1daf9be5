package io.levee.ingest;

/**
 * What became of the records of a followed file: {@code read = stored + updated + known + rejected + lost + unsettled}, always.
 *
 * @param read records read, good or bad, those that were read again included
 * @param stored new rows
 * @param updated rows of a known key that were updated
 * @param known records that an earlier run had stored already
 * @param rejected bad records; each was named to the listener
 * @param lost records that were taken and then given up
 * @param unsettled records handed over and not settled yet; after the end: to be read again by the next start
 * @param files how many files were begun
 * @param gaps how often something could not be read any more; each was named to the listener
 * @param position up to where everything is settled, as the store knows it: the next start goes on there
 */
public record FollowReport(
        long read,
        long stored,
        long updated,
        long known,
        long rejected,
        long lost,
        long unsettled,
        int files,
        int gaps,
        long position) {}
