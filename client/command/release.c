/* nj release: lets held experiments start. */
#include "client/change.h"
#include "client/select.h"

static bool run(struct client *client, struct error *error)
{
    return change_run(client, "release", "released", error);
}

const struct command command_release = {
    .name = "release",
    .alias = "enqueue",
    .synopsis = "ID... [--state STATES] [--json|--parsable]",
    .help = "Let held experiments start.",
    .description = "Also lets a batch go on that was held because its experiments failed alike, "
                   "and one that was lost three times without progress.\n\n" SELECT_HELP,
    .options = change_options,
    .takes = ARGUMENT_IDS,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
