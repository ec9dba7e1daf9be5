package io.levee.postgres;

import io.levee.Column;
import io.levee.TableSpec;
import io.levee.internal.adopt.MovedRows;
import io.levee.internal.adopt.SplitRow;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Reads an adopted table piece by piece in the order of its row numbers, from the highest to the lowest and then what was added above: by
 * the index of its numbers, or page by page where rows are numbered by where they lie. A piece ends early where its rows are large, so that
 * memory does not depend on them. Statements only; the caller's connection.
 */
final class SplitRead {
    /** What the rows of a piece take together, but for the last of them. */
    static final long MOST_BYTES = 8 << 20;

    /** A piece that is not there by then is made smaller: a server goes on with what nobody waits for any more. */
    static final Duration PATIENCE = Duration.ofSeconds(5);

    /** Pages that are looked through for one piece at most: they may hold no rows at all. */
    private static final long MOST_PAGES = 8_192;

    private static final int FIRST_CHUNK = 20;
    private static final int LARGEST_CHUNK = 1_000;
    private static final long CHUNK_BYTES = 1 << 20;
    private static final long PAGE = AdoptedTable.ROWS_OF_PAGE;

    private final Connection connection;
    private final TableSpec spec;
    private final AdoptedTable table;
    private final String select;
    private double rowsOfPage;

    /**
     * A piece.
     *
     * @param rows the highest number first
     * @param moved what will have moved with it
     */
    record Piece(List<SplitRow> rows, MovedRows moved) {}

    /** Reading so many rows took too long, and is to be tried with fewer. */
    static final class Slow extends RuntimeException {
        private static final long serialVersionUID = 1;

        Slow(SQLException cause) {
            super(cause);
        }
    }

    /**
     * Rows as they were asked for.
     *
     * @param whole whether they are all, and not only the first of them
     */
    private record Found(List<SplitRow> rows, boolean whole) {}

    SplitRead(Connection connection, TableSpec spec, AdoptedTable table) {
        this.connection = connection;
        this.spec = spec;
        this.table = table;
        List<String> selected = new ArrayList<>();
        spec.columns().forEach(c -> selected.add(table.column(c)));
        selected.add(table.rowNumber());
        selected.add(table.time());
        selected.add(table.readableTime() + " IS NULL");
        selected.add(table.unreadable());
        this.select = "SELECT " + String.join(", ", selected) + table.from() + " WHERE ";
    }

    /**
     * Has a connection read pieces: by the index of the numbers, also where the server believes that to sort all rows again for each piece
     * costs less, and no longer than it takes to ask for less.
     */
    static void begin(Connection connection, Duration patience) throws SQLException {
        Postgres.run(
                connection,
                "SET statement_timeout = " + patience.toMillis()
                        + "; SET enable_seqscan = off; SET enable_bitmapscan = off; SET jit = off");
    }

    /**
     * The next piece, or null at the end.
     *
     * @param moved what has moved
     * @param most so many rows; with rows numbered by where they lie about so many
     * @throws Slow where that many cannot be had in the connection's time
     */
    @Nullable
    Piece next(MovedRows moved, int most) throws SQLException {
        try {
            Piece below = table.byPlace() ? placesBelow(moved, most) : below(moved, most);
            return below != null ? below : table.byPlace() ? placesAbove(moved, most) : above(moved, most);
        } catch (SQLException e) {
            if (Postgres.cancelled(e)) {
                throw new Slow(e);
            }
            throw e;
        }
    }

    private @Nullable Piece below(MovedRows moved, int most) throws SQLException {
        String number = table.plainNumber();
        List<SplitRow> rows = read((moved.none() ? "true" : number + " < " + moved.from()) + " ORDER BY " + number
                        + " DESC LIMIT " + most)
                .rows;
        if (rows.isEmpty()) {
            return null;
        }
        long from = rows.get(rows.size() - 1).rowNumber();
        long to = moved.none() ? rows.get(0).rowNumber() : moved.to();
        return new Piece(rows, new MovedRows(from, to, moved.rows() + rows.size()));
    }

    private @Nullable Piece above(MovedRows moved, int most) throws SQLException {
        if (moved.none()) {
            return null;
        }
        String number = table.plainNumber();
        List<SplitRow> rows = read(number + " > " + moved.to() + " ORDER BY " + number + " LIMIT " + most).rows;
        return rows.isEmpty()
                ? null
                : new Piece(rows, new MovedRows(moved.from(), rows.get(0).rowNumber(), moved.rows() + rows.size()));
    }

