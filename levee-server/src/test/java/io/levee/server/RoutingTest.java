package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;

import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Routes, methods, parameters, and the one form of errors. */
class RoutingTest {
    private TestServer server;

    @BeforeEach
    void start() throws Exception {
        server = TestServer.held(o -> {}).withRuns();
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void anUnknownRouteIs404() throws Exception {
        HttpResponse<String> answer = server.get("/v1/nothing");
        assertThat(answer.statusCode()).isEqualTo(404);
        assertThat(answer.headers().firstValue("Content-Type")).contains("application/problem+json");
        assertThat(answer.headers().firstValue("X-Content-Type-Options")).contains("nosniff");
        assertThat(TestServer.json(answer))
                .containsEntry("code", "LEVEE-404 NO_ROUTE")
                .containsEntry("title", "No route")
                .containsEntry("status", 404L)
                .containsKeys("detail", "hint");
    }

    @Test
    void aWrongMethodIs405WithThoseThereAre() throws Exception {
        HttpResponse<String> answer = server.send("DELETE", "/v1/tables/runs", "");
        assertThat(answer.statusCode()).isEqualTo(405);
        assertThat(answer.headers().firstValue("Allow")).contains("GET, HEAD, PUT");
        assertThat(answer.body()).contains("LEVEE-405 METHOD_NOT_ALLOWED");
    }

    @Test
    void anUnknownTableIs404AndNamesThoseThereAre() throws Exception {
        HttpResponse<String> answer = server.get("/v1/tables/nope/records");
        assertThat(answer.statusCode()).isEqualTo(404);
        assertThat(answer.body()).contains("LEVEE-404 UNKNOWN_TABLE").contains("runs");
    }

    @Test
    void unknownQueryParametersAreNamed() throws Exception {
        HttpResponse<String> answer = server.get("/v1/tables/runs/records?limt=5&wher=x");
        assertThat(answer.statusCode()).isEqualTo(400);
        assertThat(TestServer.json(answer).get("detail").toString())
                .contains("limt")
                .contains("wher");
        assertThat(server.get("/health?x=1").statusCode()).isEqualTo(400);
        assertThat(server.get("/v1/tables/runs/records?limit=5&limit=6").statusCode())
                .isEqualTo(400);
    }

    @Test
    void badValuesOfParametersAre400() throws Exception {
        for (String query : new String[] {
            "limit=-1",
            "limit=10001",
            "limit=x",
            "order=up",
            "details=maybe",
            "from=yesterday",
            "from=now%20-%20soon",
            "where=state%20%3D",
            "columns=nope",
            "after=garbage"
        }) {
            HttpResponse<String> answer = server.get("/v1/tables/runs/records?" + query);
            assertThat(answer.statusCode()).as(query + ": " + answer.body()).isEqualTo(400);
            assertThat(TestServer.json(answer)).containsKeys("code", "detail");
        }
        assertThat(server.get("/v1/tables/runs/records", "Levee-Deadline", "soon")
                        .statusCode())
                .isEqualTo(400);
    }

    @Test
    void headAnswersWithoutABody() throws Exception {
        for (String path :
                new String[] {"/", "/health", "/metrics", "/v1/status", "/v1/tables/runs", "/v1/partitions"}) {
            HttpResponse<String> answer = server.text(server.request(path)
                    .method("HEAD", HttpRequest.BodyPublishers.noBody())
                    .build());
            assertThat(answer.statusCode()).as(path).isEqualTo(200);
            assertThat(answer.body()).isEmpty();
        }
    }

    @Test
    void aSpecIsDeclaredOnceShownAndListed() throws Exception {
        assertThat(server.send("PUT", "/v1/tables/runs", TestServer.SPEC).statusCode())
                .isEqualTo(200);
        assertThat(TestServer.json(server.get("/v1/tables/runs")))
                .containsEntry("table", "runs")
                .containsKey("columns");
        assertThat(server.get("/v1/tables").body()).contains("\"tables\":[{").contains("job ID");
        HttpResponse<String> other = server.send("PUT", "/v1/tables/walks", TestServer.SPEC);
        assertThat(other.statusCode()).isEqualTo(400);
        assertThat(other.body()).contains("LEVEE-400 BAD_SPEC");
        HttpResponse<String> changed =
                server.send("PUT", "/v1/tables/runs", TestServer.SPEC.replace("ms: real", "ms: text"));
        assertThat(changed.statusCode()).isEqualTo(409);
        assertThat(changed.body()).contains("LEVEE-409 SPEC_CONFLICT");
    }

    @Test
    void thePageIsServedWithAPolicyAndAnETag() throws Exception {
        HttpResponse<String> page = server.get("/");
        assertThat(page.statusCode()).isEqualTo(200);
        assertThat(page.headers().firstValue("Content-Type")).contains("text/html; charset=utf-8");
        String policy = page.headers().firstValue("Content-Security-Policy").orElseThrow();
        assertThat(policy)
                .contains("default-src 'none'")
                .contains("script-src 'self'")
                .doesNotContain("unsafe");
        assertThat(page.body())
                .doesNotContain("<style")
                .doesNotContain("onclick")
                .doesNotContain("style=");
        String etag = page.headers().firstValue("ETag").orElseThrow();
        assertThat(server.get("/", "If-None-Match", etag).statusCode()).isEqualTo(304);
        for (String asset : new String[] {"levee.css", "page.js", "format.js", "charts.js", "icon.svg"}) {
            assertThat(page.body() + server.get("/assets/page.js").body()).contains(asset);
            assertThat(server.get("/assets/" + asset).statusCode()).as(asset).isEqualTo(200);
        }
    }

    @Test
    void anUnknownQueryCannotBeCancelled() throws Exception {
        assertThat(server.send("DELETE", "/v1/queries/99", "").statusCode()).isEqualTo(404);
        assertThat(server.send("DELETE", "/v1/queries/x", "").statusCode()).isEqualTo(404);
        assertThat(server.get("/v1/queries").body()).isEqualTo("{\"queries\":[]}");
    }
}
