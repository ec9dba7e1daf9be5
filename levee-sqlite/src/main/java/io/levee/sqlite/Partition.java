package io.levee.sqlite;

import io.levee.PartitionId;
import io.levee.PartitionInfo;
import io.levee.engine.Period;
import io.levee.internal.adopt.MovedRows;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * What this process knows of one partition. Changed by the writer thread (and by the maintenance thread for ranges that an
 * unclean stop left unknown); read by any.
 */
final class Partition {
    /** Where a partition is in its life; see docs/format.md. */
    enum State {
        OPEN,
        CLOSED,
        /** Closed, and in the hands of another thread that the writer does not wait for. */
        LENT,
        /** An older database that is read where it lies: never open, closed or lent. */
        ADOPTED,
        DROPPED
    }

    /** Updates wait so long for what is lent (design 4). */
    private static final long LEND_NANOS = 1_000_000_000L;

    private static final int MOST_DOUBLINGS = 4;

    private final PartitionId id;
    private final String file;
    private final Period period;
    private volatile State state;
    private volatile Held held;
    private volatile long closedBytes;
    private volatile Set<String> apart = Set.of();
    private volatile int openings;
    /** How often a backfill that was done with it got rows to set in it again. */
    private final AtomicInteger reopenings = new AtomicInteger();

    private volatile @Nullable Adopted adopted;

    /** Of an adopted database; shared by those that take its place as more moves. */
    private volatile AdoptedRest rest = new AdoptedRest();

    private @Nullable Runnable borrower;
    private long wantedSinceNanos;
    private int interruptions;
    private boolean replaced;
    private final AtomicInteger pins;

    /**
     * The range and number of rows, of one moment. The range is never narrower than what was committed; the highest number is
     * never above it, and -1 where unknown.
     *
     * @param minSeq no row in it has a lower number; 0 where that was not looked up
     * @param maxSeq no row in it has a higher number, by its last change or as a new one
     */
    record Held(long minMicros, long maxMicros, long rows, long minSeq, long maxSeq) {
        static final Held UNKNOWN = new Held(Long.MIN_VALUE, Long.MAX_VALUE, -1, 0, -1);
        static final Held NOTHING = nothing(0, 0);

        /** No rows any more; numbers are not given again. */
        static Held nothing(long minSeq, long maxSeq) {
            return new Held(Long.MAX_VALUE, Long.MIN_VALUE, 0, minSeq, maxSeq);
        }

        boolean known() {
            return rows >= 0;
        }

        /** Before a commit: the number stays what was committed. */
        Held widened(long min, long max, long rowsNow) {
            return new Held(Math.min(minMicros, min), Math.max(maxMicros, max), rowsNow, minSeq, maxSeq);
        }

        Held withRows(long rowsNow) {
            return new Held(minMicros, maxMicros, rowsNow, minSeq, maxSeq);
        }

        /** After a commit. */
        Held withSeq(long highest) {
            return new Held(minMicros, maxMicros, rows, minSeq, Math.max(maxSeq, highest));
        }
    }

    Partition(PartitionId id, String file, State state, Held held, long closedBytes) {
        this(id, file, state, held, closedBytes, new AtomicInteger(), 0);
    }

    private Partition(
            PartitionId id, String file, State state, Held held, long closedBytes, AtomicInteger pins, int openings) {
        this.pins = pins;
        this.openings = openings;
        this.id = id;
        this.file = file;
        this.period = Period.parse(id.period());
        this.state = state;
        this.held = held;
        this.closedBytes = closedBytes;
    }

    /** The same partition, back from the trash: queries that began before the drop pin it too, and what was kept of it is old. */
    Partition back(Held exactly, long bytes) {
        return new Partition(id, file, State.CLOSED, exactly, bytes, pins, openings + 1);
    }

    /** An adopted database. */
    Partition(PartitionId id, Adopted adopted, Held held) {
        this(id, adopted.file().toString(), State.ADOPTED, held, 0);
        this.adopted = adopted;
    }

