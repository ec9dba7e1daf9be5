/** Incidents, the old way and Levee's side by side, with figures. Shipped with the command, like {@code fault}: no JUnit here. */
@NullMarked
package io.levee.testkit.drill;

import org.jspecify.annotations.NullMarked;
