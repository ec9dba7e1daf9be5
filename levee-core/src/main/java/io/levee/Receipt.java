package io.levee;

/**
 * What became of one record.
 *
 * @param level the level that was reached
 * @param seq the row's number in its table ({@code _seq}), 0 while the record is only {@link Ack#ACCEPTED}
 * @param updated whether an existing row of the same key was updated
 * @param known whether it came from a source that was read again and was stored before: it was not written twice, and {@code seq} is 0
 */
public record Receipt(Ack level, long seq, boolean updated, boolean known) {
    /** A record that was new or an update. */
    public Receipt(Ack level, long seq, boolean updated) {
        this(level, seq, updated, false);
    }
}
