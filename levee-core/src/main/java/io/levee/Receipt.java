package io.levee;

/**
 * What became of one record.
 *
 * @param level the level that was reached
 * @param seq the row's number in its table ({@code _seq}), 0 while the record is only {@link Ack#ACCEPTED}
 * @param updated whether an existing row of the same key was updated
 */
public record Receipt(Ack level, long seq, boolean updated) {}
