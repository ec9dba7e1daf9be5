package io.levee.internal.retention;

import io.levee.Bytes;
import io.levee.LeveeException;
import io.levee.PartitionInfo;
import io.levee.StoreOptions;
import io.levee.StoreStatus;
import io.levee.engine.DropOutcome;
import io.levee.engine.StorageEngine;
import io.levee.internal.memory.NoRoom;
import io.levee.internal.time.MonotonicClock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.function.BiFunction;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import java.util.function.LongSupplier;
import java.util.function.ToIntFunction;
import org.jspecify.annotations.Nullable;

/** Looks each second whether there is space, and has the oldest partitions dropped where the owner allowed it. Its own thread. */
final class SpaceWatch {
    private static final Duration EVERY = Duration.ofSeconds(1);
    private static final Duration LEAST_PAUSE = Duration.ofMillis(5);

    /** After a drop that gave nothing back: somebody else takes what is freed, and history is not spent on that (G86). */
    private static final Duration NO_RELIEF_PAUSE = Duration.ofSeconds(30);

    /** So many may give nothing back, one after another, while rows are refused for what is kept. */
    private static final int MOST_VAIN = 3;

    /** So long a query that is ended may take to let go of its files, before history goes instead. */
    private static final Duration WAY_PATIENCE = Duration.ofMillis(500);

    private static final Duration WAY_LOOK = Duration.ofMillis(20);

    private static final String MAKE_WAY =
            "the query keeps partitions that were dropped, and their space is needed: repeat it, and it reads what is there now";

    /** Measuring a store of many files takes at most this share of the time, as divisor. */
    private static final int MEASURING = 20;

    /** No look is put off for longer: one that took long since the volume hung must not stop the cap's rule for minutes. */
    private static final Duration LONGEST_REST = Duration.ofSeconds(5);

    private final StorageEngine engine;
    private final StoreOptions options;
    private final BiFunction<PartitionInfo, String, DropOutcome> dropping;
    private final MonotonicClock clock = MonotonicClock.SYSTEM;
    private final Growth growth;
    private final LongSupplier stored;
    private final ToIntFunction<String> makeWay;
    private final Squeeze squeeze;
    private final HeldBack held;
    private long heldBack;
    private long wayUntilNanos = clock.nanos();
    private long notBeforeNanos = clock.nanos();
    private long dropsNotBeforeNanos = clock.nanos();
    private long keptInVain;
    private int vain;
    private boolean postponed;
    private boolean hurry;

    /**
     * A watch.
     *
     * @param growth is shown what the store takes now and then
     * @param stored how many records were stored
     * @param makeWay ends queries that keep dropped partitions, for a reason; returns how many
     * @param dropping drops a partition for a reason, or says why not
     */
    SpaceWatch(
            StorageEngine engine,
            StoreOptions options,
            Growth growth,
            LongSupplier stored,
            ToIntFunction<String> makeWay,
            BiFunction<PartitionInfo, String, DropOutcome> dropping) {
        this.engine = engine;
        this.options = options;
        this.growth = growth;
        this.stored = stored;
        this.makeWay = makeWay;
        this.dropping = dropping;
        this.squeeze = new Squeeze(clock, options.disk());
        this.held = new HeldBack(clock);
    }

