#include "daemon/request/answer.h"

#include "common/owner.h"

void request_answer_release(struct request_answer *answer)
{
    json_free(&answer->result);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "answering");
}

bool request_answer_start(struct request_answer *ret_answer, struct error *error)
{
    scoped(request_answer_release) struct request_answer answer = {.result = cJSON_CreateObject()};

    answer.changed = json_add_array(answer.result, "changed");
    answer.unchanged = json_add_array(answer.result, "unchanged");
    if (!answer.changed || !answer.unchanged)
        return no_memory(error);
    *ret_answer = answer;
    answer.result = NULL;
    return true;
}

bool request_answer_changed(struct request_answer *answer, int64_t id, struct error *error)
{
    if (answer->n_changed++ >= REQUEST_ANSWER_LIMIT)
        return true;
    cJSON *number = cJSON_CreateNumber((double)id);
    return (number && cJSON_AddItemToArray(answer->changed, number)) || no_memory(error);
}

bool request_answer_unchanged(struct request_answer *answer, int64_t id, const char *reason,
                              struct error *error)
{
    if (answer->n_unchanged++ >= REQUEST_ANSWER_LIMIT)
        return true;
    cJSON *item = cJSON_CreateObject();
    if (json_add_integer(item, "id", id) && json_add_text(item, "reason", reason) &&
        cJSON_AddItemToArray(answer->unchanged, item))
        return true;
    cJSON_Delete(item);
    return no_memory(error);
}

bool request_answer_end(struct request_answer *answer, cJSON **ret_result, struct error *error)
{
    if ((answer->n_changed > REQUEST_ANSWER_LIMIT || answer->n_unchanged > REQUEST_ANSWER_LIMIT) &&
        (!json_add_integer(answer->result, "n_changed", answer->n_changed) ||
         !json_add_integer(answer->result, "n_unchanged", answer->n_unchanged)))
        return no_memory(error);
    *ret_result = take(&answer->result);
    return true;
}
