package io.levee.sqlite;

import io.levee.LeveeException;
import io.levee.PartitionId;
import io.levee.engine.Verification;
import io.levee.internal.supervisor.Task;
import io.levee.internal.time.Micros;
import java.time.Clock;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;

/**
 * Compares closed partitions with their checksums, each once in {@link #AGAIN}, and looks at once at what somebody met damage in.
 * What is damaged is set aside. The thread {@code levee-verifier}; {@link #verify} any but the writer.
 *
 * <p>Which was compared when is kept in the catalog: a restart goes on where the last process was.
 */
final class Verifier {
    /** A closed partition is compared again after this time. */
    static final Duration AGAIN = Duration.ofDays(1);

    private static final System.Logger LOG = System.getLogger("io.levee.sqlite");

    /** Bytes a second in the background: a disk that serves a service has little to spare. */
    private static final long BACKGROUND_RATE = 8L << 20;

    /** Bytes a second where somebody asked for it. */
    private static final long ASKED_RATE = 128L << 20;

    /** After each file, however small: its success is a synced commit of the catalog. */
    private static final Duration BETWEEN_FILES = Duration.ofMillis(100);

    private static final Duration LOOK_EVERY = Duration.ofSeconds(30);

    /** What is lent or being read is looked at again after this time. */
    private static final Duration SUSPECT_AGAIN = Duration.ofMillis(200);

    private static final int AT_ONCE = 64;

    private final Catalog catalog;
    private final Manifest manifest;
    private final Quarantine quarantine;
    private final Suspects suspects;
    private final PartitionCheck check;
    private final Clock wall;

    Verifier(
            Catalog catalog,
            Manifest manifest,
            Quarantine quarantine,
            Suspects suspects,
            PartitionCheck check,
            Clock wall) {
        this.catalog = catalog;
        this.manifest = manifest;
        this.quarantine = quarantine;
        this.suspects = suspects;
        this.check = check;
        this.wall = wall;
    }

    /** The life of its thread. */
    void run(Task task) {
        suspects.onReport(task::wake);
        Duration pause = Duration.ZERO;
        while (task.pause(pause)) {
            boolean left = lookAtSuspects();
            boolean checked = checkDue(task);
            task.ran("");
            pause = left ? SUSPECT_AGAIN : checked ? BETWEEN_FILES : LOOK_EVERY;
        }
    }

    /** See {@link io.levee.engine.StorageEngine#verify}. */
    Verification verify(Partition partition) {
        return settle(partition, partition.openings(), check.bytes(partition, Verifier::paced));
    }

    /** The pace of a check that somebody asked for. */
    static boolean paced(int bytes) {
        try {
            TimeUnit.NANOSECONDS.sleep(bytes * 1_000_000_000L / ASKED_RATE);
            return true;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            return false;
        }
    }

    /** Compares what is due; returns whether there was something that could be. */
    private boolean checkDue(Task task) {
        List<PartitionId> due = catalog.change(c -> CatalogChecks.due(c, Micros.of(wall.instant()), AGAIN, AT_ONCE));
        boolean some = false;
        for (PartitionId id : due) {
            Partition partition = manifest.get(id);
            if (partition == null || task.stopping()) {
                continue;
            }
            int openings = partition.openings();
            Verification found = check.bytes(partition, bytes -> {
                lookAtSuspects();
                return task.pause(Duration.ofNanos(bytes * 1_000_000_000L / BACKGROUND_RATE));
            });
            settle(partition, openings, found);
            some |= found.state() != Verification.State.UNCHECKED;
            task.pause(BETWEEN_FILES);
        }
        return some;
    }

    private Verification settle(Partition partition, int openings, Verification found) {
        if (found.state() == Verification.State.OK) {
            catalog.change(c -> {
                CatalogChecks.putVerified(c, partition.id(), Micros.of(wall.instant()));
                return true;
            });
        } else if (found.state() == Verification.State.DAMAGED) {
            quarantine.setAsideClosed(partition, openings, found.detail());
        }
        return found;
    }

    /** Returns whether some have to be looked at again. */
    private boolean lookAtSuspects() {
        boolean left = false;
        for (Map.Entry<Partition, String> one : suspects.reported()) {
            Partition partition = one.getKey();
            try {
                if (look(partition, one.getValue())) {
                    suspects.done(partition);
                } else {
                    left = true;
                }
            } catch (LeveeException e) {
                left = true;
                LOG.log(System.Logger.Level.WARNING, partition.id() + " cannot be looked at", e);
            }
        }
        return left;
    }

    /** Returns whether it is settled what is with it. */
    private boolean look(Partition partition, String why) {
        int openings = partition.openings();
        Partition.State state = partition.state();
        if (state == Partition.State.DROPPED) {
            return true;
        }
        if (state == Partition.State.LENT) {
            return false;
        }
        if (state == Partition.State.CLOSED) {
            Verification bytes = check.bytes(partition, Checksums.Pace.NONE);
            if (bytes.state() == Verification.State.DAMAGED) {
                return quarantine.setAsideClosed(partition, openings, bytes.detail());
            }
            String damage = check.structure(partition, false);
            if (damage != null) {
                return quarantine.setAsideClosed(partition, openings, damage);
            }
            if (bytes.state() == Verification.State.OK) {
                correct(partition, openings, why);
                return true;
            }
            if (check.hasChecksum(partition)) {
                // Who met it has it open still: only the checksum tells whether file or catalog is wrong.
                return false;
            }
        }
        String wrong = check.structure(partition, true);
        if (wrong == null) {
            LOG.log(System.Logger.Level.INFO, "{0} was met damaged ({1}), and is whole", partition.id(), why);
            return true;
        }
        if (state == Partition.State.CLOSED) {
            return quarantine.setAsideClosed(partition, openings, wrong);
        }
        suspects.convict(partition, wrong);
        return true;
    }

    /** Every byte is as it was when the file was closed: where the catalog's figures differ, they are what is wrong. */
    private void correct(Partition partition, int openings, String why) {
        Partition.Held before = partition.held();
        Partition.Held found = check.held(partition);
        if (before.rows() == found.rows() && before.maxSeq() == found.maxSeq()) {
            LOG.log(System.Logger.Level.INFO, "{0} was met damaged ({1}), and is whole", partition.id(), why);
        } else if (partition.corrected(openings, found)) {
            LOG.log(System.Logger.Level.WARNING, "the catalog was wrong about {0}: {1}", partition.id(), why);
            catalog.change(c -> {
                CatalogChecks.correct(c, partition.id(), found);
                return true;
            });
        }
    }
}
