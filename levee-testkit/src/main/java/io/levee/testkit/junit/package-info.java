/** For users' own tests with JUnit 5 or 6: stores in memory and a clock that is advanced. */
@NullMarked
package io.levee.testkit.junit;

import org.jspecify.annotations.NullMarked;
