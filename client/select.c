#include "client/select.h"

#include "common/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 500
#define ID_LIMIT (INT64_C(1) << 53)

static const char *const state_names[] = {"held",     "queued", "starting", "running",  "paused",
                                          "stopping", "done",   "failed",   "cancelled"};
#define N_STATES (sizeof(state_names) / sizeof(*state_names))
#define N_ACTIVE 6

void selection_release(struct selection *selection)
{
    json_free(&selection->select);
}

void id_list_release(struct id_list *ids)
{
    free(ids->item);
    *ids = (struct id_list){0};
}

bool state_has_ended(const char *state)
{
    for (size_t i = N_ACTIVE; i < N_STATES; i++)
        if (strcmp(state_names[i], state) == 0)
            return true;
    return false;
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading ids");
}

/* Digits only; *text moves behind them. */
static bool parse_id(const char **text, int64_t *ret)
{
    int64_t id = 0;

    if (**text < '0' || **text > '9')
        return false;
    for (; **text >= '0' && **text <= '9'; ++*text) {
        id = 10 * id + (**text - '0');
        if (id >= ID_LIMIT)
            return false;
    }
    *ret = id;
    return id > 0;
}

static cJSON *list_of(cJSON *select, const char *name)
{
    cJSON *list = cJSON_GetObjectItemCaseSensitive(select, name);

    return list ? list : json_add_array(select, name);
}

static bool add_range(cJSON *select, int64_t first, int64_t last, struct error *error)
{
    cJSON *ids = list_of(select, "ids");
    cJSON *range = cJSON_CreateArray();

    if (ids && range && cJSON_AddItemToArray(range, cJSON_CreateNumber((double)first)) &&
        cJSON_AddItemToArray(range, cJSON_CreateNumber((double)last)) &&
        cJSON_AddItemToArray(ids, range))
        return true;
    cJSON_Delete(range);
    return no_memory(error);
}

static bool add_batch(cJSON *select, int64_t batch, struct error *error)
{
    cJSON *batches = list_of(select, "batch");

    return (batches && cJSON_AddItemToArray(batches, cJSON_CreateNumber((double)batch))) ||
           no_memory(error);
}

static bool bad_id(const char *word, struct error *error)
{
    return error_set(error, ERROR_INVALID,
                     "'%s' names no experiment; ids look like 12, 3-9, last, all or batch:4", word);
}

static bool parse_word(const char *word, struct selection *selection, struct error *error)
{
    const char *at = word;
    int64_t first, last;

    if (strcmp(word, "all") == 0)
        return json_add_boolean(selection->select, "all", true) || no_memory(error);
    if (strcmp(word, "last") == 0 || strcmp(word, "batch:last") == 0) {
        selection->last = true;
        return true;
    }
    if (strncmp(word, "batch:", 6) == 0) {
        at += 6;
        if (!parse_id(&at, &first) || *at)
            return bad_id(word, error);
        return add_batch(selection->select, first, error);
    }
    if (!parse_id(&at, &first))
        return bad_id(word, error);
    last = first;
    if (*at == '-') {
        at++;
        if (!parse_id(&at, &last))
            return bad_id(word, error);
    }
    if (*at)
        return bad_id(word, error);
    if (last < first)
        return error_set(error, ERROR_INVALID, "'%s' is an empty range", word);
    return add_range(selection->select, first, last, error);
}

/* Calls parse for each of the words that commas separate. */
static bool each_word(const char *text, struct selection *selection,
                      bool (*parse)(const char *word, struct selection *selection,
                                    struct error *error),
                      struct error *error)
{
    scoped(memory_free) char *copy = strdup(text);
    char *state = NULL;

    if (!copy)
        return no_memory(error);
    for (char *word = strtok_r(copy, ",", &state); word; word = strtok_r(NULL, ",", &state))
        if (!parse(word, selection, error))
            return false;
    return true;
}

