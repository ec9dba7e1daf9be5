package io.levee.cli;

import io.levee.Store;
import io.levee.engine.Finding;
import io.levee.json.JsonOut;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;

/** {@code levee doctor}: what the store stands on. */
@CommandLine.Command(
        name = "doctor",
        description =
                "Checks what the store stands on: the machine or server, versions, settings, rights, clocks. Status 1 where"
                        + " there is a PROBLEM.",
        footerHeading = "%nExamples:%n",
        footer = {
            "  levee doctor --store history",
            "  levee doctor --store 'postgres://levee@db.example/app' --json",
        })
final class DoctorCommand extends Command {
    DoctorCommand(Console console) {
        super(console);
    }

    @Override
    int run() throws Exception {
        Map<String, @Nullable Object> answer = answer();
        List<?> findings = answer.get("findings") instanceof List<?> list ? list : List.of();
        if (json()) {
            console.json(answer);
        } else {
            console.print("engine   " + Printable.line(String.valueOf(answer.get("engine"))));
            findings.forEach(this::print);
            console.flush();
        }
        boolean problem = findings.stream()
                .anyMatch(f -> f instanceof Map<?, ?> finding
                        && Finding.Level.PROBLEM.name().equals(finding.get("level")));
        return problem ? FAILED : OK;
    }

    private Map<String, @Nullable Object> answer() throws Exception {
        Remote remote = target.remote(console);
        if (remote != null) {
            return remote.get("/v1/warnings", Map.of("all", "true"));
        }
        try (Store store = target.openToRead(console)) {
            Map<String, @Nullable Object> answer = new LinkedHashMap<>();
            answer.put("engine", store.engine());
            answer.put("findings", store.diagnose().stream().map(JsonOut::form).toList());
            return answer;
        }
    }

    private void print(Object entry) {
        if (entry instanceof Map<?, ?> finding) {
            console.print(String.format(
                    "%-8s %s", finding.get("level"), Printable.line(String.valueOf(finding.get("what")))));
            if (finding.get("hint") instanceof String hint && !hint.isEmpty()) {
                console.print("         Do: " + Printable.line(hint));
            }
        }
    }
}
