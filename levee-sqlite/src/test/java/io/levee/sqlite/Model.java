package io.levee.sqlite;

import io.levee.Expr;
import io.levee.Measure;
import io.levee.Row;
import io.levee.TableSpec;
import io.levee.engine.Period;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.Comparator;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** What a table should hold and answer, in the simplest way: a map in memory, and every query a loop over it. */
final class Model {
    private final Map<Object, Held> rows = new LinkedHashMap<>();
    private final Map<Period, Long> newestEver = new LinkedHashMap<>();
    private final Set<Held> fresh = new HashSet<>();
    private long lowest = Long.MIN_VALUE;

    /** One row: its values as users see them, its event time, and the period of the partition that it was inserted in. */
    static final class Held {
        private Period home;
        private Map<String, @Nullable Object> values;
        private long time;
        private long seq;

        Held(Period home, Map<String, @Nullable Object> values, long time) {
            this.home = home;
            this.values = values;
            this.time = time;
        }

        long time() {
            return time;
        }

        long seq() {
            return seq;
        }

        void seq(long number) {
            seq = number;
        }

        @Nullable
        Object get(String column) {
            return values.get(column);
        }

        Map<String, @Nullable Object> shown(TableSpec spec) {
            Map<String, @Nullable Object> shown = new LinkedHashMap<>();
            spec.columns().forEach(c -> shown.put(c.name(), plain(values.get(c.name()))));
            return shown;
        }
    }

    /** Takes a row as the store should, once {@link #commit} is called; answers whether it is an update. */
    boolean append(Row row, Period home) {
        TableSpec spec = row.spec();
        Map<String, @Nullable Object> values = new LinkedHashMap<>(row.toMap());
        Object key = spec.keyed()
                ? spec.key().stream().map(c -> plain(values.get(c))).toList()
                : new Object();
        Held known = rows.get(key);
        if (known != null) {
            known.values = values;
            known.time = row.timeMicros();
            if (fresh.contains(known)) {
                // Both are of one batch: it is written once, where its last values belong.
                known.home = home;
            } else {
                newestEver.merge(known.home, row.timeMicros(), Math::max);
            }
            return true;
        }
        Held held = new Held(home, values, row.timeMicros());
        rows.put(key, held);
        fresh.add(held);
        return false;
    }

    /** Ends a batch: of a new key that came in it several times, only the last row ever reached the partition. */
    void commit() {
        fresh.forEach(held -> newestEver.merge(held.home, held.time, Math::max));
        fresh.clear();
    }

    /** Whether a time is one that retention has not been past. */
    boolean takes(long time) {
        return time >= lowest;
    }

    /** Drops the partitions in which nothing was ever as young as that. */
    List<String> drop(long floor) {
        List<Period> gone = newestEver.keySet().stream()
                .filter(p -> newestEver.get(p) < floor)
                .toList();
        rows.values().removeIf(r -> gone.contains(r.home));
        gone.forEach(p -> lowest = Math.max(lowest, newestEver.get(p) + 1));
        gone.forEach(newestEver::remove);
        return gone.stream().map(Period::name).sorted().toList();
    }

    /** The rows of a query, oldest first. */
    List<Held> select(long from, long to, @Nullable Expr where) {
        return rows.values().stream()
                .filter(r -> r.time >= from && r.time < to)
                .filter(r -> where == null || Boolean.TRUE.equals(test(where, r)))
                .sorted(Comparator.comparingLong(Held::time).thenComparingLong(Held::seq))
                .toList();
    }

    /** Groups of a query's rows, by the text of their columns. */
    Map<String, List<@Nullable Object>> groups(List<Held> selected, List<String> by, List<Measure> measures) {
        Map<String, List<Held>> grouped = new TreeMap<>();
        if (by.isEmpty()) {
            grouped.put("[]", new ArrayList<>());
        }
        selected.forEach(r -> grouped.computeIfAbsent(
                        by.stream().map(c -> plain(r.get(c))).toList().toString(), k -> new ArrayList<>())
                .add(r));
        Map<String, List<@Nullable Object>> groups = new TreeMap<>();
        grouped.forEach((key, members) ->
                groups.put(key, measures.stream().map(m -> figure(m, members)).toList()));
        return groups;
    }

