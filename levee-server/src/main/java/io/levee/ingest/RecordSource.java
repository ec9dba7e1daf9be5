package io.levee.ingest;

import io.levee.LeveeException;
import io.levee.Row;
import io.levee.TableSpec;
import java.io.InputStream;
import org.jspecify.annotations.Nullable;

/**
 * Rows read from a stream of bytes, one after another. Used by one thread; has to be closed, which closes the stream.
 *
 * <p>Fields and columns of equal name belong together; other fields are treated as the table's {@code unknown} says. A bad
 * record costs nothing but itself: {@link #row} throws, and {@link #advance} goes on after it. An input that breaks off
 * (a cut-off gzip file, a failed read, an array without its end) shows as one last bad record and as {@link #failure}.
 *
 * <p>Memory is bounded by twice the longest record allowed.
 */
public interface RecordSource extends AutoCloseable {
    /** Longest record, where nothing else is said: 16 MiB. */
    int DEFAULT_MAX_LINE_BYTES = 16 << 20;

    /** Most levels of nested objects and arrays in one record, itself included. */
    int MAX_DEPTH = 200;

    /**
     * Goes to the next record.
     *
     * @return false at the end
     */
    boolean advance();

    /**
     * The present record as a row. To be called once a record.
     *
     * @throws LeveeException what is wrong with it, with the detail {@code line}: {@link io.levee.ErrorCode#BAD_LINE} (not
     *     JSON, not UTF-8, a field twice, text after the object), {@link io.levee.ErrorCode#TOO_LARGE} (longer than allowed)
     *     or what {@link io.levee.RowBuilder} refuses
     */
    Row row();

    /** The line at which the present record begins, from 1; blank lines and a CSV header count. */
    long line();

    /** Bytes of the (uncompressed) input read so far. */
    long bytesRead();

    /** Why the input broke off before its end; null while it has not. */
    @Nullable
    LeveeException failure();

    /** Closes the input. */
    @Override
    void close();

    /**
     * One JSON object a line, ended by LF or CR LF; blank lines are skipped.
     *
     * @param in the input; a UTF-8 byte order mark is skipped
     * @param spec the table
     * @param maxLineBytes longer lines are skipped, and named
     */
    static RecordSource ndjson(InputStream in, TableSpec spec, int maxLineBytes) {
        return new JsonRecords(new LineFrames(in, maxLineBytes), spec);
    }

    /**
     * Comma-separated values after RFC 4180. The first line names the columns. An empty cell is null; a quoted empty cell
     * is empty text in text columns and null in others. Cells are read by the type of their column.
     *
     * @param in the input; a UTF-8 byte order mark is skipped
     * @param spec the table
     * @param maxLineBytes longer records are skipped, and named
     * @throws LeveeException {@link io.levee.ErrorCode#BAD_LINE} for a header that is missing, too long or names a column twice,
     *     {@link io.levee.ErrorCode#UNKNOWN_COLUMN} for one that the table refuses
     */
    static RecordSource csv(InputStream in, TableSpec spec, int maxLineBytes) {
        return new CsvRecords(new CsvFrames(in, maxLineBytes), spec);
    }

    /**
     * The objects of one JSON array.
     *
     * @param in the input; a UTF-8 byte order mark is skipped
     * @param spec the table
     * @param maxElementBytes longer elements are skipped, and named
     */
    static RecordSource jsonArray(InputStream in, TableSpec spec, int maxElementBytes) {
        return new JsonRecords(new ArrayFrames(in, maxElementBytes), spec);
    }

    /**
     * Records of a format, told from the first bytes where it is {@link Format#AUTO}.
     *
     * @param in the input
     * @param format its format
     * @param spec the table
     * @param maxLineBytes longer records are skipped, and named
     * @throws LeveeException as {@link #csv}, and {@link io.levee.ErrorCode#IO_FAILED}
     */
    static RecordSource open(InputStream in, Format format, TableSpec spec, int maxLineBytes) {
        if (format == Format.AUTO) {
            Format.Detected detected = Format.detect(in);
            return open(detected.input(), detected.format(), spec, maxLineBytes);
        }
        return switch (format) {
            case NDJSON -> ndjson(in, spec, maxLineBytes);
            case CSV -> csv(in, spec, maxLineBytes);
            case JSON -> jsonArray(in, spec, maxLineBytes);
            case AUTO -> throw new IllegalStateException("detected above");
        };
    }
}
