/** Benchmarks and incident drills. */
@NullMarked
package io.levee.bench;

import org.jspecify.annotations.NullMarked;