    /** The same adopted database with more of its rows moved: queries that began before keep the one that they have, and pin both. */
    synchronized Partition with(MovedRows moved) {
        Adopted now = java.util.Objects.requireNonNull(adopted);
        Partition next = new Partition(id, file, State.ADOPTED, held, 0, pins, openings);
        next.adopted = now.moved(moved);
        next.rest = rest;
        return next;
    }

    PartitionId id() {
        return id;
    }

    /** A backfill that was done with it has rows to set in it again. */
    void reopened() {
        reopenings.incrementAndGet();
    }

    /** How often that was. */
    int reopenings() {
        return reopenings.get();
    }

    /** What an adopted database has beyond others; null for a partition of our own. */
    @Nullable
    Adopted adopted() {
        return adopted;
    }

    /** How far in time an adopted database goes that is being split. */
    AdoptedRest rest() {
        return rest;
    }

    /** It was looked at again. */
    synchronized void looked(Adopted now, Held found) {
        adopted = now;
        held = found;
        rest.forget();
    }

    /** It was written to since it was looked at: what it holds is not known until the next look. */
    void refresh() {
        Adopted now = adopted;
        if (now == null) {
            return;
        }
        Held known = held;
        if (known.maxMicros != Long.MAX_VALUE && !Adopted.Stamp.of(now.file()).equals(now.stamp())) {
            learned(known, new Held(Long.MIN_VALUE, Long.MAX_VALUE, known.rows, known.minSeq, known.maxSeq));
        }
    }

    /** See {@link PartitionInfo#apart}. */
    Set<String> apart() {
        return apart;
    }

    /** Says what it has no rows of; the same as in the catalog. */
    Partition apart(Set<String> classes) {
        apart = Set.copyOf(classes);
        return this;
    }

    /** The path below the store's root. */
    String file() {
        return file;
    }

    Period period() {
        return period;
    }

    State state() {
        return state;
    }

    Held held() {
        return held;
    }

    synchronized void held(Held now) {
        held = now;
    }

    /** Takes over what was read off the file, unless the writer came first. */
    synchronized void learned(Held before, Held found) {
        if (held.equals(before)) {
            held = found;
        }
    }

    /** Takes over what a closed file says of itself, if it was closed since {@code openingsBefore}; else returns false. */
    synchronized boolean corrected(int openingsBefore, Held found) {
        if (state != State.CLOSED || openings != openingsBefore) {
            return false;
        }
        held = found;
        return true;
    }

    /** Keeps a highest number that an older catalog does not tell and that was read off the file, while it is closed. */
    void learnedFrom(Partition before) {
        Held now = held;
        if (now.maxSeq < 0 && state == State.CLOSED && before.state == State.CLOSED) {
            learned(now, now.withSeq(before.held.maxSeq));
        }
    }

    /** Closed becomes open; false where it is not closed (any more): a drop may have come first. */
    synchronized boolean opened() {
        if (state != State.CLOSED) {
            return false;
        }
        state = State.OPEN;
        closedBytes = 0;
        openings++;
        return true;
    }

    synchronized void closed(Held exactly, long bytes) {
        held = exactly;
        closedBytes = bytes;
        state = State.CLOSED;
    }

    /**
     * Closed becomes lent; false where it is not closed (any more).
     *
     * @param giveBack ends what the borrower does with it, from another thread
     */
    synchronized boolean lent(Runnable giveBack) {
        if (state != State.CLOSED) {
            return false;
        }
        state = State.LENT;
        borrower = giveBack;
        wantedSinceNanos = 0;
        openings++;
        return true;
    }

    /** It has another file of the same rows. */
    void rewritten(long bytes) {
        closedBytes = bytes;
    }

