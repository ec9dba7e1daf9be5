package io.levee.postgres;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.levee.ErrorCode;
import io.levee.Levee;
import io.levee.LeveeException;
import io.levee.Store;
import io.levee.testkit.PostgresServer;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What an address says, and that a password in it shows nowhere. */
class AddressTest {
    private static final String SECRET = "s3cr3t";

    private static Address parse(String text) {
        return Address.parse(text, Map.of("PGUSER", "me", "PGPASSWORD", "from-environment"));
    }

    @Test
    void shouldReadAllParts() {
        Address address = parse("postgres://le%40vee:p%25w@db.example.com:5433/hist?schema=jobs&sslmode=require");
        assertThat(address.user()).isEqualTo("le@vee");
        assertThat(address.password()).isEqualTo("p%w");
        assertThat(address.schema()).isEqualTo("jobs");
        assertThat(address.url()).isEqualTo("jdbc:postgresql://db.example.com:5433/hist");
        assertThat(address.others()).isEqualTo(Map.of("sslmode", "require"));
        assertThat(address).hasToString("postgres://le@vee@db.example.com:5433/hist?schema=jobs");
    }

    @Test
    void shouldFillInWhatIsMissing() {
        assertThat(parse("postgres://")).hasToString("postgres://me@localhost/me?schema=levee");
        assertThat(parse("postgresql://u@h")).hasToString("postgres://u@h/u?schema=levee");
        assertThat(parse("jdbc:postgresql://h/db?user=u&password=p")).hasToString("postgres://u@h/db?schema=levee");
        assertThat(parse("jdbc:postgresql://h/db?user=u&password=p+1").password())
                .isEqualTo("p+1");
        assertThat(parse("postgres://u@[::1]:5432/db")).hasToString("postgres://u@[::1]:5432/db?schema=levee");
        assertThat(parse("postgres://u@h1:5432,h2:5433/db").url()).isEqualTo("jdbc:postgresql://h1:5432,h2:5433/db");
        assertThat(parse("postgres://u@h/db").password()).isEqualTo("from-environment");
        assertThat(Address.parse("postgres://u@h/db", Map.of()).password()).isNull();
    }

    @Test
    void shouldTellItsAddressesFromDirectories() {
        PostgresEngineProvider provider = new PostgresEngineProvider();
        assertThat(Set.of("postgres://h/db", "postgresql://h/db", "jdbc:postgresql://h/db", "Postgres:nonsense"))
                .allMatch(provider::accepts);
        assertThat(Set.of("/data/postgres", "postgres", "memory:", "jdbc:sqlite:x", "http://postgres://"))
                .noneMatch(provider::accepts);
    }

    @Test
    void shouldNeverShowAPassword() {
        for (String bad : List.of(
                "postgres://u:" + SECRET + "@h@x/db",
                "postgres://u:" + SECRET + "%zz@h/db",
                "postgres://u:" + SECRET + "@h/db?password",
                "postgres:u:" + SECRET + "@h",
                "postgres://u:" + SECRET + "@h/db?schema=no schema",
                "postgres://u:" + SECRET + "@h/db?sslmode=nonsense&sslpassword=" + SECRET)) {
            assertThatThrownBy(() -> Levee.open(bad, false, o -> {}))
                    .as(bad)
                    .isInstanceOfSatisfying(
                            LeveeException.class, e -> assertThat(trace(e)).doesNotContain(SECRET));
        }
        Address good = parse("postgres://u:" + SECRET + "@h/db?sslpassword=" + SECRET);
        assertThat(good.toString() + good.url()).doesNotContain(SECRET);
    }

    @Test
    void shouldNotShowAPasswordWhereTheServerCannotBeReachedOrRefuses() {
        String server = PostgresServer.shared().address();
        String refused = server.replace("postgres@", "nobody_there:" + SECRET + "@");
        for (String address : List.of(refused, "postgres://u:" + SECRET + "@localhost:1/db")) {
            assertThatThrownBy(() -> Levee.open(address, false, o -> {}))
                    .isInstanceOfSatisfying(LeveeException.class, e -> {
                        assertThat(e.code()).isIn(ErrorCode.IO_FAILED, ErrorCode.SERVER_UNAVAILABLE);
                        assertThat(e.hint()).isNotNull();
                        assertThat(trace(e)).doesNotContain(SECRET);
                    });
        }
    }

    @Test
    void shouldNotShowThePasswordOfAnOpenStore() {
        String address = PostgresServer.shared().newStore().replace("postgres@", "postgres:" + SECRET + "@");
        try (Store store = Levee.open(address, false, o -> {})) {
            assertThat(store.status().toMap().toString() + store.diagnose() + store.options())
                    .doesNotContain(SECRET);
            assertThat(store.status().store())
                    .startsWith(PostgresServer.shared().address());
        }
    }

    @Test
    void shouldSayWhichDriverParameterDoesNotFit() {
        assertThatThrownBy(() -> Levee.open("postgres://u@h/db?sslmod=require", false, o -> {}))
                .isInstanceOfSatisfying(LeveeException.class, e -> {
                    assertThat(e.code()).isEqualTo(ErrorCode.BAD_VALUE);
                    assertThat(e.getMessage()).contains("sslmod");
                });
    }

    private static String trace(Throwable e) {
        StringWriter text = new StringWriter();
        e.printStackTrace(new PrintWriter(text, true));
        return text.toString();
    }
}
