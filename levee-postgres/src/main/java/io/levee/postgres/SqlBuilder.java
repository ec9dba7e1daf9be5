package io.levee.postgres;

import java.sql.Array;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/** A statement built up piece by piece, with its parameters. */
final class SqlBuilder {
    private final StringBuilder text = new StringBuilder();
    private final List<Object> parameters = new ArrayList<>();

    /** Several values as one parameter. */
    record Listed(String type, Object[] values) {}

    /** Appends text. */
    SqlBuilder add(String sql) {
        text.append(sql);
        return this;
    }

    /** Appends another one with its parameters. */
    SqlBuilder add(SqlBuilder other) {
        text.append(other.text);
        parameters.addAll(other.parameters);
        return this;
    }

    /** The statement, with {@code ?} for its parameters. */
    String text() {
        return text.toString();
    }

    /** Appends a parameter: stored values, or a list of them. */
    SqlBuilder parameter(Object value) {
        text.append('?');
        parameters.add(value);
        return this;
    }

    /**
     * Compiles it and binds its parameters, each with the type of its stored form.
     *
     * @param before text to put in front
     */
    PreparedStatement prepare(Connection connection, String before) throws SQLException {
        PreparedStatement statement = connection.prepareStatement(before + text);
        boolean bound = false;
        try {
            for (int i = 0; i < parameters.size(); i++) {
                bind(connection, statement, i + 1, parameters.get(i));
            }
            bound = true;
            return statement;
        } finally {
            if (!bound) {
                statement.close();
            }
        }
    }

    private static void bind(Connection connection, PreparedStatement statement, int index, Object value)
            throws SQLException {
        if (value instanceof Long number) {
            statement.setLong(index, number);
        } else if (value instanceof Double number) {
            statement.setDouble(index, number);
        } else if (value instanceof byte[] bytes) {
            statement.setBytes(index, bytes);
        } else if (value instanceof Listed list) {
            statement.setArray(index, array(connection, list.type(), list.values()));
        } else {
            statement.setString(index, (String) value);
        }
    }

    /** An array of stored values. The driver takes bytes for what they are only in an array of their own type. */
    static Array array(Connection connection, String type, Object[] values) throws SQLException {
        boolean bytes = type.equals("bytea");
        return connection.createArrayOf(type, bytes ? Arrays.copyOf(values, values.length, byte[][].class) : values);
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
