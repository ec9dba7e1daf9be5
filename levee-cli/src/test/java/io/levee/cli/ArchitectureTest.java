package io.levee.cli;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.time.Instant;
import java.util.Timer;
import java.util.concurrent.Executors;
import java.util.concurrent.ForkJoinPool;
import org.junit.jupiter.api.Test;

/** What server and command may use, and where: the rules of core and engine stand in levee-sqlite. */
class ArchitectureTest {
    private static final JavaClasses MAIN = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .importPackages("io.levee.cli", "io.levee.server", "io.levee.ingest", "io.levee.json", "io.levee.ask");

    @Test
    void shouldSeeTheClassesThatTheRulesAreAbout() {
        assertThat(MAIN.contain("io.levee.cli.Main")).isTrue();
        assertThat(MAIN.contain("io.levee.server.LeveeServer")).isTrue();
        assertThat(MAIN.contain("io.levee.cli.ArchitectureTest")).isFalse();
    }

    @Test
    void shouldNameNoEngine() {
        noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.levee.sqlite..",
                        "org.sqlite..",
                        "io.levee.postgres..",
                        "org.postgresql..",
                        "com.zaxxer..",
                        "java.sql..")
                .check(MAIN);
    }

    /** {@code levee torture} and {@code levee drill} are the users of the test kit, and of its half that knows no JUnit. */
    @Test
    void shouldUseOfTheTestKitItsFaultsOnly() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("io.levee.cli.TortureCommand")
                .and()
                .doNotHaveFullyQualifiedName("io.levee.cli.DrillCommand")
                .should()
                .dependOnClassesThat()
                .resideInAPackage("io.levee.testkit..")
                .check(MAIN);
        noClasses()
                .should()
                .dependOnClassesThat(describe(
                        "of the test kit beside its faults and drills",
                        c -> c.getPackageName().startsWith("io.levee.testkit")
                                && !c.getPackageName().equals("io.levee.testkit.fault")
                                && !c.getPackageName().equals("io.levee.testkit.drill")))
                .check(MAIN);
        noClasses()
                .should()
                .dependOnClassesThat(describe(
                        "that the packed command lacks",
                        c -> !c.getPackageName().startsWith("java.")
                                && !c.getPackageName().startsWith("org.jspecify.")
                                && !c.getPackageName().equals("io.levee")
                                && !c.getPackageName().startsWith("io.levee.engine")
                                && !c.getPackageName().equals("io.levee.testkit.fault")
                                && !c.getPackageName().equals("io.levee.testkit.drill")
                                && !c.isPrimitive()
                                && !c.isArray()))
                .check(new ClassFileImporter().importPackages("io.levee.testkit.fault", "io.levee.testkit.drill"));
    }

    @Test
    void shouldPointFromCommandToServerOnly() {
        noClasses()
                .that()
                .resideInAnyPackage("io.levee.server..", "io.levee.ingest..", "io.levee.json..", "io.levee.ask..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.levee.cli..", "picocli..")
                .check(MAIN);
        noClasses()
                .that()
                .resideInAnyPackage("io.levee.ingest..", "io.levee.json..", "io.levee.ask..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("io.levee.server..", "org.eclipse.jetty..")
                .check(MAIN);
    }

    @Test
    void shouldReadNoWallClockOfItsOwn() {
        noClasses()
                .should()
                .callMethod(System.class, "currentTimeMillis")
                .orShould()
                .callMethod(System.class, "nanoTime")
                .orShould()
                .callMethod(Instant.class, "now")
                .check(MAIN);
    }

    @Test
    void shouldMakeNoThreadsButShutdownHooksAndJettysPool() {
        noClasses()
                .that()
                .doNotHaveFullyQualifiedName("io.levee.cli.Shutdown")
                .and()
                .doNotHaveFullyQualifiedName("io.levee.server.Demo")
                .should()
                .callConstructorWhere(target(owner(assignableTo(Thread.class))))
                .orShould()
                .dependOnClassesThat()
                .belongToAnyOf(Executors.class, ForkJoinPool.class, Timer.class)
                .check(MAIN);
    }
}
