package io.levee.ingest;

import io.levee.Bytes;
import io.levee.ErrorCode;
import io.levee.LeveeException;
import io.levee.TableSpec;
import java.io.IOException;
import java.nio.charset.CharacterCodingException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.snakeyaml.engine.v2.api.Load;
import org.snakeyaml.engine.v2.api.LoadSettings;
import org.snakeyaml.engine.v2.exceptions.YamlEngineException;

/** Table specs as files: YAML or JSON (which is YAML too) in, YAML out. */
public final class SpecFiles {
    private SpecFiles() {}

    /**
     * Reads a spec. A file that names no table is of the table that the file is named after.
     *
     * @throws LeveeException {@link ErrorCode#NOT_FOUND}, {@link ErrorCode#IO_FAILED}, {@link ErrorCode#BAD_SPEC}
     */
    public static TableSpec read(Path file) {
        return read(file, null);
    }

    /**
     * Reads a spec for a table.
     *
     * @param file the file
     * @param table the table's name, whatever the file says; null: as the file says
     * @throws LeveeException as above
     */
    public static TableSpec read(Path file, @Nullable String table) {
        String text = text(file);
        try {
            Map<String, Object> map = load(text);
            if (table != null) {
                map.put("table", table);
            }
            map.putIfAbsent("table", nameOf(file));
            return TableSpec.fromMap(map);
        } catch (LeveeException e) {
            throw e.with("file", file.toString());
        }
    }

    /** A file's text. */
    static String text(Path file) {
        try {
            return Files.readString(file);
        } catch (NoSuchFileException e) {
            throw new LeveeException(ErrorCode.NOT_FOUND, "there is no file " + file, e).with("file", file.toString());
        } catch (CharacterCodingException e) {
            throw new LeveeException(ErrorCode.BAD_SPEC, file + " is not UTF-8", e).with("file", file.toString());
        } catch (IOException e) {
            String why = Files.isDirectory(file) ? "it is a directory" : e.toString();
            throw new LeveeException(ErrorCode.IO_FAILED, file + " cannot be read: " + why, e)
                    .with("file", file.toString());
        }
    }

    /**
     * Reads a spec from text.
     *
     * @param yamlOrJson the text
     * @param tableNameIfMissing the table's name where the text has none
     * @throws LeveeException {@link ErrorCode#BAD_SPEC}
     */
    public static TableSpec parse(String yamlOrJson, String tableNameIfMissing) {
        Map<String, Object> map = load(yamlOrJson);
        map.putIfAbsent("table", tableNameIfMissing);
        return TableSpec.fromMap(map);
    }

    private static String nameOf(Path file) {
        Path last = file.getFileName();
        String name = last == null ? "" : last.toString();
        int dot = name.indexOf('.');
        return dot < 0 ? name : name.substring(0, dot);
    }

    /** A spec's entries. */
    static Map<String, Object> load(String text) {
        Object loaded = loaded(text, "the spec");
        if (!(loaded instanceof Map<?, ?> map)) {
            throw new LeveeException(ErrorCode.BAD_SPEC, "the spec is not a map")
                    .hint("begin with table: NAME, time: COLUMN and columns: {…}");
        }
        Map<String, Object> copy = new LinkedHashMap<>();
        map.forEach((key, value) -> copy.put(String.valueOf(key), value));
        return copy;
    }

    /** YAML or JSON as maps, lists and values. */
    static @Nullable Object loaded(String text, String what) {
        try {
            return new Load(LoadSettings.builder().setLabel(what).build()).loadFromString(text);
        } catch (YamlEngineException e) {
            throw new LeveeException(ErrorCode.BAD_SPEC, what + ": neither YAML nor JSON: " + oneLine(e), e);
        }
    }

    private static String oneLine(YamlEngineException e) {
        return String.valueOf(e.getMessage()).lines().map(String::strip).collect(Collectors.joining(" "));
    }

    /** The spec as YAML that {@link #parse} reads back as an equal one, quoted only where needed. */
    public static String yaml(TableSpec spec) {
        StringBuilder out = new StringBuilder();
        Map<String, Object> map = new LinkedHashMap<>(spec.toMap());
        shorten(spec, map);
        map.forEach((name, value) -> {
            if (name.equals("columns") && value instanceof Map<?, ?> columns) {
                out.append("columns:\n");
                columns.forEach((column, form) -> out.append("  ")
                        .append(Yaml.scalar(String.valueOf(column)))
                        .append(": ")
                        .append(Yaml.flow(form))
                        .append('\n'));
            } else {
                out.append(name).append(": ").append(Yaml.flow(value)).append('\n');
            }
        });
        return out.toString();
    }

    /** Leaves out what reading it back adds again, and writes sizes as people do. */
    private static void shorten(TableSpec spec, Map<String, Object> map) {
        int last = spec.columns().size() - 1;
        if (spec.unknown() == TableSpec.Unknown.EXTRA
                && last > 0
                && spec.position(TableSpec.EXTRA_COLUMN) == last
                && map.get("columns") instanceof Map<?, ?> columns
                && "json".equals(columns.get(TableSpec.EXTRA_COLUMN))) {
            Map<Object, Object> shorter = new LinkedHashMap<>(columns);
            shorter.remove(TableSpec.EXTRA_COLUMN);
            map.put("columns", shorter);
        }
        Bytes bytes = spec.retention().maxBytes();
        if (bytes != null && map.get("retention") instanceof Map<?, ?> retention) {
            Map<Object, Object> readable = new LinkedHashMap<>(retention);
            readable.put("maxBytes", size(bytes.value()));
            map.put("retention", readable);
        }
        if (List.of().equals(map.get("indexes"))) {
            map.remove("indexes");
        }
    }

    private static String size(long bytes) {
        String[] units = {"TiB", "GiB", "MiB", "KiB"};
        for (int i = 0; i < units.length; i++) {
            long unit = 1L << (40 - 10 * i);
            if (bytes % unit == 0) {
                return bytes / unit + units[i];
            }
        }
        return Long.toString(bytes);
    }
}
