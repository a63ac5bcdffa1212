/* `search`: batches by what was asked, expected, noted and learnt, each with its outcome. */
#include "daemon/report/report.h"

#include "common/owner.h"
#include "daemon/report/outcome.h"

#include <string.h>

#define WORDS_LIMIT 16
#define WORD_SIZE_LIMIT 200
#define BATCHES_DEFAULT 20
#define BATCHES_LIMIT 100

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "searching");
}

static bool check_words(const cJSON *words, struct error *error)
{
    const cJSON *word;

    if (!cJSON_IsArray(words) || !words->child)
        return error_set_at(error, ERROR_INVALID, "words", "expected a list of texts to look for");
    if (cJSON_GetArraySize(words) > WORDS_LIMIT)
        return error_set_at(error, ERROR_INVALID, "words", "more than %d words", WORDS_LIMIT);
    cJSON_ArrayForEach(word, words)
    {
        if (!cJSON_IsString(word) || !*word->valuestring)
            return error_set_at(error, ERROR_INVALID, "words", "a word is empty");
        if (strlen(word->valuestring) > WORD_SIZE_LIMIT)
            return error_set_at(error, ERROR_INVALID, "words", "a word is longer than %d bytes",
                                WORD_SIZE_LIMIT);
    }
    return true;
}

/* A hit of the store with what its batch asked and what came of it. */
static bool add_batch(struct store *store, cJSON *hit, cJSON *list, struct error *error)
{
    scoped(store_batch_head_release) struct store_batch_head head = {0};
    scoped(summary_release) struct summary summary = {0};
    cJSON *batch = cJSON_CreateObject(), *links;
    cJSON *matches = cJSON_DetachItemFromObjectCaseSensitive(hit, "matches");

    if (!batch || !cJSON_AddItemToArray(list, batch) ||
        !json_add_item(batch, "matches", &matches) || !(links = json_add_array(batch, "links"))) {
        json_free(&matches);
        return no_memory(error);
    }
    return store_batch_head(store, json_integer(hit, "batch", 0), &head, error) &&
           summary_make(store, &head, NULL, &summary, error) &&
           outcome_add_head(store, &head, &summary, batch, error) &&
           outcome_add_best(batch, "best", &summary, OUTCOME_UNMARKED, error) &&
           outcome_add_best(batch, "marked", &summary, OUTCOME_MARKED, error) &&
           store_links(store, &head, links, error);
}

bool report_search(struct store *store, const cJSON *params, cJSON **ret_reply, struct error *error)
{
    scoped(json_free) cJSON *reply = cJSON_CreateObject(), *hits = cJSON_CreateArray();
    cJSON *list = reply ? json_add_array(reply, "batches") : NULL, *hit;
    const cJSON *words = json_member(params, "words");
    int64_t limit = json_integer(params, "limit", BATCHES_DEFAULT), n = 0;

    if (!list || !hits)
        return no_memory(error);
    if (!check_words(words, error))
        return false;
    if (limit < 1 || limit > BATCHES_LIMIT)
        return error_set_at(error, ERROR_INVALID, "limit", "%lld is outside [1, %d]",
                            (long long)limit, BATCHES_LIMIT);
    if (!store_search(store, words, limit + 1, hits, error))
        return false;
    cJSON_ArrayForEach(hit, hits)
    {
        if (n++ < limit && !add_batch(store, hit, list, error))
            return false;
    }
    if (!json_add_boolean(reply, "more", n > limit))
        return no_memory(error);
    *ret_reply = take(&reply);
    return true;
}