static bool add_states(cJSON *states, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        if (!cJSON_AddItemToArray(states, cJSON_CreateString(state_names[i])))
            return false;
    return true;
}

static bool parse_state(const char *word, struct selection *selection, struct error *error)
{
    cJSON *states = list_of(selection->select, "state");

    if (!states)
        return no_memory(error);
    if (strcmp(word, "active") == 0)
        return add_states(states, 0, N_ACTIVE) || no_memory(error);
    if (strcmp(word, "ended") == 0)
        return add_states(states, N_ACTIVE, N_STATES) || no_memory(error);
    for (size_t i = 0; i < N_STATES; i++)
        if (strcmp(state_names[i], word) == 0)
            return add_states(states, i, i + 1) || no_memory(error);
    return error_set(error, ERROR_INVALID,
                     "--state: '%s' is none of held, queued, starting, running, paused, stopping, "
                     "done, failed, cancelled, active, ended",
                     word);
}

bool selection_parse(const char *const *text, size_t n, const char *fallback, const char *state,
                     struct selection *ret, struct error *error)
{
    scoped(selection_release) struct selection selection = {.select = cJSON_CreateObject()};

    if (!selection.select)
        return no_memory(error);
    for (size_t i = 0; i < n; i++)
        if (!each_word(text[i], &selection, parse_word, error))
            return false;
    if (!selection.select->child && !selection.last && fallback &&
        !parse_word(fallback, &selection, error))
        return false;
    if (!selection.select->child && !selection.last)
        return error_set(error, ERROR_INVALID, "which experiments? 12, 3-9, last, all or batch:4");
    if (state && !each_word(state, &selection, parse_state, error))
        return false;
    ret->select = take(&selection.select);
    ret->last = selection.last;
    return true;
}

bool select_page(struct client *client, const cJSON *select, const char *states, int64_t offset,
                 int64_t limit, cJSON **ret_list, struct error *error)
{
    scoped(selection_release) struct selection copy = {.select = cJSON_Duplicate(select, true)};
    scoped(json_free) cJSON *params = NULL;

    if (!copy.select)
        return no_memory(error);
    if (states) {
        cJSON_DeleteItemFromObjectCaseSensitive(copy.select, "state");
        if (!each_word(states, &copy, parse_state, error))
            return false;
    }
    if (!client_select(&copy.select, &params, error))
        return false;
    if (!json_add_integer(params, "limit", limit) || !json_add_integer(params, "offset", offset))
        return no_memory(error);
    return client_call(client, "list", &params, ret_list, error);
}

/* The row of the experiment that was submitted last; NOT_FOUND where there never was one. */
static bool last_row(struct client *client, cJSON **ret_list, const cJSON **ret_row,
                     struct error *error)
{
    scoped(json_free) cJSON *select = cJSON_CreateObject();
    const cJSON *row;

    if (!select || !json_add_boolean(select, "last", true))
        return no_memory(error);
    if (!select_page(client, select, NULL, 0, 1, ret_list, error))
        return false;
    row = json_member(*ret_list, "experiments");
    row = row ? row->child : NULL;
    if (!row)
        return error_set(error, ERROR_NOT_FOUND, "there is no experiment yet");
    *ret_row = row;
    return true;
}

/* Asks the daemon which batch the last one is, where that matters. */
static bool resolve(struct client *client, struct selection *selection, cJSON **ret_select,
                    struct error *error)
{
    scoped(json_free) cJSON *list = NULL;
    const cJSON *row;

    if (selection->last && (!last_row(client, &list, &row, error) ||
                            !add_batch(selection->select, json_integer(row, "batch", 0), error)))
        return false;
    *ret_select = take(&selection->select);
    return true;
}

bool select_of_arguments(struct client *client, const char *fallback, cJSON **ret_select,
                         struct error *error)
{
    scoped(selection_release) struct selection selection = {0};

    return selection_parse(client->arguments.argument, client->arguments.n_arguments, fallback,
                           arguments_text(&client->arguments, "state", NULL), &selection, error) &&
           resolve(client, &selection, ret_select, error);
}

