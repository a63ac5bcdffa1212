/*
 * All messages are made before the first one is sent, so that they can be sent again. A batch in
 * parts: submit.begin with the submission and the first experiments, submit.add with the next ones
 * as often as needed, submit.commit.
 */
#include "client/submission_send.h"

#include "common/owner.h"
#include "common/wire.h"

#include <stdlib.h>

#define PART_SIZE ((size_t)256 * 1024) /* bytes of experiments in a message, about */

struct message {
    int64_t id;
    struct buffer text;
};

struct messages {
    struct client *client; /* borrowed */
    struct message *item;  /* owned */
    size_t n;
};

static void messages_release(struct messages *messages)
{
    for (size_t i = 0; i < messages->n; i++)
        buffer_release(&messages->item[i].text);
    free(messages->item);
}

/* Takes *params. */
static bool add_message(struct messages *messages, const char *method, cJSON **params,
                        struct error *error)
{
    struct message *item = realloc(messages->item, (messages->n + 1) * sizeof(*item));
    struct message *message;

    if (!item) {
        json_free(params);
        return error_set(error, ERROR_NO_MEMORY, "preparing the submission");
    }
    messages->item = item;
    message = &item[messages->n++];
    *message = (struct message){.id = ++messages->client->last_id};
    if (wire_request(&message->text, message->id, method, params, error))
        return true;
    if (error->kind != ERROR_INVALID)
        return false;
    return error_set(error, ERROR_INVALID,
                     "this submission is too long, environment included: one message holds 1 MiB, "
                     "and one experiment has to fit into it");
}

/* ---- parts ---- */

/* The list of deltas; *ret_owner is what it is a member of. */
static cJSON *find_list(cJSON *params, cJSON **ret_owner)
{
    cJSON *base = cJSON_GetObjectItemCaseSensitive(params, "base");
    cJSON *list = cJSON_GetObjectItemCaseSensitive(base, "experiments");

    *ret_owner = list ? base : params;
    return list ? list : cJSON_GetObjectItemCaseSensitive(params, "experiments");
}

static bool size_of(const cJSON *json, struct buffer *scratch, size_t *ret_size,
                    struct error *error)
{
    buffer_clear(scratch);
    if (!json_print(json, scratch, error))
        return false;
    *ret_size = scratch->size;
    return true;
}

/* {"experiments": the first of the list}, moved out of it. */
static bool cut_part(cJSON *list, struct buffer *scratch, cJSON **ret_part, struct error *error)
{
    scoped(json_free) cJSON *part = cJSON_CreateObject();
    cJSON *experiments = part ? json_add_array(part, "experiments") : NULL;
    size_t total = 0, size;

    if (!experiments)
        return error_set(error, ERROR_NO_MEMORY, "preparing the submission");
    while (list->child && total < PART_SIZE) {
        if (!size_of(list->child, scratch, &size, error))
            return false;
        total += size;
        cJSON_AddItemToArray(experiments, cJSON_DetachItemFromArray(list, 0));
    }
    *ret_part = take(&part);
    return true;
}

static bool add_parts(struct messages *messages, cJSON **params, cJSON *list, struct error *error)
{
    scoped(buffer_release) struct buffer scratch = {0};
    scoped(json_free) cJSON *part = NULL;
    cJSON *commit = NULL, *first;

    if (!cut_part(list, &scratch, &part, error))
        return false;
    first = cJSON_DetachItemFromObjectCaseSensitive(part, "experiments");
    if (!json_add_item(*params, "experiments", &first))
        return error_set(error, ERROR_NO_MEMORY, "preparing the submission");
    if (!add_message(messages, "submit.begin", params, error))
        return false;
    while (list->child) {
        json_free(&part);
        if (!cut_part(list, &scratch, &part, error) ||
            !add_message(messages, "submit.add", &part, error))
            return false;
    }
    return add_message(messages, "submit.commit", &commit, error);
}

static bool make_messages(struct messages *messages, cJSON **params, struct error *error)
{
    scoped(buffer_release) struct buffer scratch = {0};
    scoped(json_free) cJSON *list = NULL;
    cJSON *owner, *found = find_list(*params, &owner);
    size_t size = 0;

    if (found && !size_of(found, &scratch, &size, error))
        return false;
    if (size <= PART_SIZE)
        return add_message(messages, "submit", params, error);
    list = cJSON_DetachItemViaPointer(owner, found);
    return add_parts(messages, params, list, error);
}

/* ---- sending ---- */

static bool send_all(const struct messages *messages, cJSON **ret_reply, struct error *error)
{
    for (size_t i = 0; i < messages->n; i++) {
        json_free(ret_reply);
        if (!client_ask(messages->client, &messages->item[i].text, messages->item[i].id, ret_reply,
                        error))
            return false;
    }
    return true;
}

bool submission_send(struct client *client, cJSON **params, cJSON **ret_reply, struct error *error)
{
    scoped(messages_release) struct messages messages = {.client = client};
    bool made = make_messages(&messages, params, error);

    json_free(params);
    if (!made)
        return false;
    if (send_all(&messages, ret_reply, error))
        return true;
    if (error->kind != ERROR_UNREACHABLE || !client->connection)
        return false;
    connection_free(&client->connection);
    return send_all(&messages, ret_reply, error);
}
