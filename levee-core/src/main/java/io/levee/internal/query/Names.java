package io.levee.internal.query;

import io.levee.Column;
import io.levee.TableSpec;

/** Column names as users may say them: exactly, or in camel case as in a record. */
public final class Names {
    private Names() {}

    /** {@code taskName} as {@code task_name}, {@code jobID} as {@code job_id}. */
    public static String snake(String camel) {
        StringBuilder snake = new StringBuilder();
        for (int i = 0; i < camel.length(); i++) {
            char c = camel.charAt(i);
            boolean upper = Character.isUpperCase(c);
            boolean afterLower = i > 0 && !Character.isUpperCase(camel.charAt(i - 1));
            boolean beforeLower = i + 1 < camel.length() && Character.isLowerCase(camel.charAt(i + 1));
            if (upper && i > 0 && camel.charAt(i - 1) != '_' && (afterLower || beforeLower)) {
                snake.append('_');
            }
            snake.append(Character.toLowerCase(c));
        }
        return snake.toString();
    }

    /**
     * The column that a user means.
     *
     * @throws io.levee.LeveeException {@code UNKNOWN_COLUMN}
     */
    public static Column column(TableSpec spec, String name) {
        if (spec.position(name) < 0 && spec.position(snake(name)) >= 0) {
            return spec.column(snake(name));
        }
        return spec.column(name);
    }
}
