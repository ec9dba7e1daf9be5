package io.levee.cli;

import java.math.BigDecimal;
import java.math.MathContext;

/** Shares as people read them. */
final class Percent {
    private static final MathContext TWO_DIGITS = new MathContext(2);

    private Percent() {}

    /** {@code 0.0081} as {@code 0.81 %}. */
    static String of(double share) {
        return new BigDecimal(share * 100)
                        .round(TWO_DIGITS)
                        .stripTrailingZeros()
                        .toPlainString() + " %";
    }
}
