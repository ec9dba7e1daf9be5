package io.levee.postgres;

import io.levee.internal.supervisor.Errands;

/**
 * What only a store that is open for writing has.
 *
 * @param lastClean whether the last writer closed it in order
 */
record Writing(
        WriterSession session,
        Leaves leaves,
        BatchAppender appender,
        RowChanges changes,
        Detaching detaching,
        DroppedTables dropped,
        Migrations migrations,
        Splitting splitting,
        SplitSlice.Parts moving,
        Errands<SplitSlice.Parts> errands,
        Ledger ledger,
        boolean lastClean) {}