    /**
     * One look; returns what was dropped, for people.
     *
     * @param met told of what failed and keeps nothing else from its turn: a reserve that cannot be made, a dropped partition that cannot
     *     be freed
     */
    String look(Consumer<LeveeException> met) {
        hurry = false;
        attempt(met, () -> {
            engine.keepReserve();
            return true;
        });
        while (engine.full() && attempt(met, engine::freeDroppedNow)) {
            // A grace is no promise to keep: what is dropped goes before a record is refused, also where no cap is set.
        }
        postponed = clock.nanos() - notBeforeNanos < 0;
        if (options.disk() == null && options.minFreeDisk() == null) {
            if (!postponed && growth.due()) {
                measure();
            }
            return "";
        }
        if (postponed) {
            return "";
        }
        StoreStatus.Disk disk = measure();
        while ((why(disk, false) != null || wantsKept(disk)) && attempt(met, engine::freeDroppedNow)) {
            // What was dropped before is freed first, without a grace.
            disk = measure();
        }
        if (wantsKept(disk)) {
            int ended = makeWay();
            if (ended > 0) {
                return ended(ended);
            }
            if (clock.nanos() - wayUntilNanos < 0) {
                return "";
            }
        }
        if (clock.nanos() - dropsNotBeforeNanos < 0) {
            // It is looked all the same: who keeps what went may let go, and then rows find room.
            return "";
        }
        List<String> gone = new ArrayList<>();
        long begun = clock.nanos();
        // A full volume costs one partition a look: only the next write shows whether that was enough.
        for (String why = why(disk, engine.full()); why != null; why = why(disk, false)) {
            long freed = dropOldest(why, gone);
            if (freed < 0) {
                break;
            }
            StoreStatus.Disk before = disk;
            disk = measure();
            if (Emergency.relievesNothing(before, disk, freed, options.disk(), heldBack)) {
                int ended = makeWay();
                if (ended > 0) {
                    return ended(ended);
                }
                if (heldBack > 0 && ++vain < MOST_VAIN) {
                    // Somebody keeps this one as well; there may be others that nobody keeps, and rows wait for them.
                    continue;
                }
                vain = 0;
                dropsNotBeforeNanos = clock.nanos() + NO_RELIEF_PAUSE.toNanos();
                keptInVain = NoRoom.kept(disk);
                return "dropped " + gone + ", which freed nothing: the rest stays for now";
            }
            if (clock.nanos() - begun > EVERY.toNanos()) {
                // Rows come as fast as history goes. The next look frees first what could not be freed before.
                hurry = true;
                break;
            }
        }
        return gone.isEmpty() ? "" : "dropped for space: " + gone;
    }

    private static boolean attempt(Consumer<LeveeException> met, BooleanSupplier step) {
        try {
            return step.getAsBoolean();
        } catch (LeveeException e) {
            met.accept(e);
            return false;
        }
    }

    private int makeWay() {
        int ended = makeWay.applyAsInt(MAKE_WAY);
        if (ended > 0) {
            wayUntilNanos = clock.nanos() + WAY_PATIENCE.toNanos();
        }
        return ended;
    }

    private static String ended(int queries) {
        return "ended " + queries + " queries that kept dropped partitions";
    }

    /** How long to wait for the next look, unless somebody asks for one. */
    Duration pause() {
        if (clock.nanos() - wayUntilNanos < 0) {
            return WAY_LOOK;
        }
        if (hurry) {
            return LEAST_PAUSE;
        }
        long left = postponed ? Math.max(LEAST_PAUSE.toNanos(), notBeforeNanos - clock.nanos()) : EVERY.toNanos();
        return Duration.ofNanos(Math.min(left, EVERY.toNanos()));
    }

    private boolean wantsKept(StoreStatus.Disk disk) {
        return Emergency.needsWhatIsKept(disk, options.disk(), options.minFreeDisk(), engine.tight(), engine.full());
    }

    private @Nullable String why(StoreStatus.Disk disk, boolean full) {
        return Emergency.why(disk, options.disk(), options.minFreeDisk(), full, heldBack);
    }

    private StoreStatus.Disk measure() {
        long before = clock.nanos();
        StoreStatus.Disk disk = engine.disk();
        if (growth.due()) {
            growth.seen(disk, stored.getAsLong());
        }
        notBeforeNanos = clock.nanos() + Math.min(LONGEST_REST.toNanos(), MEASURING * (clock.nanos() - before));
        boolean tight = engine.tight();
        squeeze.seen(disk, tight, stored.getAsLong());
        Bytes cap = options.disk();
        // Where nobody is refused the cap is passed instead.
        heldBack = held.seen(disk, tight || cap != null && disk.bytes() > cap.value());
        if (NoRoom.kept(disk) < keptInVain) {
            // Somebody has let go: from now on a drop may give something back.
            keptInVain = 0;
            vain = 0;
            dropsNotBeforeNanos = clock.nanos();
        }
        return disk;
    }

    /** Drops the oldest that can go; returns what its files took, -1 where none can. */
    private long dropOldest(String why, List<String> gone) {
        for (PartitionInfo candidate : Emergency.oldestFirst(engine.partitions())) {
            try {
                DropOutcome outcome = dropping.apply(candidate, why);
                if (outcome.blockedBy().isEmpty()) {
                    gone.add(candidate.id().toString());
                    return outcome.bytesFreed();
                }
            } catch (LeveeException e) {
                System.getLogger("io.levee.retention")
                        .log(System.Logger.Level.WARNING, candidate.id() + " cannot be dropped for space", e);
            }
        }
        return -1;
    }
}
