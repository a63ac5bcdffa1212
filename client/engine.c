#include "client/engine.h"

#include "client/launch.h"
#include "client/select.h"
#include "client/show.h"

#include "common/buffer.h"
#include "common/owner.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

bool engine_call_add(struct engine_call *call, const char *name, const char *value,
                     struct error *error)
{
    if (call->n + 2 > ENGINE_ARGUMENTS_MAX)
        return error_set(error, ERROR_INVALID, "%s is given too often", name);
    call->argument[call->n++] = name;
    if (value)
        call->argument[call->n++] = value;
    return true;
}

static bool find_run(struct client *client, struct buffer *ret_folder, struct error *error)
{
    scoped(json_free) cJSON *experiment = NULL;
    const cJSON *run;
    int64_t id, wanted = (int64_t)arguments_number(&client->arguments, "run", 0), last = 0;
    bool found = false;

    if (!select_single(client, &id, error) || !show_ask(client, id, &experiment, error))
        return false;
    cJSON_ArrayForEach(run, json_member(experiment, "runs"))
    {
        int64_t number = json_integer(run, "run", 0);

        last = number > last ? number : last;
        found = found || number == wanted;
    }
    if (wanted ? !found : last == 0)
        return error_set(error, ERROR_NOT_FOUND, "experiment %lld has not run%s", (long long)id,
                         wanted ? " that often" : " yet");
    return buffer_append_format(ret_folder, error, "%s/%lld",
                                json_text(experiment, "directory", "."),
                                (long long)(wanted ? wanted : last));
}

bool engine_call_run(struct client *client, const char *verb, const struct engine_call *call,
                     struct error *error)
{
    scoped(buffer_release) struct buffer path = {0}, folder = {0};
    const char *argument[ENGINE_ARGUMENTS_MAX + 4] = {"nightjar-engine", verb};
    char *plain[ENGINE_ARGUMENTS_MAX + 4];

    if (!find_run(client, &folder, error) || !launch_program_path("nightjar-engine", &path, error))
        return false;
    argument[2] = folder.data;
    memcpy((void *)(argument + 3), (const void *)call->argument, call->n * sizeof(*call->argument));
    memcpy((void *)plain, (const void *)argument,
           sizeof(plain)); /* execv wants them without const */
    (void)fflush(stdout);
    execv(path.data, plain);
    return error_set_errno(error, errno, "%s", path.data);
}
