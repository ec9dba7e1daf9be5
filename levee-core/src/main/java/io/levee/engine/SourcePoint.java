package io.levee.engine;

/**
 * How far a source was read: everything up to here is settled, so a replay starts here.
 *
 * @param position as in {@link SourceMark}; 0 before the first row
 * @param state what the source needs to find the place again, such as a file's identity; opaque to engines
 */
public record SourcePoint(long position, String state) {
    /** Before the first row. */
    public static final SourcePoint START = new SourcePoint(0, "");
}
