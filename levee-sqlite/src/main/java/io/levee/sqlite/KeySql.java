package io.levee.sqlite;

import io.levee.engine.GroupKey;
import java.util.List;

/** How what makes a group is computed by SQLite, equal to the last bit to what Java computes (but for the logarithm's last bit). */
final class KeySql {
    private final PartitionSql sql;

    private KeySql(PartitionSql sql) {
        this.sql = sql;
    }

    /** Appends a key. */
    static void append(GroupKey key, PartitionSql sql) {
        new KeySql(sql).append(key);
    }

    private void append(GroupKey key) {
        if (key instanceof GroupKey.Value value) {
            sql.add(sql.text(value.term()));
        } else if (key instanceof GroupKey.TimeBucket bucket) {
            time(bucket);
        } else if (key instanceof GroupKey.NumberBucket bucket) {
            // Out of 64 bits both SQLite and Java end at the last whole number.
            sql.add("CAST(floor((" + real(bucket.term()) + " - ?)", bucket.origin())
                    .add(" / ?) AS INTEGER)", bucket.width());
        } else if (key instanceof GroupKey.Edges edges) {
            String value = real(edges.term());
            sql.add("CASE WHEN " + value + " IS NULL THEN NULL ELSE ");
            between(value, edges.edges(), 0, edges.edges().size());
            sql.add(" END");
        } else {
            log((GroupKey.LogBucket) key);
        }
    }

    private String real(io.levee.engine.Term term) {
        return "CAST(" + sql.number(term) + " AS REAL)";
    }

    /** What is left of whole numbers has the sign of the divided one: it is brought above zero first. */
    private void time(GroupKey.TimeBucket bucket) {
        long width = bucket.widthMicros();
        long origin = Math.floorMod(bucket.originMicros(), width);
        String time = sql.time();
        sql.add(time + " - ((" + time + " - " + origin + ") % " + width + " + " + width + ") % " + width);
    }

    /** Halves the edges: the value is compared with as many as there are digits in their number. */
    private void between(String value, List<Double> edges, int from, int to) {
        if (from == to) {
            sql.add(Integer.toString(from));
            return;
        }
        int middle = (from + to) >>> 1;
        sql.add("CASE WHEN " + value + " >= ? THEN ", edges.get(middle));
        between(value, edges, middle + 1, to);
        sql.add(" ELSE ");
        between(value, edges, from, middle);
        sql.add(" END");
    }

    private void log(GroupKey.LogBucket key) {
        String value = real(key.term());
        long offset = GroupKey.LogBucket.OFFSET;
        sql.add("CASE WHEN " + value + " = 0 THEN 0 WHEN abs(" + value + ") > ? THEN NULL", Double.MAX_VALUE)
                .add(" WHEN " + value + " > 0 THEN CAST(floor(ln(" + value + ") * ?", key.multiplier())
                .add(") AS INTEGER) + " + offset)
                .add(" WHEN " + value + " < 0 THEN -(CAST(floor(ln(-" + value + ") * ?", key.multiplier())
                .add(") AS INTEGER) + " + offset + ") END");
    }
}
