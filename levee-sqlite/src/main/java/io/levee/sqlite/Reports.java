package io.levee.sqlite;

import io.levee.CloseReport;
import io.levee.Gap;
import io.levee.LossReason;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** The report of a close as catalog and ledger keep it, and what the next opener makes of it. */
final class Reports {
    private Reports() {}

    /** With all its gaps, in the form of the ledger's. */
    static Map<String, @Nullable Object> toMap(CloseReport report) {
        Map<String, @Nullable Object> map = new LinkedHashMap<>(report.toMap());
        map.put("gaps", LedgerState.gaps(report.gaps()));
        return map;
    }

    /** The report, or null where it is none. */
    static @Nullable CloseReport of(@Nullable Object kept) {
        if (!(kept instanceof Map<?, ?> map)) {
            return null;
        }
        return new CloseReport(
                Boolean.TRUE.equals(map.get("clean")),
                LedgerState.number(map.get("accepted")),
                LedgerState.number(map.get("stored")),
                LedgerState.number(map.get("lost")),
                LedgerState.number(map.get("uncertain")),
                LedgerState.gaps(map.get("gaps")),
                String.valueOf(Objects.requireNonNullElse(map.get("reason"), "")));
    }

    /** Whether it tells what became of every record: a close that gave up some is not clean, and no unclean stop either. */
    static boolean settled(CloseReport report) {
        return report.accepted() == report.stored() + report.lost() + report.uncertain();
    }

    /** What a kind of loss is about. */
    private record Kind(String table, LossReason reason) {}

    /** The losses that a report tells and the ledger of the same life lacks: it could not be written at the close. */
    static List<Gap> missing(CloseReport report, LedgerState ledger) {
        Map<Kind, Gap> told = new LinkedHashMap<>();
        for (Gap gap : report.gaps()) {
            if (gap.count() > 0) {
                told.merge(
                        new Kind(gap.table(), gap.reason()),
                        gap,
                        (a, b) -> new Gap(
                                a.table(),
                                Math.min(a.fromMicros(), b.fromMicros()),
                                Math.max(a.toMicros(), b.toMicros()),
                                a.count() + b.count(),
                                a.reason()));
            }
        }
        List<Gap> missing = new ArrayList<>();
        told.forEach((kind, gap) -> {
            long more = gap.count() - ledger.countSinceOpened(kind.table, kind.reason);
            if (more > 0) {
                missing.add(new Gap(gap.table(), gap.fromMicros(), gap.toMicros(), more, gap.reason()));
            }
        });
        return missing;
    }
}
