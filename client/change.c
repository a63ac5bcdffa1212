#include "client/change.h"

#include "client/select.h"
#include "common/owner.h"

#include <stdio.h>
#include <string.h>

#define LINE_SIZE 60 /* of ids on a line, about */

const struct command_option change_options[] = {
    COMMAND_OPTION_STATE,
    COMMAND_OPTION_JSON,
    {.name = "parsable", .help = "Print the ids that changed, one a line, and nothing else."},
    {0},
};

/* 3-9, 12 and 40 more: consecutive ids are drawn together, what is too long for a line is counted.
 * All-zero at first. */
struct id_line {
    struct buffer text;
    long long first, last; /* the range that may grow; 0: none */
    long long n_more;
};

static void id_line_release(struct id_line *line)
{
    buffer_release(&line->text);
}

static bool end_range(struct id_line *line, struct error *error)
{
    return !line->first ||
           buffer_append_format(&line->text, error,
                                line->last > line->first ? "%s%lld-%lld" : "%s%lld",
                                line->text.size ? ", " : "", line->first, line->last);
}

static bool add_id(struct id_line *line, long long id, struct error *error)
{
    if (line->first && id == line->last + 1) {
        line->last = id;
    } else if (line->text.size > LINE_SIZE) {
        line->n_more++;
    } else {
        if (!end_range(line, error))
            return false;
        line->first = line->last = id;
    }
    return true;
}

/* `n_unlisted`: how many there were besides those that were added. */
static bool end_line(struct id_line *line, int64_t n_unlisted, struct error *error)
{
    line->n_more += n_unlisted > 0 ? n_unlisted : 0;
    return end_range(line, error) &&
           (!line->n_more ||
            buffer_append_format(&line->text, error, " and %lld more", line->n_more));
}

/* How many the daemon did not list, of very many. */
static int64_t unlisted(const cJSON *result, const char *total, const cJSON *list)
{
    return json_integer(result, total, 0) - cJSON_GetArraySize(list);
}

static bool tell_changed(const char *past, const cJSON *result, struct error *error)
{
    const cJSON *changed = json_member(result, "changed"), *id;
    scoped(id_line_release) struct id_line line = {0};

    if (cJSON_GetArraySize(changed) == 0)
        return true;
    cJSON_ArrayForEach(id, changed)
    {
        if (!add_id(&line, (long long)id->valuedouble, error))
            return false;
    }
    if (!end_line(&line, unlisted(result, "n_changed", changed), error))
        return false;
    printf("%s %s\n", past, line.text.data);
    return true;
}

/* Takes all with the first one's reason out of the list. */
static bool tell_reason(cJSON *list, struct error *error)
{
    scoped(id_line_release) struct id_line line = {0};
    scoped(json_free) cJSON *first = cJSON_DetachItemFromArray(list, 0);
    const char *reason = json_text(first, "reason", "unchanged");

    if (!add_id(&line, (long long)json_integer(first, "id", 0), error))
        return false;
    for (cJSON *entry = list->child, *next; entry; entry = next) {
        next = entry->next;
        if (strcmp(json_text(entry, "reason", "unchanged"), reason) != 0)
            continue;
        if (!add_id(&line, (long long)json_integer(entry, "id", 0), error))
            return false;
        cJSON_Delete(cJSON_DetachItemViaPointer(list, entry));
    }
    if (!end_line(&line, 0, error))
        return false;
    client_message("%s: %s", line.text.data, reason);
    return true;
}

static bool tell(const char *past, cJSON *result, struct error *error)
{
    cJSON *unchanged = cJSON_GetObjectItemCaseSensitive(result, "unchanged");
    int64_t n_unlisted = unlisted(result, "n_unchanged", unchanged);

    if (!tell_changed(past, result, error))
        return false;
    while (cJSON_GetArraySize(unchanged) > 0)
        if (!tell_reason(unchanged, error))
            return false;
    if (n_unlisted > 0)
        client_message("%lld more stay as they are", (long long)n_unlisted);
    return true;
}

bool change_ask(struct client *client, const char *method, const char *past, cJSON **params,
                struct error *error)
{
    scoped(json_free) cJSON *result = NULL;
    const cJSON *id;

    if (!client_call(client, method, params, &result, error))
        return false;
    client->exit_status = cJSON_GetArraySize(json_member(result, "changed")) > 0 ? 0 : 1;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(result, error);
    if (arguments_flag(&client->arguments, "parsable")) {
        const cJSON *changed = json_member(result, "changed");
        int64_t n_unlisted = unlisted(result, "n_changed", changed);

        cJSON_ArrayForEach(id, changed) printf("%lld\n", (long long)id->valuedouble);
        if (n_unlisted > 0)
            client_message("%lld more were changed and are not listed", (long long)n_unlisted);
        return true;
    }
    return tell(past, result, error);
}

bool change_run(struct client *client, const char *method, const char *past, struct error *error)
{
    scoped(json_free) cJSON *select = NULL, *params = NULL;

    return select_of_arguments(client, NULL, &select, error) &&
           client_select(&select, &params, error) &&
           change_ask(client, method, past, &params, error);
}