    /** Places towards the first one. Numbers of a page that no row has are moved with it. */
    private @Nullable Piece placesBelow(MovedRows moved, int most) throws SQLException {
        long end = moved.none() ? pages() * PAGE : moved.from();
        long to = moved.none() ? end - 1 : moved.to();
        if (end <= 0) {
            return null;
        }
        long first = firstPage(end, most);
        Found found = between(first, end);
        // Too large for one piece: rows of one page alone, and fewer of them until they fit.
        for (int fewer = found.rows.size(); !found.whole; fewer = Math.max(1, fewer / 2)) {
            first = placeOf(end, fewer);
            found = between(first, end);
        }
        return new Piece(found.rows, new MovedRows(first, to, moved.rows() + found.rows.size()));
    }

    private long firstPage(long end, int most) throws SQLException {
        if (most < rowsOfPage()) {
            return placeOf(end, most);
        }
        return Math.max(0, (end + PAGE - 1) / PAGE - width(most)) * PAGE;
    }

    /** Where the last few rows of the page before a place begin; its first place where it has no more. */
    private long placeOf(long end, int rows) throws SQLException {
        long page = (end - 1) / PAGE * PAGE;
        Object first = Postgres.value(
                connection,
                "SELECT min(p) FROM (SELECT " + table.rowNumber() + " AS p" + table.from() + " WHERE "
                        + places(page, end) + " ORDER BY m.ctid DESC LIMIT " + rows + ") last");
        return first instanceof Long number ? number : page;
    }

    private @Nullable Piece placesAbove(MovedRows moved, int most) throws SQLException {
        long first = moved.to() + 1;
        long all = pages() * PAGE;
        if (moved.none() || first >= all) {
            return null;
        }
        long end = Math.min(all, (first / PAGE + width(most)) * PAGE);
        Found found = between(first, end);
        if (!found.whole) {
            // They come in the order of their places: up to the last of them.
            end = found.rows.get(0).rowNumber() + 1;
        }
        return new Piece(found.rows, new MovedRows(moved.from(), end - 1, moved.rows() + found.rows.size()));
    }

    private double rowsOfPage() throws SQLException {
        if (rowsOfPage == 0) {
            rowsOfPage = (double) table.adopted().facts().rowsEstimate() / Math.max(1, pages());
        }
        return rowsOfPage;
    }

    private long width(int most) throws SQLException {
        return Math.max(1, Math.min(MOST_PAGES, (long) (most / Math.max(0.1, rowsOfPage()))));
    }

    private long pages() throws SQLException {
        Object pages = Postgres.value(
                connection,
                "SELECT pg_catalog.pg_relation_size(" + table.source().oid()
                        + "::oid) / pg_catalog.current_setting('block_size')::bigint");
        return pages instanceof Long number ? number : 0;
    }

    private static String places(long first, long end) {
        return "m.ctid >= '(" + first / PAGE + "," + first % PAGE + ")'::tid AND m.ctid < '(" + end / PAGE + ","
                + end % PAGE + ")'::tid";
    }

    private Found between(long first, long end) throws SQLException {
        Found found = read(places(first, end));
        if (found.whole && first % PAGE == 0 && end % PAGE == 0) {
            rowsOfPage = (rowsOfPage() + (double) found.rows.size() * PAGE / (end - first)) / 2;
        }
        return found;
    }

    /** By a cursor: the driver would else have all rows at once, whatever is in them. */
    private Found read(String where) throws SQLException {
        connection.setAutoCommit(false);
        try (PreparedStatement statement = connection.prepareStatement(select + where)) {
            statement.setFetchSize(FIRST_CHUNK);
            List<SplitRow> read = new ArrayList<>();
            boolean whole = true;
            try (ResultSet rows = statement.executeQuery()) {
                long bytes = 0;
                while (whole && rows.next()) {
                    whole = bytes < MOST_BYTES;
                    if (whole) {
                        SplitRow row = row(rows);
                        read.add(row);
                        bytes += row.bytes();
                        rows.setFetchSize(
                                (int) Math.max(1, Math.min(LARGEST_CHUNK, CHUNK_BYTES * read.size() / bytes)));
                    }
                }
            }
            read.sort(Comparator.comparingLong(SplitRow::rowNumber).reversed());
            return new Found(read, whole);
        } finally {
            ended();
        }
    }

    /** A connection that cannot do that is found out by its next use. */
    private void ended() {
        try {
            connection.rollback();
            connection.setAutoCommit(true);
        } catch (SQLException e) {
            System.getLogger("io.levee.postgres").log(System.Logger.Level.DEBUG, "a look cannot be ended", e);
        }
    }

    private SplitRow row(ResultSet rows) throws SQLException {
        int width = spec.columns().size();
        @Nullable Object[] values = new Object[width];
        for (int i = 0; i < width; i++) {
            Column column = spec.columns().get(i);
            values[i] = Stored.read(rows, i + 1, column);
        }
        long number = rows.getLong(width + 1);
        return new SplitRow(
                number,
                number - table.adopted().facts().base(),
                rows.getLong(width + 2),
                rows.getBoolean(width + 3),
                false,
                rows.getLong(width + 4),
                values);
    }
}
