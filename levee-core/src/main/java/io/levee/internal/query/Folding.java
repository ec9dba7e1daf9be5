package io.levee.internal.query;

import io.levee.PartitionInfo;
import io.levee.engine.Execution;
import io.levee.engine.Grouping;
import io.levee.engine.ReadView;
import io.levee.engine.ScanPart;
import io.levee.internal.memory.Share;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** Runs folds over the partitions of a view: from the cache, on the query's own thread, and on others that have nothing to do. Thread-safe. */
final class Folding {
    private final Share groups;
    private final int helpers;
    private final Consumer<Runnable> help;
    private final PartialCache cache;
    private final boolean background;

    /** Runs folds, with room for so many bytes of groups. */
    Folding(long roomBytes, int helpers, Consumer<Runnable> help, PartialCache cache) {
        this(new Share(roomBytes), helpers, help, cache, false);
    }

    /**
     * Runs folds.
     *
     * @param groups what the groups of all running queries may take
     * @param helpers most other threads of one query
     * @param help see {@link Slots#help}
     * @param background whether it reads in short pieces, so that others wait little for the threads that help
     */
    Folding(Share groups, int helpers, Consumer<Runnable> help, PartialCache cache, boolean background) {
        this.groups = groups;
        this.helpers = helpers;
        this.help = help;
        this.cache = cache;
        this.background = background;
    }

    /**
     * One part of one fold, still to be run.
     *
     * @param key what its groups can be kept by, or null
     */
    record Piece(int fold, ScanPart part, PartialCache.@Nullable Key key) {}

    /** The groups of each fold. Query thread. */
    List<GroupTable> run(ReadView view, List<Fold> folds, Execution execution) {
        GroupRoom room = new GroupRoom(groups);
        try {
            return run(view, folds, execution, room);
        } finally {
            room.end();
        }
    }

    private List<GroupTable> run(ReadView view, List<Fold> folds, Execution execution, GroupRoom room) {
        FoldRun run = new FoldRun(folds, room, execution, cache);
        List<Piece> pieces = new ArrayList<>();
        int parts = 0;
        for (int i = 0; i < folds.size(); i++) {
            List<Piece> all = pieces(view, i, folds.get(i));
            List<PartialCache.Key> keys = keys(all);
            // Many parts of many groups take more than the cache has; added up they take little, and one look.
            GroupTable whole = keys.size() > 1 ? cache.get(keys) : null;
            if (whole != null) {
                parts += all.size();
                run.take(i, whole);
                all.stream().filter(piece -> piece.key() == null).forEach(pieces::add);
                continue;
            }
            run.keep(i, keys);
            for (Piece piece : all) {
                parts++;
                PartialCache.Key key = piece.key();
                GroupTable known = key == null ? null : cache.get(key);
                if (known == null) {
                    pieces.add(piece);
                } else {
                    execution.check();
                    run.take(i, known);
                }
            }
        }
        execution.planned(parts + " parts, " + (parts - pieces.size()) + " of them cached");
        return run.run(pieces, Math.min(helpers, pieces.size() - 1), help);
    }

    private static List<PartialCache.Key> keys(List<Piece> pieces) {
        List<PartialCache.Key> keys = new ArrayList<>();
        for (Piece piece : pieces) {
            if (piece.key() != null) {
                keys.add(piece.key());
            }
        }
        return keys;
    }

    private List<Piece> pieces(ReadView view, int at, Fold fold) {
        List<ScanPart> parts = background ? view.shortParts(fold.grouping()) : view.parts(fold.grouping());
        // Versions before ranges: a row that comes in between makes another version, and its groups are not kept by
        // this one.
        Map<ScanPart, String> versions = new HashMap<>();
        for (ScanPart part : parts) {
            String version = part.version();
            if (version != null) {
                versions.put(part, version);
            }
        }
        List<Piece> pieces = new ArrayList<>();
        if (versions.isEmpty()) {
            parts.forEach(part -> pieces.add(new Piece(at, part, null)));
            return pieces;
        }
        Map<String, PartitionInfo> infos = new HashMap<>();
        view.partitions().forEach(p -> infos.put(p.id().toString(), p));
        Map<Boolean, Map<Boolean, PartialCache.Shape>> shapes = new HashMap<>();
        Grouping asked = fold.grouping();
        for (ScanPart part : parts) {
            String version = versions.get(part);
            PartitionInfo info = infos.get(part.name());
            // A side of the range that cuts nothing off is none: the shape is the same for every such range.
            boolean open = info != null && info.rangeKnown() && asked.fromMicros() <= info.minMicros();
            boolean endless = info != null && info.rangeKnown() && info.maxMicros() < asked.toMicros();
            PartialCache.Shape shape = shapes.computeIfAbsent(open, k -> new HashMap<>())
                    .computeIfAbsent(
                            endless,
                            k -> new PartialCache.Shape(fold.over(
                                    open ? Long.MIN_VALUE : asked.fromMicros(),
                                    endless ? Long.MAX_VALUE : asked.toMicros())));
            pieces.add(new Piece(at, part, version == null ? null : new PartialCache.Key(part.name(), version, shape)));
        }
        return pieces;
    }

    /** How many parts of these folds would be answered from the cache. Query thread. */
    long cached(ReadView view, List<Fold> folds) {
        long cached = 0;
        for (int i = 0; i < folds.size(); i++) {
            List<Piece> all = pieces(view, i, folds.get(i));
            List<PartialCache.Key> keys = keys(all);
            if (keys.size() > 1 && cache.has(keys)) {
                cached += keys.size();
                continue;
            }
            for (Piece piece : all) {
                PartialCache.Key key = piece.key();
                cached += key != null && cache.has(key) ? 1 : 0;
            }
        }
        return cached;
    }
}
