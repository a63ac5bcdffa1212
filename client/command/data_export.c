#include "client/command/data_export.h"

#include "client/command/data_request.h"
#include "client/render.h"
#include "common/owner.h"

#include <stdio.h>

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "preparing the request");
}

static bool make_request(const struct arguments *arguments, cJSON **ret, struct error *error)
{
    const char *path = arguments->argument[1], *output = arguments_text(arguments, "output", NULL);
    scoped(spec_file_free) struct spec_file *file = NULL;
    scoped(json_free) cJSON *request = cJSON_CreateObject();

    if (!output)
        return error_set(error, ERROR_INVALID, "data export: -o says where to: a .h5 or .csv file");
    if (!request)
        return no_memory(error);
    if (!data_request_read(arguments, path, &file, error) ||
        !data_request_add_cwd(path, request, error) || !data_request_add_folder(request, error))
        return false;
    if (!json_add_item(request, "spec", &file->root) || !json_add_text(request, "output", output) ||
        !json_add_text(request, "part", arguments_text(arguments, "part", "all")) ||
        !json_add_boolean(request, "shuffle", arguments_flag(arguments, "shuffle")))
        return no_memory(error);
    *ret = take(&request);
    return true;
}

/* "train.h5: 34980 samples (train 34980), x 64 x 8, 69 MiB" */
static void print_answer(const cJSON *answer)
{
    static const char *const part[] = {"train", "valid", "test"};
    const char *before = " (";
    char bytes[RENDER_NUMBER_SIZE];
    const cJSON *input;

    printf("%s: %lld samples", json_text(answer, "output", ""),
           (long long)json_integer(answer, "samples", 0));
    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++)
        if (json_integer(answer, part[i], 0) > 0) {
            printf("%s%s %lld", before, part[i], (long long)json_integer(answer, part[i], 0));
            before = ", ";
        }
    putchar(')');
    cJSON_ArrayForEach(input, json_member(answer, "inputs"))
    {
        printf(", %s %d x %d", input->string, cJSON_GetArrayItem(input, 0)->valueint,
               cJSON_GetArrayItem(input, 1)->valueint);
    }
    printf(", %s\n", render_bytes(json_number(answer, "bytes", 0), bytes));
}

bool data_export_run(struct client *client, const char *verb, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    scoped(json_free) cJSON *request = NULL;
    scoped(json_free) cJSON *answer = NULL;

    if (arguments->n_arguments != 2)
        return error_set(error, ERROR_INVALID, "data %s: takes one spec", verb);
    if (!make_request(arguments, &request, error) ||
        !data_request_ask(client, "export", request, &answer, error))
        return false;
    if (!answer) /* the engine has told why */
        return true;
    if (arguments_flag(arguments, "json"))
        return client_print_json(answer, error);
    print_answer(answer);
    return true;
}
