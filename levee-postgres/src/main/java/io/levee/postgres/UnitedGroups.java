package io.levee.postgres;

import io.levee.engine.Grouping;
import java.sql.SQLException;
import java.util.List;
import javax.sql.DataSource;
import org.jspecify.annotations.Nullable;

/** Groups of a table's own rows and of adopted ones that move among them, in one statement and so of one moment. One query thread. */
final class UnitedGroups extends SessionGroups {
    private final String table;
    private final @Nullable List<String> classes;
    private final List<Adopted> adopted;

    UnitedGroups(
            DataSource source,
            Names names,
            Grouping grouping,
            Damage damage,
            @Nullable List<String> classes,
            List<Adopted> adopted) {
        super(source, names, grouping, damage, adopted.get(0));
        this.table = grouping.spec().name();
        this.classes = classes;
        this.adopted = adopted;
    }

    @Override
    public String name() {
        return table;
    }

    @Override
    Rows rows(ReadSession session, Names names, Grouping grouping) throws SQLException {
        long from = grouping.fromMicros();
        long to = grouping.toMicros();
        AdoptedRead read = AdoptedRead.of(session, names, grouping.spec(), adopted, from, to);
        return new Rows(
                read.from(names.rows(grouping.spec()), classes, from, to, grouping.where()), read.classes(classes));
    }
}
