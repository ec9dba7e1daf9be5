/**
 * Faults, and what must hold whatever they do: crashes, power cuts, full and slow disks, failing calls, damaged files; an oracle of
 * receipts; the invariants I1–I12 as checks that can be used alone. {@code levee torture} runs on this package, so that nothing in it
 * knows JUnit. {@code docs/testkit.md} says how to use it.
 */
@NullMarked
package io.levee.testkit.fault;

import org.jspecify.annotations.NullMarked;