    /**
     * Rows of it are to be updated and it is lent: the borrower is interrupted when that lasts. Each time it may take twice as long
     * as the time before, up to {@value #MOST_DOUBLINGS} doublings: what is wanted all the time must be rewritten once too.
     */
    synchronized void wanted(long nowNanos) {
        Runnable giveBack = borrower;
        if (state != State.LENT || giveBack == null) {
            return;
        }
        if (wantedSinceNanos == 0) {
            wantedSinceNanos = nowNanos;
        } else if (nowNanos - wantedSinceNanos > LEND_NANOS << interruptions) {
            interruptions = Math.min(interruptions + 1, MOST_DOUBLINGS);
            borrower = null;
            giveBack.run();
        }
    }

    /** Lent becomes closed. */
    synchronized void givenBack() {
        if (state == State.LENT) {
            state = State.CLOSED;
            borrower = null;
        }
    }

    /** Lent becomes dropped: its rows live in another partition now. */
    synchronized void superseded() {
        state = State.DROPPED;
        borrower = null;
    }

    /** An adopted database gives its place to one with more rows moved; false where it is dropped (or was replaced) already. */
    synchronized boolean replaced() {
        if (state != State.ADOPTED || replaced) {
            return false;
        }
        replaced = true;
        return true;
    }

    /** It keeps its place after all. */
    synchronized void notReplaced() {
        replaced = false;
    }

    /** Closed becomes dropped; false where it is not closed (any more): the writer may have come first. */
    synchronized boolean dropped() {
        if (state != State.CLOSED && state != State.ADOPTED || replaced) {
            return false;
        }
        state = State.DROPPED;
        return true;
    }

    /**
     * Open or closed becomes dropped, whatever it holds: it is damaged.
     *
     * @return what it was; null where it is dropped already or lent, and left alone
     */
    synchronized @Nullable State setAside() {
        State before = state;
        if (before == State.DROPPED || before == State.LENT || before == State.ADOPTED) {
            return null;
        }
        state = State.DROPPED;
        return before;
    }

    /**
     * Closed becomes dropped, if it was closed all the time since somebody looked at its file.
     *
     * @param openingsBefore {@link #openings} of before the look
     */
    synchronized boolean setAsideClosed(int openingsBefore) {
        if (state != State.CLOSED || openings != openingsBefore) {
            return false;
        }
        state = State.DROPPED;
        return true;
    }

    /** How often its file was given to somebody who may change it: what was read of it holds while this stays. */
    int openings() {
        return openings;
    }

    /** It could not be set aside after all. */
    synchronized void back(State before) {
        state = before;
    }

    /** Whether it may hold rows of the half-open range. */
    boolean touches(long fromMicros, long toMicros) {
        Held now = held;
        return now.minMicros < toMicros && now.maxMicros >= fromMicros;
    }

    /** A query has it in its list: the file stays where it is until {@link #unpin}. */
    void pin() {
        pins.incrementAndGet();
    }

    void unpin() {
        pins.decrementAndGet();
    }

    boolean pinned() {
        return pins.get() > 0;
    }

    /** Its figures for users; the size of an open one is read from the file system. */
    PartitionInfo info(StorePaths paths) {
        Held now = held;
        Adopted own = adopted;
        if (own != null) {
            long ours = own.adoption().take() ? size(paths) : 0;
            long left = Math.max(0, own.rowsEstimate() - own.moved().rows());
            return new PartitionInfo(id, PartitionInfo.State.ADOPTED, now.minMicros, now.maxMicros, left, ours);
        }
        boolean open = state == State.OPEN;
        long bytes = !open && closedBytes > 0 ? closedBytes : size(paths);
        PartitionInfo.State shown = open ? PartitionInfo.State.OPEN : PartitionInfo.State.CLOSED;
        return new PartitionInfo(id, shown, now.minMicros, now.maxMicros, now.rows, bytes, apart);
    }

    private long size(StorePaths paths) {
        Path database = paths.partition(this);
        return size(database) + size(StorePaths.wal(database)) + size(StorePaths.shm(database));
    }

    /** A file's size, 0 where it is missing: it may go while we look. */
    static long size(Path file) {
        try {
            return Files.size(file);
        } catch (IOException e) {
            return 0;
        }
    }
}
