package io.levee.postgres;

import io.levee.Adoption.TimeUnit;
import io.levee.Column;
import io.levee.ColumnType;
import io.levee.internal.adopt.ForeignTimes;
import io.levee.internal.time.Micros;
import java.math.BigDecimal;
import java.math.RoundingMode;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A column of a foreign table, and its values in the forms of ours, in SQL. What cannot be had in such a form is null, and no value ends a
 * statement with an error: of a table that is only read nothing can be mended.
 *
 * @param name as it is written there
 * @param kind what it holds
 * @param required whether it is NOT NULL
 */
record ForeignColumn(String name, Kind kind, boolean required) {
    private static final String NUMBER =
            "^ *[+-]?([0-9]{1,200}([.][0-9]{0,200})?|[.][0-9]{1,200})([eE][+-]?[0-9]{1,2})? *$";
    /** Below every time that is text, and above what has no more than one digit. */
    private static final String FIRST_TIME = "'0!'";

    private static final String WHOLE = "^ *[+-]?[0-9]{1,18} *$";
    private static final String DECIMAL = "^-?[0-9]{1,200}([.][0-9]{1,200})?$";
    private static final String UUID = "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$";

    /** Types that are read alike. */
    enum Kind {
        /** {@code text}, {@code varchar}. */
        TEXT,
        /** What is shown as text and compared otherwise: {@code char(n)}, {@code citext}, enums, and all that has no word here. */
        SHOWN,
        INTEGER,
        NUMERIC,
        FLOAT,
        BOOLEAN,
        /** {@code timestamptz}. */
        INSTANT,
        /** {@code timestamp}, taken as UTC. */
        LOCAL,
        DATE,
        INTERVAL,
        UUID,
        JSON,
        BYTES;

        /** The kind of a type by its name in the server's catalog. */
        static Kind of(String type) {
            return switch (type) {
                case "text", "varchar" -> TEXT;
                case "int2", "int4", "int8" -> INTEGER;
                case "numeric" -> NUMERIC;
                case "float4", "float8" -> FLOAT;
                case "bool" -> BOOLEAN;
                case "timestamptz" -> INSTANT;
                case "timestamp" -> LOCAL;
                case "date" -> DATE;
                case "interval" -> INTERVAL;
                case "uuid" -> UUID;
                case "json", "jsonb" -> JSON;
                case "bytea" -> BYTES;
                default -> SHOWN;
            };
        }

        /** Whether it is one of the server's types for times, which need no unit. */
        boolean time() {
            return this == INSTANT || this == LOCAL || this == DATE;
        }

        boolean number() {
            return this == INTEGER || this == NUMERIC || this == FLOAT;
        }

        boolean texts() {
            return this == TEXT || this == SHOWN;
        }
    }

    /** The column of a row that is called so. */
    String of(String alias) {
        return alias + "." + Names.quote(name);
    }

    // Times

    /** The unit that its times are read in: a type of the server's own needs none. */
    private TimeUnit unit(@Nullable TimeUnit said) {
        return said != null ? said : kind.texts() ? TimeUnit.TEXT : TimeUnit.SECONDS;
    }

    /** As whole microseconds since 1970; null where it holds no time. It rises and falls with the column. */
    String micros(String raw, @Nullable TimeUnit said, Names names) {
        TimeUnit unit = unit(said);
        if (kind.time()) {
            return "CASE WHEN pg_catalog.isfinite(" + raw + ") THEN least(extract(epoch FROM " + raw
                    + ") * 1000000, 9223372036854775807)::bigint END";
        }
        if (kind.texts()) {
            return unit == TimeUnit.TEXT ? names.catalog(SqlFunctions.MICROS) + "(" + raw + "::text)" : "NULL::bigint";
        }
        if (unit == TimeUnit.TEXT || !kind.number()) {
            return "NULL::bigint";
        }
        if (kind == Kind.INTEGER) {
            long most = unit.micros() == 0 ? 0 : Long.MAX_VALUE / unit.micros();
            return switch (unit) {
                case MICROS -> raw + "::bigint";
                case NANOS -> "(" + raw + "::bigint / 1000)";
                // Null is not the least of anything to the server.
                default ->
                    "CASE WHEN " + raw + " IS NOT NULL THEN greatest(least(" + raw + "::bigint, " + most + "), -" + most
                            + ") * " + unit.micros() + " END";
            };
        }
        String type = kind == Kind.NUMERIC ? "numeric" : "float8";
        String times = unit == TimeUnit.NANOS ? " / 1000" : " * " + unit.micros();
        double most = unit == TimeUnit.NANOS ? 9.2e21 : 9.2e18 / unit.micros();
        String limit = "'" + plain(most) + "'::" + type;
        return "CASE WHEN " + raw + " <> 'NaN' THEN pg_catalog.round(greatest(least(" + raw + "::" + type + ", " + limit
                + "), -" + limit + ")" + times + ")::bigint END";
    }

