/** Backups as directories of plain files: their manifest, their files, and the run of one. */
@NullMarked
package io.levee.internal.backup;

import org.jspecify.annotations.NullMarked;