bool select_rows(struct client *client, const cJSON *select, cJSON **ret_list, struct error *error)
{
    scoped(json_free) cJSON *whole = NULL;
    cJSON *rows, *more, *row;
    int n = 0;

    if (!select_page(client, select, NULL, 0, PAGE, &whole, error))
        return false;
    rows = cJSON_GetObjectItemCaseSensitive(whole, "experiments");
    if (!cJSON_IsArray(rows))
        return error_set(error, ERROR_CORRUPT, "the daemon's list has no experiments");
    for (int page = n = cJSON_GetArraySize(rows); page == PAGE; n += page) {
        scoped(json_free) cJSON *next = NULL;

        if (!select_page(client, select, NULL, n, PAGE, &next, error))
            return false;
        more = cJSON_GetObjectItemCaseSensitive(next, "experiments");
        page = cJSON_GetArraySize(more);
        while ((row = cJSON_DetachItemFromArray(more, 0)))
            cJSON_AddItemToArray(rows, row);
    }
    *ret_list = take(&whole);
    return true;
}

static int compare_ids(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

bool select_ids(struct client *client, const char *fallback, struct id_list *ret,
                struct error *error)
{
    scoped(json_free) cJSON *select = NULL, *list = NULL;
    const cJSON *rows, *row;
    struct id_list ids = {0};

    if (!select_of_arguments(client, fallback, &select, error) ||
        !select_rows(client, select, &list, error))
        return false;
    rows = json_member(list, "experiments");
    if (cJSON_GetArraySize(rows) == 0)
        return error_set(error, ERROR_NOT_FOUND, "no such experiment");
    ids.item = calloc((size_t)cJSON_GetArraySize(rows), sizeof(*ids.item));
    if (!ids.item)
        return no_memory(error);
    cJSON_ArrayForEach(row, rows) ids.item[ids.n++] = json_integer(row, "id", 0);
    qsort(ids.item, ids.n, sizeof(*ids.item), compare_ids);
    *ret = ids;
    return true;
}

static bool add_word(struct client *client, const char *word, cJSON *words, struct error *error)
{
    scoped(selection_release) struct selection selection = {0};
    scoped(json_free) cJSON *list = NULL;
    char batch[32];
    const cJSON *row;

    if (!selection_parse(&word, 1, NULL, NULL, &selection, error))
        return false;
    if (selection.last) {
        if (!last_row(client, &list, &row, error))
            return false;
        snprintf(batch, sizeof(batch), "batch:%lld", (long long)json_integer(row, "batch", 0));
        word = batch;
    }
    return cJSON_AddItemToArray(words, cJSON_CreateString(word)) || no_memory(error);
}

bool select_words(struct client *client, const char *text, cJSON **ret_words, struct error *error)
{
    scoped(json_free) cJSON *words = cJSON_CreateArray();
    scoped(memory_free) char *copy = strdup(text);
    char *state = NULL;

    if (!words || !copy)
        return no_memory(error);
    for (char *word = strtok_r(copy, ",", &state); word; word = strtok_r(NULL, ",", &state))
        if (!add_word(client, word, words, error))
            return false;
    if (cJSON_GetArraySize(words) == 0)
        return bad_id(text, error);
    *ret_words = take(&words);
    return true;
}

bool select_single(struct client *client, int64_t *ret_id, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    const char *text = arguments->n_arguments ? arguments->argument[0] : "last";
    const char *at = text;
    scoped(json_free) cJSON *list = NULL;
    const cJSON *row;

    if (strcmp(text, "last") == 0) {
        if (!last_row(client, &list, &row, error))
            return false;
        *ret_id = json_integer(row, "id", 0);
        return true;
    }
    if (!parse_id(&at, ret_id) || *at)
        return error_set(error, ERROR_INVALID, "'%s' is not one experiment; give an id or last",
                         text);
    return true;
}
