/** Engine conformance kit, fault injection, simulated clock and oracle. */
@NullMarked
package io.levee.testkit;

import org.jspecify.annotations.NullMarked;
