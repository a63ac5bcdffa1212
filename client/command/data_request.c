#include "client/command/data_request.h"

#include "client/launch.h"
#include "client/program.h"
#include "common/buffer.h"
#include "common/owner.h"
#include "common/wire.h"

#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "preparing the request");
}

static bool is_spec(const char *path)
{
    const char *end = strrchr(path, '.');

    return end && (strcmp(end, ".yaml") == 0 || strcmp(end, ".yml") == 0);
}

static bool read_file(const char *path, struct spec_file **ret, struct error *error)
{
    scoped(json_free) cJSON *root = cJSON_CreateObject();
    scoped(buffer_release) struct buffer text = {0};
    cJSON *data;

    if (is_spec(path))
        return spec_file_read(path, ret, error);
    data = root ? json_add_object(root, "data") : NULL;
    if (!data || !json_add_text(data, "source", path))
        return no_memory(error);
    return json_print(root, &text, error) &&
           spec_file_parse(text.data, text.size, path, ret, error);
}

bool data_request_read(const struct arguments *arguments, const char *path, struct spec_file **ret,
                       struct error *error)
{
    scoped(spec_file_free) struct spec_file *file = NULL;
    const char *change;
    size_t at = 0;

    if (!read_file(path, &file, error))
        return false;
    while ((change = arguments_next(arguments, "set", &at)))
        if (!spec_file_set(file, change, error))
            return false;
    *ret = take(&file);
    return true;
}

bool data_request_add_cwd(const char *path, cJSON *request, struct error *error)
{
    char here[4096];
    scoped(memory_free) char *copy = strdup(path);
    scoped(buffer_release) struct buffer folder = {0};
    const char *name = copy ? dirname(copy) : NULL;

    if (!name)
        return no_memory(error);
    if (!getcwd(here, sizeof(here)))
        return error_set(error, ERROR_IO, "the current folder is not known");
    if (!is_spec(path) || strcmp(name, ".") == 0)
        name = "";
    if (!buffer_append_format(&folder, error, "%s%s%s", name[0] == '/' ? "" : here,
                              name[0] && name[0] != '/' ? "/" : "", name))
        return false;
    return json_add_text(request, "cwd", folder.data) || no_memory(error);
}

bool data_request_add_data(const char *path, struct spec_file *file, cJSON *request,
                           struct error *error)
{
    cJSON *data = cJSON_DetachItemFromObjectCaseSensitive(file->root, "data");

    if (!data)
        return error_set_at(error, ERROR_INVALID, path, "has no data");
    return json_add_item(request, "data", &data) ||
           error_set(error, ERROR_NO_MEMORY, "asking about data");
}

bool data_request_add_folder(cJSON *request, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    const char *given = getenv("NIGHTJAR_DATA");

    if (given && *given)
        return json_add_text(request, "folder", given) || no_memory(error);
    return wire_home(&path, error) && buffer_append_text(&path, "/data", error) &&
           (json_add_text(request, "folder", path.data) || no_memory(error));
}

static bool take_answer(void *context, char *line, size_t size, struct error *error)
{
    cJSON **answer = context;

    json_free(answer);
    return json_parse(line, size, answer, error);
}

bool data_request_ask(struct client *client, const char *verb, const cJSON *request,
                      cJSON **ret_answer, struct error *error)
{
    scoped(json_free) cJSON *answer = NULL;
    scoped(buffer_release) struct buffer text = {0};
    const struct program_reader reader = {.line = take_answer, .context = &answer};
    int status = 0;

    launch_choose_core();
    if (!json_print(request, &text, error) || !buffer_append_text(&text, "\n", error) ||
        !program_filter("nightjar-engine", verb, text.data, text.size, &reader, &status, error))
        return false;
    client->exit_status = status;
    if (status == 0 && !answer)
        return error_set(error, ERROR_INTERNAL, "nightjar-engine answers nothing");
    *ret_answer = status == 0 ? take(&answer) : NULL;
    return true;
}
