package io.levee;

import io.levee.internal.spec.MigrationCodec;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/**
 * One named change of a table, made while the store is open and nobody notices; see {@link Store#migrate}. Equal by value.
 *
 * @param id its name: 1 to 64 letters, digits, dots, underscores and hyphens; unique in the store. Migrations of one table are done in
 *     the order in which they were declared
 * @param table the table
 * @param step what it does
 */
public record Migration(String id, String table, MigrationStep step) {
    private static final Pattern ID = Pattern.compile("[A-Za-z0-9._-]{1,64}");

    /**
     * Checks the id.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public Migration {
        if (!ID.matcher(id).matches()) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "'" + id + "' is no name of a migration")
                    .with("migration", id)
                    .hint("use 1 to 64 letters, digits, dots, underscores and hyphens");
        }
    }

    /**
     * SHA-256 over table and step, in hex: a migration of the same name that does something else has another one. Of Java functions their
     * version counts.
     */
    public String digest() {
        return MigrationCodec.digest(this);
    }

    /** The form of spec files: {@code {id, table, addColumn: …}}. Of Java functions only the version is in it. */
    public Map<String, Object> toMap() {
        return MigrationCodec.toMap(this);
    }

    /**
     * Reads {@link #toMap}. A Java function comes back as one that fails: it has to be declared by the program.
     *
     * @throws LeveeException {@link ErrorCode#BAD_SPEC} naming the entry at fault
     */
    public static Migration fromMap(Map<?, ?> map) {
        return MigrationCodec.fromMap(map);
    }

    /**
     * Reads a list of {@link #toMap}.
     *
     * @param form a list, or a map whose entry {@code migrations} is one
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public static List<Migration> listOf(Object form) {
        return MigrationCodec.listOf(form);
    }
}
