package io.levee.ingest;

import io.levee.ErrorCode;
import io.levee.LeveeException;
import java.io.InputStream;

/**
 * The elements of one JSON array. Brackets and quotes are counted here, so that an element which is no good JSON inside is
 * one bad record and the next one is read; what is no JSON between elements ends the stream.
 */
final class ArrayFrames extends Frames {
    /** Where an element ends, seen from one of its bytes. */
    private enum End {
        NOT_YET,
        BEFORE,
        AFTER
    }

    private boolean begun;
    private boolean done;
    private int depth;
    private boolean inText;
    private boolean escaped;

    ArrayFrames(InputStream in, int maxBytes) {
        super(in, maxBytes);
    }

    @Override
    boolean find() {
        if (done) {
            return false;
        }
        int first = skipBlanks();
        if (!begun) {
            if (first != '[') {
                return broken(first < 0 ? "the input is empty" : "the input is no JSON array");
            }
            begun = true;
            at++;
            first = skipBlanks();
            if (first == ']') {
                return finish();
            }
        } else if (first == ']') {
            return finish();
        } else if (first == ',') {
            at++;
            first = skipBlanks();
        } else if (first >= 0) {
            return broken("',' or ']' is missing after an element");
        }
        if (first < 0) {
            return failure == null && broken("the array does not end");
        }
        return element();
    }

    private boolean element() {
        start = at;
        line = linesPassed + 1;
        depth = 0;
        inText = false;
        escaped = false;
        while (true) {
            while (at < limit) {
                End found = look(buffer[at]);
                if (found != End.NOT_YET) {
                    at += found == End.AFTER ? 1 : 0;
                    end = at;
                    return true;
                }
                at++;
            }
            if (tooLong()) {
                error = tooLongError();
                discard();
            }
            if (!fill()) {
                return failure == null && broken("the array ends inside an element");
            }
        }
    }

    /** Whether the element ends at this byte: with it, or before it. */
    private End look(byte b) {
        if (b == '\n') {
            linesPassed++;
        }
        if (inText) {
            inText = escaped || b != '"';
            escaped = !escaped && b == '\\';
            return End.NOT_YET;
        }
        switch (b) {
            case '"' -> inText = true;
            case '{', '[' -> depth++;
            case '}', ']' -> {
                if (depth <= 1) {
                    return depth == 1 ? End.AFTER : End.BEFORE;
                }
                depth--;
            }
            case ',' -> {
                return depth == 0 ? End.BEFORE : End.NOT_YET;
            }
            default -> {}
        }
        return End.NOT_YET;
    }

    private boolean finish() {
        at++;
        done = true;
        return skipBlanks() >= 0 && broken("there is text after the array");
    }

    /** Goes to the next byte that is not blank and answers it, or -1 at the end. */
    private int skipBlanks() {
        while (true) {
            for (; at < limit; at++) {
                if (!blank(buffer[at])) {
                    return buffer[at];
                }
                if (buffer[at] == '\n') {
                    linesPassed++;
                }
            }
            start = at;
            if (!fill()) {
                return -1;
            }
        }
    }

    private boolean broken(String why) {
        done = true;
        line = linesPassed + 1;
        if (failure == null) {
            failure = new LeveeException(ErrorCode.BAD_LINE, "line " + line + ": " + why);
        }
        return true;
    }
}
