package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.Gap;
import io.levee.LossReason;
import io.levee.ManualClock;
import io.levee.Overflow;
import io.levee.PartitionId;
import io.levee.engine.Quarantined;
import io.levee.engine.Verification;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;

/** What is missing, what was set aside, and checking the rest (G7, G145; design 5). */
class CompletenessRoutesTest {
    private static final long FROM = 1_779_271_200_000_000L; // 2026-05-20T10:00:00Z

    private static void take(TestServer server, String ack, int from, int to) throws Exception {
        StringBuilder body = new StringBuilder();
        for (int i = from; i < to; i++) {
            body.append(TestServer.line(i, "OK"));
        }
        HttpResponse<String> answer = server.send("POST", "/v1/tables/runs/records?ack=" + ack, body.toString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
    }

    @Test
    void gapsAreToldByTableAndTime() throws Exception {
        try (TestServer server = TestServer.held(o -> {}).withRuns()) {
            assertThat(server.get("/v1/gaps").body()).isEqualTo("{\"complete\":true,\"gaps\":[]}");
            HeldEngine.last().gaps = List.of(
                    new Gap("runs", FROM, FROM + 1_000_000, 3, LossReason.QUARANTINED),
                    new Gap("runs", Long.MIN_VALUE, FROM, Gap.UNKNOWN, LossReason.UNCLEAN_STOP));
            String first = "{\"table\":\"runs\",\"from\":\"2026-05-20T10:00:00Z\",\"to\":\"2026-05-20T10:00:01Z\","
                    + "\"count\":3,\"reason\":\"QUARANTINED\"}";
            String second = "{\"table\":\"runs\",\"from\":null,\"to\":\"2026-05-20T10:00:00Z\",\"count\":null,"
                    + "\"reason\":\"UNCLEAN_STOP\"}";
            assertThat(server.get("/v1/gaps?table=runs").body())
                    .isEqualTo("{\"complete\":false,\"gaps\":[" + first + "," + second + "]}");
            assertThat(server.get("/v1/gaps?from=2026-05-20T10:00:01Z").body())
                    .isEqualTo("{\"complete\":false,\"gaps\":[" + first + "]}");
            assertThat(server.get("/v1/gaps?to=2026-05-20T10:00:00Z").body())
                    .isEqualTo("{\"complete\":false,\"gaps\":[" + second + "]}");
            assertThat(server.get("/v1/gaps?table=none").statusCode()).isEqualTo(404);
            assertThat(server.get("/v1/gaps?tabel=runs").statusCode()).isEqualTo(400);

            // Whatever asks for the range is told the same.
            String records = "/v1/tables/runs";
            for (String path : List.of(records + "/records", records + "/count", records + "/aggregate")) {
                assertThat(server.get(path).body()).as(path).contains(first, second);
                assertThat(server.get(path + "?from=2026-05-21T00:00:00Z").body())
                        .as(path)
                        .contains("\"coverage\":{\"complete\":true,\"gaps\":[]}");
            }
            assertThat(server.get(records + "/records", "Accept", "application/x-ndjson")
                            .headers()
                            .firstValue("Levee-Coverage"))
                    .hasValue("incomplete");
        }
    }

    /** G7, G8: what overflow shed shows in the gaps, the health and the metrics, and every answer knows of it. */
    @Test
    void lossesShowEverywhere() throws Exception {
        try (TestServer server = TestServer.held(o -> o.queueRecords(10).overflow(Overflow.dropOldest()))
                .withRuns()) {
            HeldEngine.last().hold();
            for (int i = 0; i < 50; i++) {
                server.store
                        .table("runs")
                        .append(io.levee.Row.of(server.store.table("runs").spec())
                                .set("id", "r" + i)
                                .set("at", Instant.parse("2026-05-20T10:00:00Z"))
                                .build());
            }
            long lost = server.store.status().lost();
            assertThat(lost).isPositive();
            assertThat(server.get("/v1/gaps").body())
                    .contains("\"count\":" + lost + ",\"reason\":\"OVERFLOW\"")
                    .contains("\"from\":\"2026-05-20T10:00:00Z\",\"to\":\"2026-05-20T10:00:00Z\"");
            Map<String, Object> health = TestServer.json(server.get("/health"));
            assertThat(health)
                    .containsEntry("status", "DEGRADED")
                    .containsKeys("lost", "uncertain", "refused", "lastClose");
            assertThat(health.get("reasons").toString()).contains(lost + " records were lost (OVERFLOW) since 20");
            assertThat(server.get("/metrics").body())
                    .contains("levee_records_lost_total{reason=\"OVERFLOW\"} " + lost + "\n")
                    .contains("levee_records_uncertain 0\n", "levee_ledger_failures_total 0\n");
            HeldEngine.last().release();
        }
    }

    @Test
    void quarantineAndVerify() throws Exception {
        try (TestServer server = TestServer.held(o -> {}).withRuns()) {
            take(server, "committed", 0, 3);
            assertThat(server.get("/v1/quarantine").body()).isEqualTo("{\"quarantine\":[]}");
            HttpResponse<String> whole = server.send("POST", "/v1/verify", "");
            assertThat(TestServer.json(whole))
                    .containsEntry("ok", 1L)
                    .containsEntry("damaged", 0L)
                    .containsEntry("unchecked", 0L)
                    .containsEntry("bytes", 200L);
            HeldEngine.last().found = Verification.State.DAMAGED;
            PartitionId id = server.store.partitions().get(0).id();
            HeldEngine.last().quarantined =
                    List.of(new Quarantined(id, "quarantine/x", "page 4 is zero", FROM, -1, FROM, FROM + 1));
            assertThat(server.send("POST", "/v1/verify?table=runs", "").body())
                    .contains("{\"table\":\"runs\",\"partition\":\"" + id
                            + "\",\"state\":\"damaged\",\"bytes\":200,\"detail\":\"page 4 is zero\"}")
                    .contains("\"damaged\":1");
            assertThat(server.get("/v1/quarantine").body())
                    .isEqualTo(
                            "{\"quarantine\":[{\"table\":\"runs\",\"partition\":\"" + id
                                    + "\",\"where\":\"quarantine/x\",\"reason\":\"page 4 is zero\",\"since\":\"2026-05-20T10:00:00Z\","
                                    + "\"from\":\"2026-05-20T10:00:00Z\",\"to\":\"2026-05-20T10:00:00.000001Z\",\"rows\":null}]}");
            assertThat(server.send("POST", "/v1/verify?table=none", "").statusCode())
                    .isEqualTo(404);
        }
    }

    /** T27: over HTTP, too, a suspect clock stops retention with its code until somebody accepts it. */
    @Test
    void aSuspectClockIsToldAndAccepted() throws Exception {
        ManualClock clock = new ManualClock(Instant.parse("2026-05-20T12:00:00Z"));
        try (TestServer server = TestServer.held(o -> o.clock(clock)).withRuns()) {
            assertThat(server.send("POST", "/v1/clock/accept", "").body()).isEqualTo("{\"accepted\":false}");
            clock.jump(Duration.ofDays(3650));
            assertThat(server.get("/health").body())
                    .contains("DEGRADED", "LEVEE-423 CLOCK_SUSPECT since 2026-05-20T12:00:00Z");
            assertThat(server.get("/v1/retention/plan").body()).contains("LEVEE-423 CLOCK_SUSPECT: nothing is dropped");
            assertThat(server.send("POST", "/v1/clock/accept", "").body()).isEqualTo("{\"accepted\":true}");
            assertThat(server.get("/health").body()).contains("\"status\":\"UP\"");
        }
    }
}
