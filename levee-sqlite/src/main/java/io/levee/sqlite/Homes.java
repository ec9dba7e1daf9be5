package io.levee.sqlite;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.PartitionId;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * In which partition each query finds rows that move from one file to another while it runs. Thread-safe.
 *
 * <p>Two files are two commits, and a query opens its partitions one after another: so what is in the files tells nobody whether such
 * a row was read already. Here it is told. A query's {@link Sight} is of the moment when it began, and it finds each row where that lived
 * then: the copy that arrived since is left out, and the one that was left behind stays until no query needs it. Both are numbers of
 * rows, since a row keeps its number when it moves.
 *
 * <p>Bounded: past {@value #MOST} rows on their way the queries that need them are ended by name, and not the writer.
 */
final class Homes {
    /** Most rows that are in two files, or on their way, at once; a number takes about 8 bytes here, and 60 in a query. */
    static final int MOST = 100_000;

    /** By table, in the order of their commits. */
    private final Map<String, Set<Trip>> trips = new HashMap<>();
    /** By table, how many queries have a sight of which moment. */
    private final Map<String, TreeMap<Long, Integer>> sights = new HashMap<>();

    private final Set<String> classed = ConcurrentHashMap.newKeySet();
    /** By partition, the numbers of which it has copies that do not count any more, with the trip that left each. */
    private final Map<PartitionId, Map<Long, Trip>> left = new HashMap<>();

    private long moment;
    /** Queries with a sight of before this have to end. */
    private long blindBefore;

    private int rows;

    /** Rows that go from one partition to another in one commit. */
    static final class Trip {
        private final PartitionId from;
        private final PartitionId to;
        private final List<Long> numbers;
        private final long change;
        private long arrived = Long.MAX_VALUE;

        private Trip(PartitionId from, PartitionId to, List<Long> numbers, long change) {
            this.from = from;
            this.to = to;
            this.numbers = List.copyOf(numbers);
            this.change = change;
        }

        PartitionId from() {
            return from;
        }

        PartitionId to() {
            return to;
        }

        List<Long> numbers() {
            return numbers;
        }

        /** What was left behind was last changed before this. */
        long change() {
            return change;
        }
    }

    /** Rows of a table may move: it has classes, or partitions of some. */
    void mayMove(String table) {
        classed.add(table);
    }

    /** Whether rows of a table may move. */
    boolean moves(String table) {
        return classed.contains(table);
    }

    /** What a query that begins now sees; to be closed. Taken before the list of its partitions. */
    Sight sight(String table) {
        if (!moves(table)) {
            return Sight.NONE;
        }
        synchronized (this) {
            sights.computeIfAbsent(table, t -> new TreeMap<>()).merge(moment, 1, Integer::sum);
            return new Sight(this, table, moment);
        }
    }

    synchronized void close(String table, long since) {
        TreeMap<Long, Integer> open = sights.get(table);
        if (open != null) {
            open.computeIfPresent(since, (at, count) -> count == 1 ? null : count - 1);
        }
    }

    /**
     * The numbers whose rows a query does not find in a partition, whatever its file has.
     *
     * @param since the moment when the query began
     * @throws LeveeException {@link ErrorCode#LEASE_EXPIRED} where too many rows have moved since
     */
    synchronized Set<Long> leftOut(PartitionId in, long since) {
        if (since < blindBefore) {
            throw new LeveeException(
                            ErrorCode.LEASE_EXPIRED,
                            "more than " + MOST + " records of '" + in.table()
                                    + "' went to partitions of other classes since the query began")
                    .with("table", in.table())
                    .with("limit", MOST)
                    .hint("repeat it; a narrower range or a faster reader needs less time");
        }
        return out(in, since);
    }

    private Set<Long> out(PartitionId in, long since) {
        Set<Trip> all = trips(in.table());
        if (all.isEmpty()) {
            return Set.of();
        }
        Set<Long> out = new HashSet<>();
        Set<Long> here = new HashSet<>();
        for (Trip trip : all) {
            boolean before = trip.arrived <= since;
            if (trip.from.equals(in)) {
                trip.numbers.forEach(n -> left(n, before, out, here));
            } else if (trip.to.equals(in)) {
                trip.numbers.forEach(n -> came(n, before, out, here));
            }
        }
        return out;
    }

    private static void left(long number, boolean before, Set<Long> out, Set<Long> here) {
        if (before) {
            here.remove(number);
            out.add(number);
        } else if (!out.contains(number)) {
            here.add(number);
        }
    }

    private static void came(long number, boolean before, Set<Long> out, Set<Long> here) {
        if (before) {
            out.remove(number);
            here.add(number);
        } else if (!here.contains(number)) {
            out.add(number);
        }
    }

    /** The numbers of which a partition has copies that do not count any more. */
    synchronized Set<Long> left(PartitionId in) {
        return Set.copyOf(left.getOrDefault(in, Map.of()).keySet());
    }

    /** Whether what a partition has of a row is such a copy. */
    synchronized boolean left(PartitionId in, long number) {
        return rows > 0 && left.getOrDefault(in, Map.of()).containsKey(number);
    }

    private Set<Trip> trips(String table) {
        return trips.getOrDefault(table, Set.of());
    }

    /** Rows are about to be committed in another partition: nobody sees them there until {@link #arrived}. */
    synchronized Trip leaving(PartitionId from, PartitionId to, List<Long> numbers, long change) {
        Trip trip = new Trip(from, to, numbers, change);
        trips.computeIfAbsent(from.table(), t -> new LinkedHashSet<>()).add(trip);
        rows += trip.numbers.size();
        return trip;
    }

    /** They are committed: who begins from now on finds them there. */
    synchronized void arrived(Trip trip) {
        trip.arrived = ++moment;
        // Whatever they left where they are now is replaced by what came.
        left.computeIfPresent(trip.to, (id, copies) -> without(copies, trip.numbers));
        Map<Long, Trip> behind = left.computeIfAbsent(trip.from, id -> new HashMap<>());
        trip.numbers.forEach(number -> behind.put(number, trip));
    }

    /** The process before left a copy behind. Where its row is nobody has to be told: no query is from before that. */
    synchronized void leftBefore(PartitionId from, long number, long change) {
        arrived(leaving(from, from, List.of(number), change));
    }

    /** What was left behind is gone, or they never came. */
    synchronized void ended(Trip trip) {
        if (!trips(trip.from.table()).remove(trip)) {
            return;
        }
        rows -= trip.numbers.size();
        left.computeIfPresent(trip.from, (id, copies) -> {
            trip.numbers.forEach(number -> copies.remove(number, trip));
            return copies.isEmpty() ? null : copies;
        });
    }

    private static @Nullable Map<Long, Trip> without(Map<Long, Trip> copies, List<Long> numbers) {
        numbers.forEach(copies::remove);
        return copies.isEmpty() ? null : copies;
    }

    /** Nobody knows of what was to come to a partition; what did is known by its notes, and told anew. */
    synchronized void forgetLeaving(PartitionId to) {
        for (Trip trip : List.copyOf(trips(to.table()))) {
            if (trip.to.equals(to) && trip.arrived == Long.MAX_VALUE) {
                ended(trip);
            }
        }
    }

    /** The tables that have rows in two files. */
    synchronized List<String> tables() {
        List<String> tables = new ArrayList<>();
        trips.forEach((table, all) -> {
            if (!all.isEmpty()) {
                tables.add(table);
            }
        });
        return tables;
    }

    /** Whether rows of a table are in two files. */
    synchronized boolean any(String table) {
        return !trips(table).isEmpty();
    }

    /** Whether rows that came from a partition, or to it, are in two files. */
    synchronized boolean any(PartitionId id) {
        return trips(id.table()).stream().anyMatch(t -> t.from.equals(id) || t.to.equals(id));
    }

    /** Whether nobody reads a table now, and no row of it is in two files. */
    synchronized boolean quiet(String table) {
        return !any(table) && oldest(table) == Long.MAX_VALUE;
    }

    /** Whether a trip that just arrived is the only one of its table, and no query finds its rows where they were. */
    synchronized boolean alone(Trip trip) {
        Set<Trip> all = trips(trip.from.table());
        return all.size() == 1 && all.contains(trip) && oldest(trip.from.table()) >= trip.arrived;
    }

    /**
     * The next trips from one partition of which no query needs what was left behind. In their order: a row may have gone to and fro.
     */
    synchronized List<Trip> over(String table) {
        long oldest = oldest(table);
        List<Trip> over = new ArrayList<>();
        for (Trip trip : trips(table)) {
            boolean same = over.isEmpty() || over.get(0).from.equals(trip.from);
            if (trip.arrived > oldest || trip.arrived == Long.MAX_VALUE || !same) {
                break;
            }
            over.add(trip);
        }
        return over;
    }

    /** The trips that brought or left copies of these rows, whoever reads them. */
    synchronized List<Trip> of(String table, Set<Long> numbers) {
        return trips(table).stream()
                .filter(t -> t.arrived != Long.MAX_VALUE && t.numbers.stream().anyMatch(numbers::contains))
                .toList();
    }

    /** The moment of the oldest query of a table that goes on. */
    private long oldest(String table) {
        TreeMap<Long, Integer> open = sights.get(table);
        @Nullable Long oldest = open == null ? null : open.ceilingKey(blindBefore);
        return oldest == null ? Long.MAX_VALUE : oldest;
    }

    /** Whether so many more rows may be on their way. A batch alone always may. */
    synchronized boolean room(int more) {
        return rows == 0 || rows + more <= MOST;
    }

    /** Queries that began before the last arrival end at the next partition that they open. */
    synchronized void blind() {
        blindBefore = moment;
        sights.values().forEach(open -> open.headMap(blindBefore).clear());
    }
}
