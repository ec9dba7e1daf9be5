package io.levee.testkit.fault;

import java.nio.file.Path;
import java.time.Duration;
import java.util.EnumSet;

/**
 * What a process lives with until it is killed. Each draws what it needs from a seed; a fault that this machine cannot make is refused by
 * {@link MissingToolException} when it is made.
 */
public interface Fault {
    /** Nothing but the kill itself. */
    Fault NONE = () -> "SIGKILL";

    /** Its name in a verdict. */
    String name();

    /** Before the process starts. */
    default void begin(Path store, long seed) {}

    /** Adds to how the process starts. */
    default ChildProcess.Builder prepare(ChildProcess.Builder child) {
        return child;
    }

    /**
     * After the process was killed.
     *
     * @param said the process's receipts
     * @return those that the fault leaves standing
     */
    default Receipts end(Receipts said, Verdict verdict, long seed) {
        return said;
    }

    /** Files that cannot grow past a size (T32): a full disk that fills nobody's disk. Needs no rights. */
    static Fault fileSize(long bytes) {
        return new Fault() {
            @Override
            public String name() {
                return "files full at " + bytes / 1024 + " KiB";
            }

            @Override
            public ChildProcess.Builder prepare(ChildProcess.Builder child) {
                return child.fileSizeLimit(bytes);
            }
        };
    }

    /** Some calls fail, by strace: where there is no compiler. */
    static Fault strace(Shim.Errno error) {
        Tools.need("strace");
        return new Fault() {
            @Override
            public String name() {
                return "calls fail with " + error + " (strace)";
            }

            @Override
            public ChildProcess.Builder prepare(ChildProcess.Builder child) {
                return child.strace("pwrite64,fsync,fdatasync,ftruncate:error=" + error + ":when=60+97");
            }
        };
    }

    /** Some calls fail, by the shim. */
    static Fault errors(Shim shim, Shim.Errno error, int perMillion) {
        return new Shimmed(shim, "calls fail with " + error) {
            @Override
            void arm(long seed) {
                shim.failSome(Shim.ALL, perMillion, seed, error);
            }
        };
    }

    /** Some writes end half-way (T31). */
    static Fault shortWrites(Shim shim, int perMillion) {
        return new Shimmed(shim, "writes end half-way") {
            @Override
            void arm(long seed) {
                shim.shorten(perMillion, seed);
            }
        };
    }

    /** Writes and syncs take long (T14). */
    static Fault slow(Shim shim, Duration delay) {
        return new Shimmed(shim, "slow disk") {
            @Override
            void arm(long seed) {
                shim.delay(EnumSet.of(Shim.Call.WRITE, Shim.Call.SYNC), delay, 500_000, seed);
            }
        };
    }

    /** The power goes with the kill: what was not synced is taken back, and only receipts of level DURABLE stand (T18). */
    static Fault powerCut(Shim shim, Path undo, PowerCut.Kind kind) {
        return new Shimmed(shim, "power cut, " + kind) {
            private Path store = undo;

            @Override
            public void begin(Path watched, long seed) {
                super.begin(watched, seed);
                store = watched;
            }

            @Override
            void arm(long seed) {
                shim.remember(undo).skipSyncs(true);
            }

            @Override
            public Receipts end(Receipts said, Verdict verdict, long seed) {
                shim.forget();
                PowerCut.Undone undone = PowerCut.cut(store, undo, kind, seed);
                verdict.did("pages taken back", undone.pages());
                verdict.did("names taken back", undone.names());
                return said.durable();
            }
        };
    }

    /** A fault that the shim makes. */
    abstract class Shimmed implements Fault {
        private final Shim shim;
        private final String name;

        Shimmed(Shim shim, String name) {
            this.shim = shim;
            this.name = name;
        }

        abstract void arm(long seed);

        @Override
        public String name() {
            return name;
        }

        @Override
        public void begin(Path store, long seed) {
            shim.watch(store);
            arm(seed);
        }

        @Override
        public ChildProcess.Builder prepare(ChildProcess.Builder child) {
            return child.shim(shim);
        }

        @Override
        public Receipts end(Receipts said, Verdict verdict, long seed) {
            verdict.did("calls hit", shim.hits());
            shim.disarm();
            return said;
        }
    }
}
