package io.levee.postgres;

import io.levee.Ack;
import io.levee.ErrorCode;
import io.levee.Expr;
import io.levee.LeveeException;
import io.levee.TableSpec;
import io.levee.engine.RowQuery;
import io.levee.engine.StoredRow;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Finds and deletes single rows, between batches. Owned by the writer thread. */
final class RowChanges {
    RowChanges(WriterSession session, Catalog catalog, Manifest manifest) {}

    @Nullable
    StoredRow find(TableSpec spec, Object[] key) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "not built yet");
    }

    int delete(TableSpec spec, List<RowQuery.Mark> marks, @Nullable Expr still, Ack level) {
        throw new LeveeException(ErrorCode.NOT_SUPPORTED, "not built yet");
    }
}
