package io.levee.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Takes the rows of a running query; blocks while the reader is behind. Query thread. */
public interface RowSink {
    /** The names of the columns, before the first row: for {@link StorageEngine#sql}, where nobody else knows them. */
    void columns(List<String> names);

    /**
     * One row. For {@link StorageEngine#rows}: the wanted columns, then event time and {@code _seq}.
     *
     * @throws io.levee.LeveeException {@code CANCELLED} or {@code DEADLINE} when nobody wants more
     */
    void row(@Nullable Object[] values);
}
