package io.levee.ingest;

import io.levee.Column;
import io.levee.ColumnType;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionBy;
import io.levee.TableSpec;
import io.levee.TimeFormat;
import io.levee.ingest.EventTime.Candidate;
import io.levee.ingest.TimeDoubts.Doubt;
import io.levee.internal.time.Micros;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Proposes a table spec from records: types that lose nothing of any value seen, the event time and why, long values as
 * detail columns. Keys, required columns and retention are decisions and never proposed.
 */
public final class Infer {
    /** Most records looked at. */
    static final long MAX_RECORDS = 1_000_000;

    /** Most uncompressed bytes looked at. */
    static final long MAX_BYTES = 512L << 20;

    /** Most fields that become columns; more are data in names, and stay in {@code extra}. */
    private static final int MAX_COLUMNS = 300;

    private static final int MOST_DOUBTS = 3;

    private static final Set<String> OWN_NAMES = Set.of("_seq", "_chg", "_time", "rowid", "oid", "_rowid_");
    private static final Instant PLACEHOLDER = Instant.parse("2000-01-01T00:00:00Z");

    private final String table;
    private final EventTime times;
    private final FieldScan scan = new FieldScan();
    private final List<String> notes = new ArrayList<>();

    private Infer(String table, Clock clock) {
        this.table = table;
        this.times = new EventTime(clock.instant().plus(Duration.ofDays(2)));
    }

    /**
     * Looks at up to 1,000,000 records or 512 MiB and proposes a spec.
     *
     * @param in the records, uncompressed; closed afterwards
     * @param format their format
     * @param table the table's name
     * @param clock says what lies in the future
     * @return the proposal
     * @throws LeveeException {@link ErrorCode#NO_TIME} where no field is a plausible event time, with a spec to edit as the
     *     detail {@code spec}; {@link ErrorCode#BAD_LINE} where no record can be read; {@link ErrorCode#IO_FAILED}
     */
    public static Inference infer(InputStream in, Format format, String table, Clock clock) {
        return new Infer(table, clock).run(in, format);
    }

    /**
     * Reads the first records of an input that can be read only once.
     *
     * @param in the input, uncompressed
     * @param lines how many lines
     * @param maxBytes and at most how many bytes
     * @return whole lines, fewer at the end of the input; {@code in} goes on after them
     */
    public static byte[] head(InputStream in, int lines, int maxBytes) {
        ByteArrayOutputStream head = new ByteArrayOutputStream();
        try {
            int left = lines;
            for (int b = in.read(); b >= 0; b = in.read()) {
                head.write(b);
                if (b == '\n' && --left == 0 || head.size() >= maxBytes) {
                    break;
                }
            }
        } catch (IOException e) {
            // What can be read is looked at; reading on from here meets the error again, where it is counted.
            return head.toByteArray();
        }
        return head.toByteArray();
    }

    private Inference run(InputStream in, Format format) {
        scan.scan(in, format, MAX_RECORDS, MAX_BYTES);
        if (scan.records == 0) {
            LeveeException first = scan.firstError;
            throw first != null
                    ? first
                    : new LeveeException(ErrorCode.BAD_LINE, "there is no record to infer a table from");
        }
        if (scan.bad > 0) {
            notes.add(String.format(Locale.ROOT, "%,d records could not be read and were left aside.", scan.bad));
        }
        List<FieldStats> kept = columns();
        List<Candidate> candidates = kept.stream()
                .map(f -> times.candidate(f, scan.records))
                .filter(Objects::nonNull)
                .sorted(Comparator.comparingDouble(Candidate::score).reversed())
                .toList();
        if (candidates.isEmpty()) {
            throw noTime(kept);
        }
        List<FieldStats> taken = candidates.stream().map(Candidate::field).toList();
        TimeDoubts.of(kept.stream().filter(f -> !taken.contains(f)).toList(), times, false).stream()
                .limit(MOST_DOUBTS)
                .forEach(doubt -> notes.add(doubt + ": it is not taken for a time."));
        Candidate time = candidates.get(0);
        explain(time, candidates);
        TableSpec.Builder spec =
                TableSpec.builder(table).time(time.field().name).unknown(TableSpec.Unknown.EXTRA);
        kept.forEach(field -> spec.column(column(field, field == time.field())));
        spec.partitionBy(width(time));
        FieldStats index = index(kept, time.field());
        if (index != null) {
            spec.index(index.name, time.field().name);
        }
        return new Inference(spec.build(), time.reason(), notes, scan.records, scan.whole);
    }

