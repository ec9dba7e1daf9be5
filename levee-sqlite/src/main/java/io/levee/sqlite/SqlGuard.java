package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.internal.query.SqlDialect;
import io.levee.internal.query.SqlText;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.HashSet;
import java.util.Set;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Lets through what only reads: SQLite compiles a statement to a program of small steps, {@code EXPLAIN} tells it without running it,
 * and every step has to be one of those known to read (the driver has no authorizer). So it is what would run that is judged, whatever
 * way the text says it.
 */
final class SqlGuard {
    private static final Pattern EXPLAIN = Pattern.compile("(?i)^EXPLAIN\\b");
    private static final Pattern QUERY = Pattern.compile("(?i)^QUERY\\b");
    private static final Pattern PLAN = Pattern.compile("(?i)^PLAN\\b");
    private static final Pattern READ = Pattern.compile("(?i)^(SELECT|WITH|VALUES)\\b");

    /** The steps that read, count and jump; tables that a statement makes for itself are written to with some of them. */
    private static final Set<String> STEPS =
            Set.of(("Transaction OpenRead VOpen VFilter VColumn VNext VInitIn ReopenIdx"
                            + " Init Goto Gosub Return InitCoroutine Yield EndCoroutine BeginSubrtn Once Jump Halt HaltIfNull"
                            + " If IfNot IfNullRow IfNotOpen IfNoHope IfSizeBetween IfEmpty IfPos IfNotZero DecrJumpZero IsType"
                            + " IsNull NotNull IsTrue ZeroOrNull Not And Or Eq Ne Lt Le Gt Ge ElseEq MustBeInt Compare Permutation"
                            + " SeekLT SeekLE SeekGE SeekGT SeekRowid SeekScan SeekHit SeekEnd NoConflict NotFound Found NotExists"
                            + " Last Sort SorterSort Rewind SorterNext Prev Next IdxLE IdxGT IdxLT IdxGE DeferredSeek FinishSeek"
                            + " RowSetAdd RowSetRead RowSetTest Filter FilterAdd"
                            + " Integer Int64 Real String String8 Blob Null SoftNull Variable Move Copy SCopy IntCopy ResultRow"
                            + " CollSeq AddImm RealAffinity Cast Affinity Offset Column Rowid IdxRowid RowData RowCell NullRow Count"
                            + " BitAnd BitOr BitNot ShiftLeft ShiftRight Add Subtract Multiply Divide Remainder Concat"
                            + " OpenDup OpenAutoindex OpenEphemeral OpenPseudo SorterOpen SorterCompare SorterData SorterInsert"
                            + " Sequence SequenceTest MakeRecord NewRowid Insert Delete IdxInsert IdxDelete Clear ResetSorter Close"
                            + " Function PureFunc AggStep AggStep1 AggInverse AggValue AggFinal"
                            + " ClrSubtype GetSubtype SetSubtype ColumnsUsed CursorHint CursorLock CursorUnlock TableLock MemMax"
                            + " OffsetLimit ReleaseReg Expire Noop Explain Trace Abortable")
                    .split(" "));

    private static final Set<String> CALLS =
            Set.of("Function", "PureFunc", "AggStep", "AggStep1", "AggInverse", "AggValue", "AggFinal");

    /** {@code SQLITE_INNOCUOUS}: SQLite's own word for a function without side effects that tells nothing of the process. */
    private static final int INNOCUOUS = 0x200000;

    /** What the driver adds, and says nothing of: reckoning with numbers and texts. */
    private static final Set<String> DRIVERS =
            Set.of(("atn2 charindex cot coth difference leftstr lower_quartile median mode"
                            + " padc padl padr percentile percentile_cont percentile_disc proper replicate reverse rightstr square"
                            + " stdev strfilter upper_quartile variance")
                    .split(" "));

    /** {@code OPFLAG_P2ISREG}: which table it is would only be seen when it runs. */
    private static final int ROOT_IN_REGISTER = 0x10;

    private static final String JSON_TABLES = "SELECT 1 FROM json_each('[]'), json_tree('[]')";

    private SqlGuard() {}

