/* nj restart: runs ended experiments again. */
#include "client/change.h"
#include "client/select.h"

static bool run(struct client *client, struct error *error)
{
    return change_run(client, "restart", "queued again:", error);
}

const struct command command_restart = {
    .name = "restart",
    .alias = "retry",
    .synopsis = "ID... [--state STATES] [--json|--parsable]",
    .help = "Run ended experiments again, from the beginning.",
    .description = "Under the same id, with the same spec and seed; the earlier runs stay in the "
                   "record.\n\n" SELECT_HELP,
    .options = change_options,
    .takes = ARGUMENT_IDS,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
