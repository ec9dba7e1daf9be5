/**
 * What every engine has to do, as tests: an engine's module extends {@link io.levee.testkit.conformance.EngineConformance} with a few
 * lines. Needs JUnit 6 and AssertJ on the test class path.
 */
@NullMarked
package io.levee.testkit.conformance;

import org.jspecify.annotations.NullMarked;
