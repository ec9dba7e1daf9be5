package io.levee.testkit.conformance;

import org.junit.jupiter.api.DisplayName;
import org.junit.jupiter.api.Nested;

/**
 * Everything that an engine has to do, as one test class. An engine's module extends it:
 *
 * <pre>{@code
 * class MyEngineConformanceTest extends EngineConformance {
 *     @TempDir
 *     static Path directory;
 *
 *     @Override
 *     protected EngineUnderTest engine() {
 *         return () -> "my:" + directory.resolve(UUID.randomUUID().toString());
 *     }
 * }
 * }</pre>
 *
 * <p>A test that is added to a topic reaches every engine. What a {@link io.levee.engine.Capability} is needed for is tested where the
 * engine has it; where it lacks it, the test proves that its use is refused with {@code NOT_SUPPORTED} and its name, and reports
 * {@code <engine> lacks <CAPABILITY>}. No test is skipped.
 */
public abstract class EngineConformance {
    /** For subclasses. */
    protected EngineConformance() {}

    /** The engine under test. Called for each test. */
    protected abstract EngineUnderTest engine();

    @Nested
    @DisplayName("records and types")
    class Records extends RecordConformance {
        Records() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("names and columns")
    class Names extends NameConformance {
        Names() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("upserts")
    class Upserts extends UpsertConformance {
        Upserts() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("pages")
    class Pages extends PageConformance {
        Pages() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("filters")
    class Filters extends FilterConformance {
        Filters() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("aggregations")
    class Aggregations extends AggregateConformance {
        Aggregations() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("deadlines and cancels")
    class Deadlines extends DeadlineConformance {
        Deadlines() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("late rows and boundaries")
    class Lateness extends LatenessConformance {
        Lateness() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("retention")
    class Retention extends RetentionConformance {
        Retention() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("retention by number")
    class Numbers extends NumberConformance {
        Numbers() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("plans of retention")
    class Plans extends PlanConformance {
        Plans() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("classes of records")
    class Classes extends ClassConformance {
        Classes() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("receipts and status")
    class Receipts extends ReceiptConformance {
        Receipts() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("single records")
    class SingleRecords extends SingleRecordConformance {
        SingleRecords() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("tails")
    class Tails extends TailConformance {
        Tails() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("named cursors")
    class Cursors extends CursorConformance {
        Cursors() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("replay")
    class Replays extends ReplayConformance {
        Replays() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("rollups")
    class Rollups extends RollupConformance {
        Rollups() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("opening again, other processes, kills")
    class Reopening extends ReopenConformance {
        Reopening() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("sources")
    class Sources extends SourceConformance {
        Sources() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("losses, reports and checks")
    class Losses extends LossConformance {
        Losses() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("adopted databases")
    class Adoptions extends AdoptionConformance {
        Adoptions() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("adopted databases: the original's answers")
    class AdoptedAnswers extends AdoptedAnswersConformance {
        AdoptedAnswers() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("adopted databases: their life")
    class AdoptionLife extends AdoptionLifeConformance {
        AdoptionLife() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("adopted databases: their end")
    class AdoptionEnd extends AdoptionEndConformance {
        AdoptionEnd() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("adopted databases: their times")
    class AdoptionTimes extends AdoptionTimesConformance {
        AdoptionTimes() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("adopted databases: keys that are written again")
    class AdoptionRewrites extends AdoptionRewriteConformance {
        AdoptionRewrites() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("adopted databases, beside a model")
    class AdoptionModel extends AdoptionModelConformance {
        AdoptionModel() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("splittings")
    class Splits extends SplitConformance {
        Splits() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("splittings: what cannot be moved")
    class SplitCounts extends SplitCountConformance {
        SplitCounts() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("splittings: keys with several rows")
    class SplitKeys extends SplitKeyConformance {
        SplitKeys() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("splittings that a spec declares")
    class DeclaredSplits extends DeclaredSplitConformance {
        DeclaredSplits() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("splittings that are killed")
    class SplitKills extends SplitKillConformance {
        SplitKills() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("online schema change")
    class Migrations extends MigrationConformance {
        Migrations() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("rows that move beside a backfill")
    class MovingRows extends MovingRowConformance {
        MovingRows() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("any schema changes, beside a model")
    class MigrationModel extends MigrationModelConformance {
        MigrationModel() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("lookups of many rows")
    class WholeLookups extends WholeLookupConformance {
        WholeLookups() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("SQL")
    class Sql extends SqlConformance {
        Sql() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("any operations, beside the reference engine")
    class Model extends ModelConformance {
        Model() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("the engine interface")
    class Interface extends EngineInterfaceConformance {
        Interface() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("views: rows in any order, groups in parts")
    class Views extends ViewConformance {
        Views() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("groups with several figures")
    class Groupings extends GroupConformance {
        Groupings() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("histograms, time series, estimates")
    class Distributions extends DistributionConformance {
        Distributions() {
            super(EngineConformance.this);
        }
    }

    @Nested
    @DisplayName("orders, newest per key, places, texts, plans")
    class Orders extends OrderConformance {
        Orders() {
            super(EngineConformance.this);
        }
    }
}
