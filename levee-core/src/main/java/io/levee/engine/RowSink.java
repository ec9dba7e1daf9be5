package io.levee.engine;

import java.util.List;
import org.jspecify.annotations.Nullable;

/** Takes the rows of a running query; may block while the reader is behind. Query thread. */
public interface RowSink {
    /** The names of the columns, before the first row: for {@link StorageEngine#sql}, where nobody else knows them. */
    void columns(List<String> names);

    /**
     * One row. For {@link ReadView#rows}: the wanted columns, then event time and {@code _seq}, then the values of
     * {@link RowQuery#sorts}.
     *
     * @return whether to go on. {@link ReadView#rows} alone is told false: it returns at once, and is called again behind this row
     *     when the reader has caught up
     * @throws io.levee.LeveeException {@code CANCELLED} or {@code DEADLINE} when nobody wants more
     */
    boolean row(@Nullable Object[] values);
}
