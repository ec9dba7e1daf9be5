package io.levee.postgres;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What this engine may use, and where. The rules for core are beside the other engine. */
class ArchitectureTest {
    private static final JavaClasses MAIN = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("/test/"))
            .importPackages("io.levee.postgres");

    private static DescribedPredicate<JavaAccess<?>> calls(String description, Set<String> members) {
        return describe(
                description,
                access -> members.contains(access.getTargetOwner().getName() + "."
                        + access.getTarget().getName()));
    }

    private static DescribedPredicate<JavaClass> except(String... names) {
        return describe(
                "other than " + Set.of(names),
                c -> !Set.of(names).contains(c.getName().replaceAll("^.*\\.|\\$.*", "")));
    }

    @Test
    void shouldSeeTheClassesThatTheRulesAreAbout() {
        assertThat(MAIN.contain("io.levee.postgres.Connections")).isTrue();
        assertThat(MAIN.contain("io.levee.postgres.ArchitectureTest")).isFalse();
    }

    @Test
    void shouldKnowNothingAboveItAndNoOtherEngine() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.levee.server..",
                        "io.levee.cli..",
                        "io.levee.ingest..",
                        "io.levee.json..",
                        "io.levee.sqlite..",
                        "io.levee.testkit..",
                        "org.sqlite..",
                        "tools.jackson..",
                        "org.eclipse.jetty..",
                        "java.net.http..",
                        "com.sun.net..",
                        "picocli..",
                        "org.slf4j..")
                .check(MAIN);
    }

    @Test
    void shouldShowUsersTheProviderAndTheDoorForDataSourcesOnly() {
        classes()
                .that()
                .areTopLevelClasses()
                .and()
                .haveModifier(JavaModifier.PUBLIC)
                .should()
                .haveSimpleName("LeveePostgres")
                .orShould()
                .haveSimpleName("PostgresEngineProvider")
                .check(MAIN);
    }

    @Test
    void shouldMakeConnectionsInOnePlaceAndTakeThemFromThePoolInAnother() {
        noClasses()
                .that(except("Connections", "HikariPool"))
                .should()
                .callConstructorWhere(target(owner(nameMatching("org\\.postgresql\\.ds\\..*|com\\.zaxxer\\..*"))))
                .orShould()
                .accessTargetWhere(describe(
                        "connects by itself",
                        access -> access.getTargetOwner().getName().equals("java.sql.DriverManager")))
                .check(MAIN);
        noClasses()
                .that(except("Connections", "ReadSession"))
                .should()
                .accessTargetWhere(calls("takes a connection", Set.of("javax.sql.DataSource.getConnection")))
                .check(MAIN);
        noClasses()
                .that(except("HikariPool"))
                .should()
                .dependOnClassesThat()
                .resideInAPackage("com.zaxxer..")
                .check(MAIN);
    }

    @Test
    void shouldReadNoClockOfItsOwnAndStartNoThread() {
        noClasses()
                .should()
                .accessTargetWhere(calls(
                        "reads a clock of the machine",
                        Set.of(
                                "java.lang.System.currentTimeMillis",
                                "java.lang.System.nanoTime",
                                "java.time.Instant.now",
                                "java.time.Clock.systemUTC")))
                .orShould()
                .callConstructorWhere(target(owner(nameMatching("java\\.lang\\.Thread|java\\.util\\.Timer"))))
                .orShould()
                .accessTargetWhere(describe("makes threads", access -> {
                    String owner = access.getTargetOwner().getName();
                    return owner.equals("java.util.concurrent.Executors")
                            || owner.equals("java.util.concurrent.CompletableFuture")
                                    && access.getTarget().getName().endsWith("Async");
                }))
                .check(MAIN);
    }
}
