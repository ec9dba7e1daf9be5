/** The reference engine: a store in memory, written to be obviously right. Oracle of the conformance kit, and for users' tests. */
@NullMarked
package io.levee.testkit.memory;

import org.jspecify.annotations.NullMarked;