    /** The fields that can be columns. */
    private List<FieldStats> columns() {
        List<FieldStats> kept = new ArrayList<>();
        Set<String> folded = new HashSet<>();
        for (FieldStats field : scan.fields()) {
            boolean fits = kept.size() < MAX_COLUMNS
                    && !OWN_NAMES.contains(field.name.toLowerCase(Locale.ROOT))
                    && nameFits(field.name)
                    && folded.add(field.name.toLowerCase(Locale.ROOT));
            if (fits) {
                kept.add(field);
            } else {
                notes.add("field '" + field.name + "' cannot be a column of its own and is kept in extra.");
            }
        }
        return kept;
    }

    private static boolean nameFits(String name) {
        try {
            return !name.isEmpty() && Column.of(name, ColumnType.TEXT).name().equals(name);
        } catch (LeveeException e) {
            return false;
        }
    }

    private Column column(FieldStats field, boolean eventTime) {
        ColumnType type = type(field);
        TimeFormat format = times.format(field);
        boolean time = format != null && (eventTime || !(format.unit() == null && field.time.datesOnly()));
        if (time && !field.name.equals(TableSpec.EXTRA_COLUMN)) {
            return new Column(field.name, ColumnType.TIMESTAMP, false, false, format);
        }
        boolean detail = field.isLong() && (type == ColumnType.TEXT || type == ColumnType.JSON) && !eventTime;
        return new Column(field.name, type, detail, false, null);
    }

    /** The narrowest type that takes every value seen and gives it back as it was. */
    private ColumnType type(FieldStats field) {
        if (field.nested > 0 || field.name.equals(TableSpec.EXTRA_COLUMN)) {
            return ColumnType.JSON;
        }
        if (field.values == 0 || field.texts > 0) {
            return ColumnType.TEXT;
        }
        if (field.booleans > 0) {
            return field.booleans == field.values ? ColumnType.BOOLEAN : ColumnType.TEXT;
        }
        if (field.decimals == 0) {
            return ColumnType.INTEGER;
        }
        if (field.exactReal) {
            return ColumnType.REAL;
        }
        notes.add("'" + field.name + "' is decimal: some of its numbers have more digits than a 64-bit number keeps.");
        return ColumnType.DECIMAL;
    }

    private void explain(Candidate time, List<Candidate> candidates) {
        FieldStats field = time.field();
        if (field.values < scan.records) {
            notes.add(String.format(
                    Locale.ROOT,
                    "%,d records have no '%s' and will be refused.",
                    scan.records - field.values,
                    field.name));
        }
        for (Candidate candidate : candidates) {
            TimeText text = candidate.field().time;
            if (candidate.field().texts > 0 && text.local()) {
                notes.add("'" + candidate.field().name
                        + "' has no UTC offset and is taken as UTC: change its zone if it is"
                        + " another, such as zone: Europe/Berlin.");
            }
            if (candidate.field().texts > 0 && text.finerThanMicros()) {
                notes.add("'" + candidate.field().name + "' has digits past the microsecond, which are cut off.");
            }
        }
        List<String> offsets = candidates.stream()
                .filter(c -> c.field().texts > 0 && c.field().time.otherOffsets())
                .map(c -> c.field().name)
                .toList();
        if (!offsets.isEmpty()) {
            notes.add("UTC offsets differ in " + String.join(", ", offsets) + ": the instant is kept, not the offset.");
        }
        List<String> others =
                candidates.stream().skip(1).map(c -> c.field().name).toList();
        if (!others.isEmpty()) {
            notes.add("other times that could be it: " + String.join(", ", others) + ".");
        }
    }