    private static String plain(double value) {
        return new BigDecimal(value).toPlainString();
    }

    /** What is no time, each a condition that an index of the column answers; together they are all such rows. */
    List<String> noTimes(String raw) {
        List<String> all = new ArrayList<>();
        if (!required) {
            all.add(raw + " IS NULL");
        }
        if (kind.time()) {
            all.add(raw + " = 'infinity'");
            all.add(raw + " = '-infinity'");
        } else if (kind == Kind.NUMERIC || kind == Kind.FLOAT) {
            all.add(raw + " = 'NaN'");
        } else if (kind.texts()) {
            // A lone 0 is none either, as older programs write it for none.
            all.add(raw + " < " + FIRST_TIME);
            all.add(raw + " >= 'A'");
        }
        return all;
    }

    /** The condition that leaves what is no time out, for the ends of an index. */
    String aTime(String raw) {
        return raw + " IS NOT NULL"
                + (kind.time() ? " AND " + raw + " > '-infinity' AND " + raw + " < 'infinity'" : "")
                + (kind == Kind.NUMERIC || kind == Kind.FLOAT ? " AND " + raw + " < 'NaN'" : "")
                + (kind.texts() ? " AND " + raw + " >= " + FIRST_TIME + " AND " + raw + " < 'A'" : "");
    }

    /** Whether a range of time can be said in its own values, in their order. */
    boolean comparable(@Nullable TimeUnit said) {
        return kind.time()
                || kind == Kind.TEXT && unit(said) == TimeUnit.TEXT
                || kind.number() && unit(said) != TimeUnit.TEXT;
    }

    /** Whether its times are texts, of which only the day is compared. */
    boolean byDays(@Nullable TimeUnit said) {
        return kind.texts() && unit(said) == TimeUnit.TEXT;
    }

    /** A literal that no time of the range is below; null where none can be said. */
    @Nullable
    String atLeast(long fromMicros, @Nullable TimeUnit said) {
        if (kind.time()) {
            return fromMicros == Long.MIN_VALUE ? null : time(fromMicros, 0);
        }
        return literal(ForeignTimes.atLeast(unit(said), fromMicros), RoundingMode.FLOOR);
    }

    /** A literal that all times of the range are below; null where none can be said. */
    @Nullable
    String below(long toMicros, @Nullable TimeUnit said) {
        if (kind.time()) {
            return toMicros == Long.MAX_VALUE ? null : time(toMicros, 1);
        }
        return literal(ForeignTimes.below(unit(said), toMicros), RoundingMode.CEILING);
    }

    private @Nullable String time(long micros, int days) {
        String day = ForeignTimes.day(micros, 0, days);
        if (day == null) {
            return null;
        }
        return switch (kind) {
            case DATE -> "'" + day + "'::date";
            case LOCAL -> "'" + Micros.text(micros).replace("Z", "") + "'::timestamp";
            default -> "'" + Micros.text(micros) + "'::timestamptz";
        };
    }

    private @Nullable String literal(@Nullable Object value, RoundingMode rounding) {
        if (value == null || value instanceof String != kind.texts()) {
            return null;
        }
        if (value instanceof String text) {
            return "'" + text + "'";
        }
        BigDecimal number = value instanceof Long whole ? BigDecimal.valueOf(whole) : new BigDecimal((Double) value);
        return switch (kind) {
            case INTEGER -> {
                BigDecimal whole = number.setScale(0, rounding);
                yield whole.abs().compareTo(BigDecimal.valueOf(Long.MAX_VALUE)) < 0
                        ? "'" + whole.toPlainString() + "'::bigint"
                        : null;
            }
            case NUMERIC -> "'" + number.toPlainString() + "'::numeric";
            default -> "'" + number.toPlainString() + "'::float8";
        };
    }

    // Values

