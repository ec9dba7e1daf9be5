package io.levee.server;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Who is let in: this machine alone, and no page of another site. */
class GuardTest {
    private TestServer server;

    @BeforeEach
    void start() {
        server = TestServer.held(o -> {});
    }

    @AfterEach
    void stop() {
        server.close();
    }

    @Test
    void aHostThatOthersCanReachIsRefused() {
        assertThatThrownBy(() -> LeveeServer.start(server.store, ServerOptions.of("0.0.0.0", 0)))
                .isInstanceOfSatisfying(LeveeException.class, e -> {
                    assertThat(e.code()).isEqualTo(ErrorCode.UNSAFE_ENVIRONMENT);
                    assertThat(e.hint()).contains("127.0.0.1");
                });
    }

    @Test
    void aTakenPortIsAClearError() {
        int port = URI.create(server.server.url()).getPort();
        assertThatThrownBy(() -> LeveeServer.start(server.store, ServerOptions.of("127.0.0.1", port)))
                .isInstanceOfSatisfying(
                        LeveeException.class, e -> assertThat(e.code()).isEqualTo(ErrorCode.IO_FAILED))
                .hasMessageContaining(String.valueOf(port));
    }

    @Test
    void aForeignHostNameIsRefused() throws Exception {
        assertThat(raw("GET /v1/status HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 403")
                .contains("LEVEE-403 FOREIGN_HOST");
        assertThat(raw("GET /health HTTP/1.1\r\nHost: localhost:1\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 200");
        assertThat(raw("GET /health HTTP/1.1\r\nHost: [::1]:7311\r\nConnection: close\r\n\r\n"))
                .startsWith("HTTP/1.1 200");
    }

    @Test
    void aPageOfAnotherSiteMayNotWrite() throws Exception {
        var foreign = server.send("POST", "/v1/retention/apply", "", "Origin", "https://evil.example");
        assertThat(foreign.statusCode()).isEqualTo(403);
        assertThat(foreign.body()).contains("LEVEE-403 FOREIGN_ORIGIN");
        assertThat(server.send("POST", "/v1/retention/apply", "", "Origin", "null")
                        .statusCode())
                .isEqualTo(403);
        var own = server.send("POST", "/v1/retention/apply", "", "Origin", server.server.url());
        assertThat(own.statusCode()).isEqualTo(200);
    }

    @Test
    void aPathThatClimbsOutAndABrokenRequestGetTheSameFormOfError() throws Exception {
        for (String target : new String[] {"/assets/../../etc/passwd", "/assets/%2e%2e/x", "/%00"}) {
            String answer = raw("GET " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
            assertThat(answer).as(target).matches("(?s)HTTP/1\\.1 40[04].*").contains("application/problem+json");
        }
    }

    /** For what no HTTP client would send. */
    private String raw(String request) throws IOException {
        URI uri = URI.create(server.server.url());
        try (Socket socket = new Socket(uri.getHost(), uri.getPort())) {
            socket.getOutputStream().write(request.getBytes(StandardCharsets.US_ASCII));
            return new String(socket.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        }
    }
}