    /** The smallest width of a day or more that gives at most 60 partitions over what was seen. */
    private PartitionBy width(Candidate time) {
        if (!scan.whole) {
            return PartitionBy.AUTO;
        }
        long days = Micros.duration(time.to() - time.from()).toDays();
        PartitionBy width = days < 60
                ? PartitionBy.DAY
                : days < 60 * 7 ? PartitionBy.WEEK : days < 60 * 30 ? PartitionBy.MONTH : PartitionBy.YEAR;
        notes.add("partition: " + width.specName() + " for records that span " + (days + 1)
                + (days == 0 ? " day." : " days."));
        return width;
    }

    /** One column that splits the records well, or none: every index costs each write. */
    private @Nullable FieldStats index(List<FieldStats> kept, FieldStats time) {
        for (FieldStats field : kept) {
            int distinct = field.distinct();
            boolean splits = distinct >= 8 && distinct <= Math.max(8, scan.records / 20);
            if (field != time
                    && field.onlyTexts()
                    && !field.time.possible()
                    && !field.isLong()
                    && splits
                    && field.values >= 0.9 * scan.records) {
                notes.add(String.format(
                        Locale.ROOT,
                        "index on '%s': its %,d values split the records well; one index is proposed at most.",
                        field.name,
                        distinct));
                return field;
            }
        }
        notes.add("no index is proposed beside the one on time; add one for each column that you filter by.");
        return null;
    }

    private LeveeException noTime(List<FieldStats> kept) {
        FieldStats clock = kept.stream()
                .filter(f -> f.onlyNumbers() && f.decimals == 0 && f.values == scan.records)
                .filter(f -> EventTime.soundsLikeTime(f.name))
                .findFirst()
                .orElse(null);
        TableSpec.Builder draft = TableSpec.builder(table).unknown(TableSpec.Unknown.EXTRA);
        String yaml;
        if (clock != null) {
            TimeFormat relative = TimeFormat.relative(TimeFormat.Unit.US, PLACEHOLDER);
            draft.time(clock.name).column(new Column(clock.name, ColumnType.TIMESTAMP, false, false, relative));
            kept.forEach(f -> draft.column(
                    f == clock ? new Column(f.name, ColumnType.TIMESTAMP, false, false, relative) : column(f, false)));
            yaml = String.format(
                            Locale.ROOT,
                            "# '%s' holds %d to %d, which is no time since 1970: a clock of its own?%n"
                                    + "# Set its unit (epoch-s, epoch-ms, epoch-us, epoch-ns) and its origin (the time that 0 means).%n",
                            clock.name,
                            clock.numbers.least,
                            clock.numbers.greatest)
                    + SpecFiles.yaml(draft.build());
        } else {
            String placeholder = "EVENT_TIME";
            kept.forEach(f -> draft.column(column(f, false)));
            draft.time(placeholder).column(placeholder, ColumnType.TIMESTAMP);
            yaml = "# Replace " + placeholder + " by the column that holds the event time, and say how it is read:\n"
                    + "# {type: timestamp, format: iso | epoch-s | epoch-ms | epoch-us | 'PATTERN', zone: Europe/Berlin}\n"
                    + SpecFiles.yaml(draft.build());
        }
        List<Doubt> doubts = TimeDoubts.of(kept, times, true);
        String nearly = doubts.stream().limit(MOST_DOUBTS).map(Doubt::toString).collect(Collectors.joining("; "));
        LeveeException error = new LeveeException(
                ErrorCode.NO_TIME,
                "no field is a plausible event time (1980 until now, in most records)"
                        + (nearly.isEmpty() ? "" : ": " + nearly));
        if (!doubts.isEmpty()) {
            Doubt first = doubts.get(0);
            error.with("line", first.line()).with("field", first.field()).with("value", first.value());
        }
        return error.with("spec", yaml)
                .hint(
                        "edit the proposed spec and give it with --spec FILE; for a clock that does not count from 1970 say"
                                + " time: {column: time, unit: us, origin: 2011-05-01T23:00:00Z}");
    }
}
