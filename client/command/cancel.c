/* nj cancel: stops and drops experiments. */
#include "client/change.h"
#include "client/select.h"

static bool run(struct client *client, struct error *error)
{
    return change_run(client, "cancel", "cancelled", error);
}

const struct command command_cancel = {
    .name = "cancel",
    .alias = "kill",
    .synopsis = "ID... [--state STATES] [--json|--parsable]",
    .help = "Stop experiments that run, and drop those that wait.",
    .description =
        "What runs is asked to stop (SIGTERM) and ended after its grace time (resources.grace). It "
        "can be begun again by nj restart. Exit status 1 where nothing changed.\n\n" SELECT_HELP,
    .options = change_options,
    .takes = ARGUMENT_IDS,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
