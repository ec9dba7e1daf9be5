package io.levee;

import java.util.Locale;

/** What a column holds. The name in lower case is the name in table specs. */
public enum ColumnType {
    /** Unicode text without NUL and without unpaired surrogates. */
    TEXT,
    /** A signed 64-bit whole number. */
    INTEGER,
    /** A 64-bit floating point number; NaN is refused. */
    REAL,
    /** True or false. */
    BOOLEAN,
    /** An instant, kept as microseconds since the epoch, UTC. */
    TIMESTAMP,
    /** A length of time, kept as microseconds. */
    DURATION,
    /** An exact decimal number, kept as its plain text. */
    DECIMAL,
    /** A UUID, kept as its 36 lower-case characters. */
    UUID,
    /** Any JSON value, kept as compact text. */
    JSON,
    /** Bytes; base64 in JSON. */
    BLOB;

    /**
     * The type of that name.
     *
     * @param name a type's name, in any case
     * @return the type
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} for an unknown name
     */
    public static ColumnType of(String name) {
        for (ColumnType type : values()) {
            if (type.specName().equals(name.toLowerCase(Locale.ROOT))) {
                return type;
            }
        }
        throw new LeveeException(ErrorCode.BAD_SPEC, "there is no column type '" + name + "'")
                .hint("use text, integer, real, boolean, timestamp, duration, decimal, uuid, json or blob");
    }

    /** The name used in table specs. */
    public String specName() {
        return name().toLowerCase(Locale.ROOT);
    }
}