    /**
     * Refuses what does more than read the store's tables.
     *
     * @param sql one statement
     * @throws LeveeException {@link ErrorCode#BAD_QUERY}, naming what is not allowed
     * @throws SQLException where SQLite refuses the statement
     */
    static void requireRead(Connection connection, String sql) throws SQLException {
        String read = explained(sql);
        Steps steps = Steps.of(connection, read);
        if (!steps.unknown.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.BAD_QUERY, "sql reads and never writes; SQLite would run " + steps.unknown)
                    .hint("ask with one SELECT, WITH, VALUES or EXPLAIN that changes nothing");
        }
        steps.functions.removeAll(DRIVERS);
        if (!steps.functions.isEmpty()) {
            steps.functions.removeAll(innocuous(connection));
        }
        if (!steps.functions.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.BAD_QUERY,
                            "sql may not call functions that do more than read: " + steps.functions)
                    .hint(
                            "SQLite's functions of texts, numbers, dates and JSON, its aggregates and window functions are"
                                    + " there");
        }
        if (steps.schema) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "sql may not read sqlite_schema (sqlite_master)")
                    .hint("the store's status and specs tell its tables and their columns");
        }
        if (!steps.virtual.isEmpty()) {
            // After the statement's: these two stay as long as the connection does, so that no other can have their
            // place.
            steps.virtual.removeAll(Steps.of(connection, JSON_TABLES).virtual);
        }
        if (!steps.virtual.isEmpty()) {
            throw new LeveeException(
                            ErrorCode.BAD_QUERY,
                            "sql may read the store's tables, json_each and json_tree only: no pragma_…, dbstat or other"
                                    + " virtual table")
                    .hint("the store's status tells its settings, partitions and sizes");
        }
    }

    /**
     * The statement that EXPLAIN is asked about, or the statement itself. Some pragmas take effect when they are only compiled, so
     * that nothing but a read is.
     */
    private static String explained(String sql) {
        String left = after(EXPLAIN, sql);
        if (left != null) {
            String query = after(QUERY, left);
            String plan = query == null ? null : after(PLAN, query);
            left = plan == null ? left : plan;
        }
        String read = left == null ? sql : left;
        if (!READ.matcher(read).find()) {
            throw new LeveeException(ErrorCode.BAD_QUERY, "only SELECT, WITH and VALUES are explained")
                    .hint("write EXPLAIN or EXPLAIN QUERY PLAN before a statement that reads");
        }
        return read;
    }

    private static @Nullable String after(Pattern word, String sql) {
        Matcher matcher = word.matcher(sql);
        return matcher.find() ? sql.substring(SqlText.skipBlank(sql, matcher.end(), SqlDialect.SQLITE)) : null;
    }

    /** The names of functions all of whose variants are innocuous. */
    private static Set<String> innocuous(Connection connection) throws SQLException {
        Set<String> names = new HashSet<>();
        Set<String> others = new HashSet<>();
        try (Statement statement = connection.createStatement();
                ResultSet rows = statement.executeQuery("SELECT name, flags FROM pragma_function_list")) {
            while (rows.next()) {
                ((rows.getInt(2) & INNOCUOUS) != 0 ? names : others).add(rows.getString(1));
            }
        }
        names.removeAll(others);
        return names;
    }

    /** What a statement's program would do. */
    private static final class Steps {
        private final Set<String> unknown = new TreeSet<>();
        private final Set<String> functions = new TreeSet<>();
        private final Set<String> virtual = new HashSet<>();
        private boolean schema;

        static Steps of(Connection connection, String read) throws SQLException {
            Steps steps = new Steps();
            try (PreparedStatement statement = connection.prepareStatement("EXPLAIN " + read);
                    ResultSet rows = statement.executeQuery()) {
                while (rows.next()) {
                    steps.add(rows.getString(2), rows.getInt(4), String.valueOf(rows.getString(6)), rows.getInt(7));
                }
            }
            return steps;
        }

        /** The table with the schema has root page 1; a transaction whose second operand is not 0 writes. */
        private void add(String step, int p2, String p4, int p5) {
            if (!STEPS.contains(step) || step.equals("Transaction") && p2 != 0) {
                unknown.add(step);
            } else if (CALLS.contains(step)) {
                int arguments = p4.indexOf('(');
                functions.add(arguments < 0 ? p4 : p4.substring(0, arguments));
            } else if (step.equals("OpenRead")) {
                schema |= p2 <= 1 || (p5 & ROOT_IN_REGISTER) != 0;
            } else if (step.equals("VOpen")) {
                virtual.add(p4);
            }
        }
    }
}
