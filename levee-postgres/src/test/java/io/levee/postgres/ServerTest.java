package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;

import io.levee.testkit.PostgresServer;
import org.junit.jupiter.api.Test;

class ServerTest {
    private final PostgresServer server = PostgresServer.shared();

    @Test
    void shouldRunTheServerThatTestsNeed() {
        assertThat(server.texts("SHOW server_encoding")).containsExactly("UTF8");
        assertThat(server.newStore()).isNotEqualTo(server.newStore());
    }
}
