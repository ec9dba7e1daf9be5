/** For this project's own tests: no promise to anybody else. */
@NullMarked
package io.levee.testkit.internal;

import org.jspecify.annotations.NullMarked;
