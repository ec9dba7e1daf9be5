package io.levee.cli;

import io.levee.PartitionInfo;
import io.levee.Store;
import io.levee.internal.time.Micros;
import java.time.ZoneId;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Parameters;

/** {@code levee partitions}: the files of a store and what they hold. */
@CommandLine.Command(
        name = "partitions",
        description = "The partitions of a store, by table and time: what they hold, their state and size.",
        footerHeading = "%nExample:%n",
        footer = "  levee partitions invocations")
final class PartitionsCommand extends Command {
    private static final List<String> COLUMNS = List.of("partition", "state", "from", "to", "rows", "bytes");

    @Parameters(paramLabel = "TABLE", arity = "0..1", description = "Only this table's.")
    private @Nullable String table;

    PartitionsCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        List<?> partitions = partitions();
        if (json()) {
            console.json(Map.of("partitions", partitions));
            return OK;
        }
        Grid grid = new Grid(console, Grid.Format.TABLE, COLUMNS, ZoneId.of("UTC"));
        for (Object partition : partitions) {
            if (partition instanceof Map<?, ?> map) {
                List<@Nullable Object> row = new ArrayList<>();
                COLUMNS.forEach(name -> row.add(map.get(name)));
                grid.row(row);
            }
        }
        grid.end();
        return OK;
    }

    private List<?> partitions() throws Exception {
        Remote remote = target.remote(console);
        if (remote != null) {
            Map<String, @Nullable Object> params = new LinkedHashMap<>();
            params.put("table", table);
            return remote.get("/v1/partitions", params).get("partitions") instanceof List<?> list ? list : List.of();
        }
        try (Store store = target.openToRead(console)) {
            if (table != null) {
                store.table(table);
            }
            return store.partitions().stream()
                    .filter(p -> table == null || p.id().table().equals(table))
                    .map(PartitionsCommand::form)
                    .toList();
        }
    }

    private static Map<String, @Nullable Object> form(PartitionInfo partition) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>();
        map.put("table", partition.id().table());
        map.put("partition", partition.id().toString());
        map.put("state", partition.state().name().toLowerCase(Locale.ROOT));
        map.put("from", partition.minMicros() == Long.MIN_VALUE ? null : Micros.text(partition.minMicros()));
        map.put("to", partition.maxMicros() == Long.MAX_VALUE ? null : Micros.text(partition.maxMicros()));
        map.put("rows", partition.rows() < 0 ? null : partition.rows());
        map.put("bytes", partition.bytes());
        return map;
    }
}
