package io.levee.server;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.ingest.IngestListener;
import io.levee.ingest.IngestReport;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * Collects what an ingest request has to say: the first {@value #MAX_ERRORS} bad lines, and where the queue was full, after
 * which reading stops so that the client sends the rest again. Used by one thread.
 */
final class IngestOutcome implements IngestListener {
    static final int MAX_ERRORS = 100;

    private final List<Map<String, Object>> errors = new ArrayList<>();
    private long rejected;
    private long notTaken;
    private @Nullable LeveeException full;
    private long fullAt;
    private final List<String> lostLines = new ArrayList<>();
    private @Nullable Long endedAfter;

    @Override
    public void rejected(long line, LeveeException error) {
        if (error.code() == ErrorCode.QUEUE_FULL) {
            notTaken++;
            if (full == null) {
                full = error;
                fullAt = line;
            }
            return;
        }
        rejected++;
        if (errors.size() < MAX_ERRORS) {
            Map<String, Object> entry = new LinkedHashMap<>();
            entry.put("line", line);
            entry.put("code", error.code().text());
            entry.put("message", error.what());
            errors.add(entry);
        }
    }

    @Override
    public void lost(long count, long from, long to, @Nullable LeveeException error) {
        lostLines.add(count + " of lines " + from + " to " + to);
    }

    @Override
    public void endedAfter(long line) {
        endedAfter = line;
    }

    @Override
    public boolean stopped() {
        return full != null;
    }

    /** The answer to a request that was read to its end. */
    Map<String, Object> answer(IngestReport report) {
        Map<String, Object> answer = new LinkedHashMap<>();
        answer.put("stored", report.stored());
        answer.put("updated", report.updated());
        answer.put("rejected", rejected);
        answer.put("errors", errors);
        answer.put("errorsOmitted", rejected - errors.size());
        return answer;
    }

    /**
     * What went wrong with the request as a whole, or null. The error says what was kept all the same.
     *
     * @param report the counts
     * @param broken why the body broke off, if it did
     */
    @Nullable
    LeveeException failure(IngestReport report, @Nullable LeveeException broken)
            throws ClientWatch.ClientGoneException {
        if (full != null) {
            return describe(full, report).with("line", fullAt);
        }
        if (report.lost() > 0) {
            LeveeException losses = new LeveeException(
                            ErrorCode.RECORD_LOST,
                            report.lost() + " records were accepted and then lost: " + String.join(", ", lostLines))
                    .with("lost", report.lost())
                    .with("read", report.read());
            String look = "look at health and lost.byReason in /v1/status";
            Long after = endedAfter;
            return describe(
                    after == null
                            ? losses.hint(look)
                            : losses.with("endedAfterLine", after)
                                    .hint(look + "; what comes after line " + after + " was not taken"),
                    report);
        }
        if (broken == null) {
            return null;
        }
        if (broken.getCause() instanceof RequestBody.TooLargeException tooLarge) {
            return describe(tooLarge.problem(), report);
        }
        if (broken.code() == ErrorCode.IO_FAILED) {
            throw new ClientWatch.ClientGoneException(broken);
        }
        return describe(broken, report);
    }

    /** Adds what was kept to an error. */
    LeveeException describe(LeveeException error, IngestReport report) {
        String kept = report.stored() + report.updated() == 0
                ? "nothing of this request was kept"
                : "the " + (report.stored() + report.updated()) + " good records before that were kept";
        LeveeException described = new LeveeException(error.code(), error.what() + "; " + kept);
        error.details().forEach(described::with);
        String hint = full == null ? error.hint() : "send the request again from line " + fullAt + " on";
        if (hint != null) {
            described.hint(hint);
        }
        Map<String, Object> counts = answer(report);
        counts.forEach(described::with);
        return notTaken == 0 ? described : described.with("notTaken", notTaken);
    }
}
