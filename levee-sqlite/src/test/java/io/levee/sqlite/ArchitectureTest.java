package io.levee.sqlite;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.core.domain.JavaCall.Predicates.target;
import static com.tngtech.archunit.core.domain.properties.HasName.Predicates.nameMatching;
import static com.tngtech.archunit.core.domain.properties.HasOwner.Predicates.With.owner;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import java.util.Set;
import org.junit.jupiter.api.Test;

/** What core and engine may use, and where. The server and the CLI have their own rules beside them. */
class ArchitectureTest {
    private static final JavaClasses MAIN = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("levee-testkit"))
            .importPackages("io.levee");

    private static DescribedPredicate<JavaAccess<?>> calls(String description, Set<String> members) {
        return describe(
                description,
                access -> members.contains(access.getTargetOwner().getName() + "."
                        + access.getTarget().getName()));
    }

    private static DescribedPredicate<JavaClass> except(String... names) {
        return describe("other than " + Set.of(names), c -> !Set.of(names).contains(outermost(c)));
    }

    private static String outermost(JavaClass c) {
        String name = c.getName();
        String simple = name.substring(name.lastIndexOf('.') + 1);
        int inner = simple.indexOf('$');
        return inner < 0 ? simple : simple.substring(0, inner);
    }

    @Test
    void shouldSeeTheClassesThatTheRulesAreAbout() {
        assertThat(MAIN.contain("io.levee.Store")).isTrue();
        assertThat(MAIN.contain("io.levee.sqlite.Handles")).isTrue();
        assertThat(MAIN.contain("io.levee.testkit.Property")).isFalse();
        assertThat(MAIN.contain("io.levee.sqlite.ArchitectureTest")).isFalse();
    }

    @Test
    void shouldPointTheArrowsUpOnly() {
        noClasses()
                .that()
                .resideInAnyPackage("io.levee", "io.levee.engine..", "io.levee.internal..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "java.sql..",
                        "javax.sql..",
                        "org.sqlite..",
                        "java.net.http..",
                        "com.sun.net..",
                        "tools.jackson..",
                        "com.fasterxml..",
                        "org.eclipse.jetty..",
                        "picocli..",
                        "io.levee.sqlite..",
                        "io.levee.server..",
                        "io.levee.cli..",
                        "io.levee.ingest..",
                        "io.levee.json..",
                        "org.slf4j..")
                .check(MAIN);
        noClasses()
                .that()
                .resideInAPackage("io.levee.sqlite..")
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage(
                        "io.levee.server..",
                        "io.levee.cli..",
                        "io.levee.ingest..",
                        "io.levee.json..",
                        "tools.jackson..",
                        "org.eclipse.jetty..",
                        "picocli..",
                        "org.slf4j..")
                .check(MAIN);
    }

    @Test
    void shouldReadClocksInTwoPlacesOnly() {
        noClasses()
                .that(except("MonotonicClock", "StoreOptions"))
                .should()
                .accessTargetWhere(calls(
                                "reads a clock of the machine",
                                Set.of(
                                        "java.lang.System.currentTimeMillis",
                                        "java.lang.System.nanoTime",
                                        "java.time.Clock.systemUTC",
                                        "java.time.Clock.systemDefaultZone",
                                        "java.time.Clock.system"))
                        .or(describe(
                                "asks for now",
                                access ->
                                        access.getTargetOwner().getPackageName().equals("java.time")
                                                && access.getTarget().getName().equals("now")
                                                && access.getTarget()
                                                        instanceof
                                                        com.tngtech.archunit.core.domain.AccessTarget.MethodCallTarget
                                                                method
                                                && method.getRawParameterTypes().isEmpty())))
                .orShould()
                .callConstructorWhere(target(owner(nameMatching("java\\.util\\.(Date|GregorianCalendar)"))))
                .check(MAIN);
    }

    @Test
    void shouldStartThreadsInTheSupervisorOnly() {
        noClasses()
                .that(except("Task"))
                .should()
                .callConstructorWhere(target(
                        owner(nameMatching("java\\.lang\\.Thread|java\\.util\\.Timer|java\\.util\\.concurrent\\..*"
                                + "(ThreadPoolExecutor|ForkJoinPool)"))))
                .orShould()
                .accessTargetWhere(describe("makes threads", access -> {
                    String owner = access.getTargetOwner().getName();
                    String name = access.getTarget().getName();
                    return owner.equals("java.util.concurrent.Executors")
                            || owner.equals("java.util.concurrent.ForkJoinPool")
                            || owner.equals("java.util.concurrent.CompletableFuture") && name.endsWith("Async")
                            || name.equals("parallelStream")
                            || name.equals("parallel") && owner.startsWith("java.util.stream");
                }))
                .check(MAIN);
    }

    @Test
    void shouldGoThroughTheOneDoor() {
        JavaClasses engine =
                MAIN.that(describe("of the engine", c -> c.getPackageName().startsWith("io.levee.sqlite")));
        noClasses()
                .that(except(
                        "Handles",
                        "StorePaths",
                        "StoreLock",
                        "LedgerFile",
                        "CursorFiles",
                        "Reserve",
                        "Relief",
                        "WalFill",
                        "Descriptors",
                        "ForeignProcesses"))
                .should()
                .accessTargetWhere(calls(
                        "opens a file from Java",
                        Set.of(
                                "java.nio.channels.FileChannel.open",
                                "java.nio.channels.AsynchronousFileChannel.open",
                                "java.nio.file.Files.newByteChannel",
                                "java.nio.file.Files.newInputStream",
                                "java.nio.file.Files.newOutputStream",
                                "java.nio.file.Files.newBufferedReader",
                                "java.nio.file.Files.newBufferedWriter",
                                "java.nio.file.Files.readAllBytes",
                                "java.nio.file.Files.readString",
                                "java.nio.file.Files.readAllLines",
                                "java.nio.file.Files.lines",
                                "java.nio.file.Files.write",
                                "java.nio.file.Files.writeString",
                                "java.nio.file.Files.copy",
                                "java.nio.file.Files.mismatch")))
                .orShould()
                .callConstructorWhere(
                        target(
                                owner(
                                        nameMatching(
                                                "java\\.io\\.(FileInputStream|FileOutputStream|RandomAccessFile|FileReader|FileWriter|PrintStream|PrintWriter)"))))
                .check(engine);
        noClasses()
                .that(except("Connections"))
                .should()
                .accessTargetWhere(calls(
                        "opens a connection",
                        Set.of(
                                "java.sql.DriverManager.getConnection",
                                "org.sqlite.SQLiteConfig.createConnection",
                                "org.sqlite.JDBC.createConnection",
                                "org.sqlite.SQLiteDataSource.getConnection")))
                .check(engine);
        noClasses()
                .that(except(
                        "Trash",
                        "TrashFiles",
                        "TrashClaims",
                        "Rewriter",
                        "IndexBuild",
                        "Quarantine",
                        "Adoptions",
                        "CatalogRebuild",
                        "LedgerFile",
                        "CursorFiles",
                        "Reserve",
                        "Relief",
                        "Merging",
                        "MergedFile",
                        "SplitFile",
                        "SplitStep"))
                .should()
                .accessTargetWhere(calls(
                        "renames or unlinks",
                        Set.of(
                                "java.nio.file.Files.move",
                                "java.nio.file.Files.delete",
                                "java.nio.file.Files.deleteIfExists",
                                "java.io.File.delete",
                                "java.io.File.renameTo")))
                .check(engine);
    }
}
