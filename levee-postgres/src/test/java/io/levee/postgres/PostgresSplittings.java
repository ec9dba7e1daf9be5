package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Store;
import io.levee.StoreOptions;
import io.levee.testkit.PostgresServer;
import io.levee.testkit.conformance.Splittings;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/** Splittings of adopted tables in a test's hands. */
public final class PostgresSplittings implements Splittings {
    /** For a JVM that is to be killed. */
    public PostgresSplittings() {}

    @Override
    public List<String> points() {
        return Arrays.stream(Splitting.Point.values()).map(Enum::name).toList();
    }

    @Override
    public String read() {
        return Splitting.Point.READ.name();
    }

    @Override
    public String moved() {
        return Splitting.Point.MOVED.name();
    }

    @Override
    public String compared() {
        return Splitting.Point.VERIFIED.name();
    }

    @Override
    public Store open(String address, int rows, Consumer<String> at, Consumer<StoreOptions.Builder> options) {
        return SplitTest.open(address, point -> at.accept(point.name()), rows, options);
    }

    /** The catalog's numbers of rows are those of the partitions. */
    @Override
    public void check(String address) {
        String schema = PostgresServer.schema(address);
        assertThat(PostgresServer.shared()
                        .texts("SELECT (SELECT COALESCE(sum(row_count), 0) FROM " + schema
                                + "_levee.partitions) - (SELECT count(*) FROM " + schema + ".invocations)"))
                .as(address)
                .containsExactly("0");
    }
}