    /** A value of the type that one of our columns has. */
    String value(Column ours, String raw, @Nullable TimeUnit said, Names names) {
        return switch (ours.type()) {
            case TEXT -> text(raw);
            case JSON ->
                kind.texts() || kind.number() || kind == Kind.JSON ? cased(raw + "::text") : nothing(ours.type());
            case DECIMAL -> decimal(raw);
            case UUID ->
                kind == Kind.UUID
                        ? cased(raw + "::text")
                        : kind.texts()
                                ? cased(matching("pg_catalog.lower(" + raw + "::text)", UUID, "%s"))
                                : nothing(ours.type());
            case INTEGER -> whole(raw);
            case REAL -> real(raw);
            case BOOLEAN -> truth(raw);
            case TIMESTAMP -> micros(raw, said, names);
            case DURATION -> length(raw);
            case BLOB ->
                kind == Kind.BYTES
                        ? raw
                        : kind.texts() ? "pg_catalog.convert_to(" + raw + "::text, 'UTF8')" : nothing(ours.type());
        };
    }

    /** Null of the type that one of our columns has. */
    static String nothing(ColumnType type) {
        return type == ColumnType.TEXT
                        || type == ColumnType.DECIMAL
                        || type == ColumnType.UUID
                        || type == ColumnType.JSON
                ? "NULL::text COLLATE \"C\""
                : "NULL::" + Names.sqlType(type);
    }

    private static String cased(String text) {
        return "(" + text + ") COLLATE \"C\"";
    }

    private static String matching(String text, String pattern, String value) {
        return "CASE WHEN " + text + " OPERATOR(pg_catalog.~) '" + pattern + "' THEN " + value.replace("%s", text)
                + " END";
    }

    private String text(String raw) {
        return switch (kind) {
            case INSTANT ->
                cased("pg_catalog.to_char(" + raw + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')");
            case LOCAL -> cased("pg_catalog.to_char(" + raw + ", 'YYYY-MM-DD\"T\"HH24:MI:SS.US')");
            case DATE -> cased("pg_catalog.to_char(" + raw + "::timestamp, 'YYYY-MM-DD')");
            case BYTES -> nothing(ColumnType.TEXT);
            default -> cased(raw + "::text");
        };
    }

    private String decimal(String raw) {
        return switch (kind) {
            case INTEGER -> cased(raw + "::text");
            case NUMERIC ->
                cased("CASE WHEN " + raw + " > '-Infinity' AND " + raw + " < 'Infinity' THEN " + raw + "::text END");
            case FLOAT ->
                cased("CASE WHEN " + raw + " > '-Infinity' AND " + raw + " < 'Infinity' THEN " + raw
                        + "::numeric::text END");
            case TEXT, SHOWN -> cased(matching(raw + "::text", DECIMAL, "%s"));
            default -> nothing(ColumnType.DECIMAL);
        };
    }

    private String whole(String raw) {
        return switch (kind) {
            case INTEGER -> raw + "::bigint";
            case BOOLEAN -> raw + "::int::bigint";
            case NUMERIC, FLOAT ->
                "CASE WHEN " + raw + " > -9.2233720368547e18 AND " + raw
                        + " < 9.2233720368547e18 THEN pg_catalog.trunc(" + raw + ")::bigint END";
            case TEXT, SHOWN -> matching(raw + "::text", WHOLE, "%s::bigint");
            default -> nothing(ColumnType.INTEGER);
        };
    }

    private String real(String raw) {
        return switch (kind) {
            case INTEGER, FLOAT -> raw + "::float8";
            // What is less than the least number of floating point is none that the server would round to zero.
            case NUMERIC ->
                "CASE WHEN pg_catalog.abs(" + raw + ") < 1e-307 THEN 0 WHEN pg_catalog.abs(" + raw + ") < 1e308 THEN "
                        + raw + "::float8 END";
            case BOOLEAN -> raw + "::int::float8";
            case TEXT, SHOWN -> matching(raw + "::text", NUMBER, "%s::float8");
            default -> nothing(ColumnType.REAL);
        };
    }

    private String truth(String raw) {
        String as = switch (kind) {
            case BOOLEAN -> raw + "::int";
            case INTEGER, NUMERIC, FLOAT -> "(" + raw + " <> 0)::int";
            case TEXT, SHOWN ->
                "CASE WHEN pg_catalog.lower(" + raw + "::text) IN ('true', 't', 'yes', '1') THEN 1 WHEN"
                        + " pg_catalog.lower(" + raw + "::text) IN ('false', 'f', 'no', '0') THEN 0 END";
            default -> "NULL";
        };
        return "(" + as + ")::smallint";
    }

    private String length(String raw) {
        return switch (kind) {
            case INTERVAL ->
                "CASE WHEN pg_catalog.abs(extract(epoch FROM " + raw + ")) < 9.2e12 THEN (extract(epoch FROM " + raw
                        + ") * 1000000)::bigint END";
            case INTEGER, NUMERIC, FLOAT -> whole(raw);
            default -> nothing(ColumnType.DURATION);
        };
    }
}
