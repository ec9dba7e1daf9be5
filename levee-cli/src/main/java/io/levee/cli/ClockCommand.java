package io.levee.cli;

import io.levee.Store;
import java.util.Map;
import picocli.CommandLine;

/** {@code levee clock}: saying that a clock that jumped is right. */
@CommandLine.Command(
        name = "clock",
        description = "A wall clock that jumped: saying that it is right.",
        subcommands = {ClockCommand.Accept.class})
final class ClockCommand extends Command {
    ClockCommand(Console console) {
        super(console);
    }

    @Override
    int run() {
        throw usage("a command is missing: accept");
    }

    /** {@code levee clock accept}. */
    @CommandLine.Command(
            name = "accept",
            description = {
                "Says that the wall clock is right although it jumped (CLOCK_SUSPECT): retention goes on at once.",
                "Without it, retention waits until the clock was set back, or went evenly for a day.",
            },
            footerHeading = "%nExample:%n",
            footer = "  levee clock accept --url http://127.0.0.1:7311")
    static final class Accept extends Command {
        Accept(Console console) {
            super(console);
        }

        @Override
        int run() throws Exception {
            boolean accepted = accept();
            if (json()) {
                console.json(Map.of("accepted", accepted));
            } else {
                console.say(accepted ? "accepted" : "the clock was not suspect");
            }
            return OK;
        }

        private boolean accept() throws Exception {
            Remote remote = target.remote(console);
            if (remote != null) {
                return Boolean.TRUE.equals(
                        remote.send("POST", "/v1/clock/accept", Map.of(), null).get("accepted"));
            }
            try (Store store = target.openExisting(console)) {
                return store.acceptClock();
            }
        }
    }
}
