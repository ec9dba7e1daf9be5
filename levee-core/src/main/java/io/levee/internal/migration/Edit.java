package io.levee.internal.migration;

import io.levee.Migration;
import io.levee.MigrationStatus.State;
import io.levee.engine.MigrationRecord;
import org.jspecify.annotations.Nullable;

/** A migration's record while it is changed. */
final class Edit {
    private final MigrationRecord from;
    long number;
    Migration migration;
    State state;

    @Nullable
    String error;

    long rowsDone;
    long rowsPartial;
    long rowsTotal;
    int partitionsDone;
    int partitionsTotal;

    @Nullable
    String cursor;

    boolean applied;
    boolean paused;
    boolean approved;
    boolean gapsAccepted;
    String note;
    long startedMicros;
    long workMicros;

    Edit(MigrationRecord from) {
        this.from = from;
        number = from.number();
        migration = from.migration();
        state = from.state();
        error = from.error();
        rowsDone = from.rowsDone();
        rowsPartial = from.rowsPartial();
        rowsTotal = from.rowsTotal();
        partitionsDone = from.partitionsDone();
        partitionsTotal = from.partitionsTotal();
        cursor = from.cursor();
        applied = from.applied();
        paused = from.paused();
        approved = from.approved();
        gapsAccepted = from.gapsAccepted();
        note = from.note();
        startedMicros = from.startedMicros();
        workMicros = from.workMicros();
    }

    MigrationRecord at(long nowMicros) {
        return new MigrationRecord(
                number,
                migration,
                from.digest(),
                state,
                error,
                rowsDone,
                rowsPartial,
                rowsTotal,
                partitionsDone,
                partitionsTotal,
                cursor,
                applied,
                paused,
                approved,
                gapsAccepted,
                note,
                from.declaredMicros() == 0 ? nowMicros : from.declaredMicros(),
                startedMicros == 0 && state == State.RUNNING ? nowMicros : startedMicros,
                nowMicros,
                workMicros);
    }
}
