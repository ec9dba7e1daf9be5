package io.levee.postgres;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.TableSpec;
import io.levee.engine.ClassName;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Set;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.regex.Pattern;
import java.util.zip.CRC32;

/**
 * What things are called in the database. Tables are in the store's schema under their own names; the catalog is in a schema beside
 * it.
 *
 * @param schema the store's schema
 * @param nulls whether rows may be null in a column with a default, see {@link OlderWriter}; told once the store is opened
 */
record Names(String schema, AtomicBoolean nulls) {
    /** Names longer than this are cut off by the server in silence. */
    private static final int LONGEST = 63;

    private static final Pattern SCHEMA = Pattern.compile("[A-Za-z_][A-Za-z0-9_]{0,47}");

    /** Every table has these columns already. */
    private static final Set<String> SYSTEM_COLUMNS = Set.of("tableoid", "xmin", "cmin", "xmax", "cmax", "ctid");

    Names {
        if (!SCHEMA.matcher(schema).matches() || schema.toLowerCase(Locale.ROOT).startsWith("pg_")) {
            throw new LeveeException(
                            ErrorCode.BAD_VALUE,
                            "a schema's name is a letter or underscore, then letters, digits and underscores, at most 48,"
                                    + " and does not begin with pg_ (got '" + schema + "')")
                    .with("schema", schema);
        }
    }

    /** Of a store whose columns with defaults are never null. */
    Names(String schema) {
        this(schema, new AtomicBoolean());
    }

    static String quote(String name) {
        return '"' + name.replace("\"", "\"\"") + '"';
    }

    /** The schema of the catalog, not quoted. */
    String catalogSchema() {
        return schema + "_levee";
    }

    /** The second number of the store's lock: the schema's. */
    int lockNumber() {
        CRC32 crc = new CRC32();
        crc.update(schema.getBytes(StandardCharsets.UTF_8));
        return (int) crc.getValue();
    }

    /** A table of the catalog, quoted. */
    String catalog(String table) {
        return quote(catalogSchema()) + "." + quote(table);
    }

    /** A table's parent, or one of its leaves by the leaf's name, quoted. */
    String in(String table) {
        return quote(schema) + "." + quote(table);
    }

    /** The table that has all rows of a table, quoted: the parent of its partitions, or of its classes' branches. */
    String parent(TableSpec spec) {
        return in(spec.name());
    }

    /** What all rows of a table are read from, with the columns that it has now: the parent, or a statement in parentheses with a name. */
    String rows(TableSpec spec) {
        return Filled.from(spec, this, parent(spec));
    }

    /** Whether a table's rows have classes, and its partitions a branch of the parent for each class between. */
    static boolean branched(TableSpec spec) {
        return spec.retention().by() != null;
    }

    /** The parent of the partitions of one class, quoted. */
    String parent(TableSpec spec, String retentionClass) {
        return branched(spec) ? in(branch(spec.name(), retentionClass)) : parent(spec);
    }

    /** The name of a class's branch, not quoted. */
    static String branch(String table, String retentionClass) {
        return cut(table + "-." + ClassName.encode(retentionClass));
    }

    /**
     * The name of a partition's own table, not quoted: the partition's, cut and made unique where it is too long. With a hyphen, which no
     * table's name has: {@code jobs-2026} is never in the way of a table {@code jobs_2026}.
     */
    static String leaf(PartitionId id) {
        return cut(id.toString().replace('/', '-'));
    }

    static String cut(String name) {
        if (name.length() <= LONGEST) {
            return name;
        }
        CRC32 crc = new CRC32();
        crc.update(name.getBytes(StandardCharsets.UTF_8));
        String tail = String.format(Locale.ROOT, "~%08x", crc.getValue());
        return name.substring(0, LONGEST - tail.length()) + tail;
    }

    /** A column of a spec by its name, quoted; names that the server keeps for itself get an underscore. */
    static String column(TableSpec spec, String name) {
        String physical = name;
        while (SYSTEM_COLUMNS.contains(physical) || !physical.equals(name) && spec.position(physical) >= 0) {
            physical += "_";
        }
        return quote(physical);
    }

    /** The column that holds the event time, quoted: the one that tables are partitioned by. */
    static String time(TableSpec spec) {
        return spec.separateTime() ? "_time" : column(spec, spec.time().get(0));
    }

    /** How a column's stored form is kept: the same numbers and texts as in every engine, so that SQL gives equal answers. */
    static String sqlType(Column column) {
        return sqlType(column.type());
    }

    static String sqlType(ColumnType type) {
        return switch (type) {
            case TEXT, DECIMAL, UUID, JSON -> "text COLLATE \"C\"";
            case INTEGER, TIMESTAMP, DURATION -> "bigint";
            case BOOLEAN -> "smallint";
            case REAL -> "double precision";
            case BLOB -> "bytea";
        };
    }
}
