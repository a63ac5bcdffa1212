/* nj note: a remark, kept with an experiment or a batch and shown in the report. */
#include "client/select.h"

#include "common/buffer.h"
#include "common/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool join_text(const struct arguments *arguments, struct buffer *text, struct error *error)
{
    for (size_t i = 1; i < arguments->n_arguments; i++)
        if (!buffer_append_format(text, error, "%s%s", i > 1 ? " " : "", arguments->argument[i]))
            return false;
    if (text->size == 0)
        return error_set(error, ERROR_INVALID, "note: the text is empty");
    return true;
}

static bool add_target(struct client *client, cJSON *params, struct error *error)
{
    const char *target = client->arguments.argument[0];
    bool added;
    int64_t id;

    if (strncmp(target, "batch:", 6) == 0) {
        scoped(json_free) cJSON *select = NULL;

        client->arguments.n_arguments = 1; /* the rest is the text */
        if (!select_of_arguments(client, NULL, &select, error))
            return false;
        added = json_add_number(
            params, "batch",
            cJSON_GetNumberValue(cJSON_GetArrayItem(json_member(select, "batch"), 0)));
    } else {
        if (!select_single(client, &id, error))
            return false;
        added = json_add_integer(params, "id", id);
    }
    return added || error_set(error, ERROR_NO_MEMORY, "preparing the request");
}

static bool add_links(struct client *client, cJSON *params, struct error *error)
{
    const char *text = arguments_text(&client->arguments, "link", NULL);
    scoped(json_free) cJSON *words = NULL;

    if (!text)
        return true;
    if (!select_words(client, text, &words, error))
        return error_wrap(error, "--link");
    return json_add_item(params, "links", &words) ||
           error_set(error, ERROR_NO_MEMORY, "preparing the request");
}

static bool run(struct client *client, struct error *error)
{
    scoped(json_free) cJSON *params = NULL, *result = NULL;
    scoped(buffer_release) struct buffer text = {0};
    int64_t per_day;

    if (!join_text(&client->arguments, &text, error) || !client_object(&params, error) ||
        !add_target(client, params, error))
        return false;
    per_day = (int64_t)arguments_number(&client->arguments, "per-day", 0);
    if (!add_links(client, params, error))
        return false;
    if (!json_add_text(params, "text", text.data) ||
        (per_day > 0 && !json_add_integer(params, "per_day", per_day)))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    if (!client_call(client, "note", &params, &result, error))
        return false;
    if (per_day > 0)
        printf("%.*s: %lld of %lld today\n", (int)strcspn(text.data, " "), text.data,
               (long long)json_integer(result, "today", 0), (long long)per_day);
    return true;
}

static const struct command_option options[] = {
    {.name = "link",
     .type = OPTION_TEXT,
     .value = "IDS",
     .help = "What it points at: 12, 3-9, batch:4, last; several separated by commas."},
    {.name = "per-day",
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 1,
     .high = 1e6,
     .help = "Refuse it where so many notes of today begin with the same word, and tell how many."},
    {0},
};

const struct command command_note = {
    .name = "note",
    .synopsis = "ID|batch:N TEXT... [--link IDS] [--per-day N]",
    .help = "Keep a remark with an experiment or a batch.",
    .description = "Shown by nj show and nj report, and found by nj search.\n\n"
                   "    nj note batch:4 \"dropout calms it; try 0.4 next\"\n"
                   "    nj note batch:6 \"0.4 was no better\" --link batch:4,31\n"
                   "    nj note 12 upload 9617 points --per-day 1",
    .options = options,
    .takes = ARGUMENT_IDS,
    .min_arguments = 2,
    .max_arguments = -1,
    .run = run,
};
