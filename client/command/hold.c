/* nj hold: keeps experiments from starting. */
#include "client/change.h"
#include "client/select.h"

static bool run(struct client *client, struct error *error)
{
    return change_run(client, "hold", "held", error);
}

const struct command command_hold = {
    .name = "hold",
    .alias = "stash",
    .synopsis = "ID... [--state STATES] [--json|--parsable]",
    .help = "Keep waiting experiments from starting.",
    .description = "They start after nj release. What runs already goes on.\n\n" SELECT_HELP,
    .options = change_options,
    .takes = ARGUMENT_IDS,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
