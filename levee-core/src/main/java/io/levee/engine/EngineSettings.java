package io.levee.engine;

import io.levee.StoreOptions;
import io.levee.internal.supervisor.Supervisor;

/**
 * What a store gives its engine.
 *
 * @param options how the store is opened
 * @param readOnly whether nothing may be written, created or locked
 * @param supervisor starts the engine's threads: there are no others
 */
public record EngineSettings(StoreOptions options, boolean readOnly, Supervisor supervisor) {}
