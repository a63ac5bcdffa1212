/* nj pause: stops runs where they stand. */
#include "client/change.h"
#include "client/select.h"

static bool run(struct client *client, struct error *error)
{
    return change_run(client, "pause", "paused", error);
}

const struct command command_pause = {
    .name = "pause",
    .synopsis = "ID... [--state STATES] [--json|--parsable]",
    .help = "Stop running experiments where they stand.",
    .description =
        "Every process of the run is stopped (SIGSTOP) until nj resume. It keeps its memory and "
        "its place, so that nothing else starts there, and its time limit does not run. A paused "
        "run stays paused when the daemon is restarted. What waits is not touched: nj hold.\n\n"
        "    nj pause all\n\n" SELECT_HELP,
    .options = change_options,
    .takes = ARGUMENT_IDS,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
