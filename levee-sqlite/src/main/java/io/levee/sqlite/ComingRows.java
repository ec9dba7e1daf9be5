package io.levee.sqlite;

import io.levee.LeveeException;
import io.levee.Migration;
import java.sql.Connection;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Keeps backfills right about rows that move from one partition to another, since their class has changed: each row that a backfill is for
 * is set once, wherever it is when its turn comes (guarantees G17, G120).
 *
 * <p>In the transaction that takes a row in, the marks of both files are compared. A row that was not set where it was and comes to where the
 * backfill has been is noted as due; one that was set and comes to where it has not been is noted as set, see {@link MovedNumbers}. Slices
 * are the writer's too, so that none is made in between. Rows of adopted databases that are written again are new rows.
 */
final class ComingRows {
    private final Catalog catalog;
    /** By migration: what has no number below this one is not its work. */
    private final Map<String, Long> bounds = new ConcurrentHashMap<>();

    ComingRows(Catalog catalog) {
        this.catalog = catalog;
    }

    /** A migration has reached all rows with numbers below this one: others are new. Any thread. */
    void ended(String migration, long end) {
        bounds.merge(migration, end, Math::min);
    }

    private long bound(String id, MigrationMark mark) {
        return Math.min(
                mark.bound(), bounds.computeIfAbsent(id, any -> catalog.change(c -> MigrationCatalog.bound(c, any))));
    }

    /**
     * Notes what backfills have to know of rows that a partition takes in, in the transaction that does so. Writer thread.
     *
     * @param from where they come from; null for an adopted database
     */
    void note(PartitionWriter to, @Nullable PartitionWriter from, Group group) throws SQLException {
        if (from == null || group.moved.isEmpty()) {
            return;
        }
        Map<String, MigrationMark> there = MigrationMark.all(from.connection(), "");
        Map<String, MigrationMark> here = MigrationMark.all(to.connection(), "");
        Set<String> ids = new LinkedHashSet<>(there.keySet());
        ids.addAll(here.keySet());
        for (String id : ids) {
            MigrationMark was = there.get(id);
            MigrationMark is = here.get(id);
            boolean over = was != null && was.done() && is != null && is.done();
            if (!over && sets(was == null ? here.get(id) : was)) {
                note(to, from, id, was, is, group);
            }
        }
    }

    private static boolean sets(@Nullable MigrationMark mark) {
        try {
            return mark != null
                    && MigrationCatalog.sets(Migration.fromMap(mark.migration()).step());
        } catch (LeveeException e) {
            // Of a release to come: nobody here makes it.
            return false;
        }
    }

    private void note(
            PartitionWriter to,
            PartitionWriter from,
            String id,
            @Nullable MigrationMark was,
            @Nullable MigrationMark is,
            Group group)
            throws SQLException {
        MigrationMark any = was == null ? is : was;
        if (any == null) {
            return;
        }
        long bound = bound(id, any);
        List<Long> seqs = group.moved.stream()
                .map(Group.Moved::seq)
                .filter(seq -> seq < bound)
                .toList();
        Map<Long, Boolean> listed =
                was == null || was.done() ? new HashMap<>() : MovedNumbers.of(from.connection(), id, seqs);
        List<Long> due = new ArrayList<>();
        List<Long> set = new ArrayList<>();
        for (long seq : seqs) {
            boolean unset =
                    was == null || !was.done() && listed.getOrDefault(seq, seq > was.cursor() && seq <= was.upTo());
            (unset ? due : set).add(seq);
        }
        Connection connection = to.connection();
        MigrationMark mark = is;
        if (mark == null && was != null && !set.isEmpty()) {
            // It begins here: what else is there now it meets on its way.
            mark = begin(to, was);
            mark.write(connection, id);
        }
        if (mark != null && !due.isEmpty()) {
            if (mark.done()) {
                mark.after(Math.max(mark.cursor(), mark.upTo()), 0, 0, false).write(connection, id);
                to.partition().reopened();
            }
            MovedNumbers.put(connection, id, true, due);
        }
        if (mark != null && !mark.done() && !set.isEmpty()) {
            MovedNumbers.put(connection, id, false, set);
        }
    }

    private static MigrationMark begin(PartitionWriter to, MigrationMark was) throws SQLException {
        MigrationSlice.requireMarked(to.connection(), to.spec());
        long highest = Sqlite.number(to.connection(), "SELECT max_seq FROM levee_stats WHERE id = 1");
        return new MigrationMark(
                was.migration(),
                was.number(),
                was.digest(),
                was.bound(),
                Math.min(highest, was.bound() - 1),
                Long.MIN_VALUE,
                0,
                0,
                false);
    }
}
