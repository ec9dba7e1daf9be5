package io.levee.internal.query;

import java.util.Arrays;

/** LIKE and CONTAINS as engines do them: ASCII letters match in upper and lower case. */
final class TextMatch {
    private static final int ANY_TEXT = -1;
    private static final int ANY_CHARACTER = -2;

    private TextMatch() {}

    static boolean contains(String text, String part) {
        return lower(text).contains(lower(part));
    }

    private static String lower(String text) {
        StringBuilder folded = new StringBuilder(text.length());
        text.chars().map(TextMatch::fold).forEach(c -> folded.append((char) c));
        return folded.toString();
    }

    /** By code points; after a mismatch, the last % takes one character more. */
    static boolean like(String text, String pattern) {
        int[] t = text.codePoints().map(TextMatch::fold).toArray();
        int[] p = parsed(pattern);
        int i = 0;
        int j = 0;
        int lastAny = -1;
        int taken = 0;
        while (i < t.length) {
            if (j < p.length && p[j] == ANY_TEXT) {
                lastAny = j++;
                taken = i;
            } else if (j < p.length && (p[j] == ANY_CHARACTER || p[j] == t[i])) {
                i++;
                j++;
            } else if (lastAny >= 0) {
                j = lastAny + 1;
                i = ++taken;
            } else {
                return false;
            }
        }
        while (j < p.length && p[j] == ANY_TEXT) {
            j++;
        }
        return j == p.length;
    }

    private static int[] parsed(String pattern) {
        int[] points = pattern.codePoints().toArray();
        int[] parsed = new int[points.length];
        int length = 0;
        for (int i = 0; i < points.length; i++) {
            boolean literal = points[i] == '\\' && i + 1 < points.length;
            int point = literal ? points[++i] : points[i];
            parsed[length++] =
                    !literal && point == '%' ? ANY_TEXT : !literal && point == '_' ? ANY_CHARACTER : fold(point);
        }
        return Arrays.copyOf(parsed, length);
    }

    private static int fold(int point) {
        return point >= 'A' && point <= 'Z' ? point + ('a' - 'A') : point;
    }
}
