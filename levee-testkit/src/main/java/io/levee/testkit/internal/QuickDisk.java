package io.levee.testkit.internal;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.extension.AnnotatedElementContext;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.junit.jupiter.api.io.TempDirFactory;

/**
 * Gives tests their directories at the {@link TestPlace}. Named in each module's {@code junit-platform.properties}; a test whose point is
 * the pace of a disk says {@code @TempDir(factory = TempDirFactory.Standard.class)}.
 */
public final class QuickDisk implements TempDirFactory {
    /** For JUnit. */
    public QuickDisk() {}

    @Override
    public Path createTempDirectory(AnnotatedElementContext element, ExtensionContext context) throws IOException {
        return Files.createTempDirectory(TestPlace.directory(), "junit-");
    }
}
