package io.levee;

import org.jspecify.annotations.Nullable;

/** Ends the wait for a record that was accepted and then given up. */
public final class RecordLostException extends LeveeException {
    private static final long serialVersionUID = 1L;

    private final LossReason reason;

    /**
     * A loss with its reason.
     *
     * @param reason why the record was given up
     * @param what what happened, with the values that matter
     * @param cause the error underneath, or null
     */
    public RecordLostException(LossReason reason, String what, @Nullable Throwable cause) {
        super(ErrorCode.RECORD_LOST, what, cause);
        this.reason = reason;
        with("reason", reason.name());
    }

    /** Why the record was given up. */
    public LossReason reason() {
        return reason;
    }
}