    private static Object figure(Measure measure, List<Held> members) {
        String column = measure.column();
        if (column == null) {
            return (long) members.size();
        }
        List<Object> values = new ArrayList<>();
        members.forEach(r -> {
            if (r.get(column) != null) {
                values.add(r.get(column));
            }
        });
        if (measure.function() == Measure.Function.COUNT) {
            return (long) values.size();
        }
        if (values.isEmpty()) {
            return "none";
        }
        return switch (measure.function()) {
            case MIN -> plain(values.stream().min(Model::compare).orElseThrow());
            case MAX -> plain(values.stream().max(Model::compare).orElseThrow());
            case SUM -> round(values.stream().mapToDouble(Model::number).sum());
            default -> round(values.stream().mapToDouble(Model::number).sum() / values.size());
        };
    }

    static Object round(Object number) {
        return Math.round(((Number) number).doubleValue() * 1000) / 1000.0;
    }

    private static double number(Object value) {
        if (value instanceof Duration d) {
            return d.toNanos() / 1000.0;
        }
        return value instanceof Boolean b ? b ? 1 : 0 : ((Number) value).doubleValue();
    }

    /** A value in a form that can be compared and shown. */
    static @Nullable Object plain(@Nullable Object value) {
        return value instanceof byte[] bytes ? "base64:" + Base64.getEncoder().encodeToString(bytes) : value;
    }

    /** SQL's three-valued logic: null is unknown. */
    private static @Nullable Boolean test(Expr filter, Held row) {
        if (filter instanceof Expr.Compare c) {
            Object value = row.get(c.column());
            if (value == null) {
                return null;
            }
            int order = compare(value, c.value());
            return switch (c.op()) {
                case EQ -> order == 0;
                case NE -> order != 0;
                case LT -> order < 0;
                case LE -> order <= 0;
                case GT -> order > 0;
                case GE -> order >= 0;
            };
        }
        if (filter instanceof Expr.In in) {
            Object value = row.get(in.column());
            return value == null
                    ? null
                    : (Boolean) (in.values().stream().anyMatch(v -> compare(value, v) == 0) != in.negated());
        }
        if (filter instanceof Expr.Like like) {
            Object value = row.get(like.column());
            return value == null
                    ? null
                    : (Boolean) (like(like.pattern()).matcher(value.toString()).matches() != like.negated());
        }
        if (filter instanceof Expr.IsNull isNull) {
            return (row.get(isNull.column()) == null) != isNull.negated();
        }
        if (filter instanceof Expr.And and) {
            return all(and.parts(), row, true);
        }
        if (filter instanceof Expr.Or or) {
            return all(or.parts(), row, false);
        }
        Boolean inner = test(((Expr.Not) filter).part(), row);
        return inner == null ? null : (Boolean) !inner;
    }

    /** AND of the parts, or (by De Morgan) OR where {@code usual} is false. */
    private static @Nullable Boolean all(List<Expr> parts, Held row, boolean usual) {
        Boolean answer = usual;
        for (Expr part : parts) {
            Boolean one = test(part, row);
            if (one != null && one != usual) {
                return !usual;
            }
            answer = one == null ? null : answer;
        }
        return answer;
    }

    /** LIKE as SQLite has it: letters of ASCII in any case, backslash makes the next character literal. */
    private static Pattern like(String pattern) {
        StringBuilder regex = new StringBuilder();
        for (int i = 0; i < pattern.length(); i++) {
            char c = pattern.charAt(i);
            if (c == '\\' && i + 1 < pattern.length()) {
                i++;
                int point = pattern.codePointAt(i);
                regex.append(Pattern.quote(Character.toString(point)));
                i += Character.charCount(point) - 1;
            } else {
                regex.append(
                        c == '%' ? ".*" : c == '_' ? "." : Character.isSurrogate(c) ? "" + c : Pattern.quote("" + c));
            }
        }
        return Pattern.compile(regex.toString(), Pattern.DOTALL | Pattern.CASE_INSENSITIVE);
    }

    /** The engine's order: text by its UTF-8 bytes. */
    static int compare(Object a, Object b) {
        if (a instanceof Instant x) {
            return x.compareTo((Instant) b);
        }
        if (a instanceof Duration x) {
            return x.compareTo((Duration) b);
        }
        if (a instanceof Boolean x) {
            return x.compareTo((Boolean) b);
        }
        if (a instanceof byte[] x) {
            return Arrays.compareUnsigned(x, (byte[]) b);
        }
        if (a instanceof Number x && b instanceof Number y) {
            return new BigDecimal(x.toString()).compareTo(new BigDecimal(y.toString()));
        }
        return Arrays.compareUnsigned(
                a.toString().getBytes(StandardCharsets.UTF_8), b.toString().getBytes(StandardCharsets.UTF_8));
    }
}
