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

/* They are beside each other, by their numbers. */
bool engine_find_run(struct client *client, struct buffer *ret_folder, struct error *error)
{
    scoped(json_free) cJSON *experiment = NULL;
    const cJSON *run;
    const char *directory, *slash;
    int64_t id, wanted = (int64_t)arguments_number(&client->arguments, "run", 0);
    bool found = false;

    if (!select_single(client, &id, error) || !show_ask(client, id, &experiment, error))
        return false;
    if (json_at(experiment, "spec.command"))
        return error_set(error, ERROR_INVALID, "experiment %lld is a command: it leaves no model",
                         (long long)id);
    cJSON_ArrayForEach(run, json_member(experiment, "runs"))
    {
        found = found || json_integer(run, "run", 0) == wanted;
    }
    directory = json_text(experiment, "directory", NULL); /* of the latest */
    slash = directory ? strrchr(directory, '/') : NULL;
    if (!slash || (wanted && !found))
        return error_set(error, ERROR_NOT_FOUND, "experiment %lld has not run%s", (long long)id,
                         slash ? " that often" : " yet");
    if (!wanted)
        return buffer_append_text(ret_folder, directory, error);
    return buffer_append(ret_folder, directory, (size_t)(slash - directory) + 1, error) &&
           buffer_append_format(ret_folder, error, "%lld", (long long)wanted);
}

/* `folder` NULL: none. */
static bool become_engine(const char *verb, const char *folder, const struct engine_call *call,
                          struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    const char *argument[ENGINE_ARGUMENTS_MAX + 4] = {"nightjar-engine", verb, folder};
    char *plain[ENGINE_ARGUMENTS_MAX + 4];

    if (!launch_program_path("nightjar-engine", &path, error))
        return false;
    memcpy((void *)(argument + (folder ? 3 : 2)), (const void *)call->argument,
           call->n * sizeof(*call->argument));
    memcpy((void *)plain, (const void *)argument,
           sizeof(plain)); /* execv wants them without const */
    launch_choose_core();
    (void)fflush(stdout);
    execv(path.data, plain);
    return error_set_errno(error, errno, "%s", path.data);
}

bool engine_call_run(struct client *client, const char *verb, const struct engine_call *call,
                     struct error *error)
{
    scoped(buffer_release) struct buffer folder = {0};

    return engine_find_run(client, &folder, error) && become_engine(verb, folder.data, call, error);
}

bool engine_call_files(const char *verb, const struct engine_call *call, struct error *error)
{
    return become_engine(verb, NULL, call, error);
}
