package io.levee.testkit;

import io.levee.testkit.fault.MissingToolException;
import io.levee.testkit.fault.Tools;
import java.nio.file.Path;
import java.util.function.Supplier;
import org.opentest4j.TestAbortedException;

/**
 * What a test needs from its machine. A missing tool aborts the test with the reason; with {@code LEVEE_REQUIRE_TOOLS=1} in the
 * environment it fails it, so that a build that is meant to run everything cannot skip in silence.
 */
public final class Requirements {
    private Requirements() {}

    /**
     * A program on the PATH.
     *
     * @return its file
     */
    public static Path tool(String name) {
        return needed(() -> Tools.need(name));
    }

    /**
     * What only some machines can give, such as {@code needed(() -> SmallDisk.tmpfs(directory, 64 << 20))}.
     *
     * @param fault makes it, or throws {@link MissingToolException}
     */
    public static <T> T needed(Supplier<T> fault) {
        try {
            return fault.get();
        } catch (MissingToolException e) {
            if ("1".equals(System.getenv("LEVEE_REQUIRE_TOOLS"))) {
                throw new AssertionError(e.getMessage() + ", and LEVEE_REQUIRE_TOOLS=1 forbids to skip", e);
            }
            throw new TestAbortedException(e.getMessage(), e);
        }
    }

    /** The directory of full data sets. Only ever aborts: a user's clone has none. */
    public static Path sharedData() {
        return SharedData.directory()
                .orElseThrow(() -> new TestAbortedException("needs ../shared/data beside the repository"));
    }

    /** A set of {@link #sharedData}. Only ever aborts. */
    public static Path sharedData(String name) {
        return SharedData.find(name)
                .orElseThrow(() -> new TestAbortedException("needs ../shared/data/" + name + ".ndjson.gz"));
    }
}
