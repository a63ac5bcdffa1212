/* Notes of people; what may be cleaned. */
#include "common/owner.h"
#include "common/spec/spec.h"
#include "daemon/store/internal.h"
#include "daemon/store/report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NOTE_LIMIT (16 * 1024)
#define LINKS_LIMIT 100 /* of one note */
#define OLDEST_S 1e10

/* ---- notes ---- */

/* What the note points at: [{id or batch}]; NULL where it points at nothing. */
#define LINKS_OF_NOTE                                                                            \
    "(SELECT nullif(json_group_array(json_object(iif(kind, 'batch', 'id'), target)), '[]') FROM" \
    " (SELECT kind, target FROM link WHERE note = note.id ORDER BY kind, target))"

static bool add_note(sqlite3_stmt *row, void *context, struct error *error)
{
    scoped(json_free) cJSON *links = NULL;
    cJSON *list = context, *item = cJSON_CreateObject();

    if (!item || !cJSON_AddItemToArray(list, item))
        return store_no_memory(error);
    if (!column_json(row, 2, &links, error))
        return false;
    return (column_add_time(row, 0, item, "time") &&
            json_add_text(item, "text", column_text(row, 1)) &&
            (!links || json_add_item(item, "links", &links))) ||
           store_no_memory(error);
}

bool store_add_notes(struct store *store, int64_t experiment, cJSON *list, struct error *error)
{
    return store_each(store, error, add_note, list,
                      "SELECT created_ms, text, " LINKS_OF_NOTE
                      " FROM note WHERE experiment = ? ORDER BY id",
                      BIND(INT(experiment)));
}

bool store_batch_notes(struct store *store, int64_t batch, cJSON *list, struct error *error)
{
    return store_each(store, error, add_note, list,
                      "SELECT created_ms, text, " LINKS_OF_NOTE
                      " FROM note WHERE batch = ? ORDER BY id",
                      BIND(INT(batch)));
}

/* When the day began, where we are. */
static int64_t midnight_ms(int64_t now_ms)
{
    time_t now = (time_t)(now_ms / 1000);
    struct tm day;

    if (!localtime_r(&now, &day))
        return now_ms;
    day.tm_hour = day.tm_min = day.tm_sec = 0;
    day.tm_isdst = -1;
    return (int64_t)mktime(&day) * 1000;
}

/* Notes of today that begin with the same word, this one too. Of uploads some may be made a day. */
static bool count_today(struct store *store, const char *text, int64_t per_day, int64_t now_ms,
                        int64_t *ret_today, struct error *error)
{
    size_t size = strcspn(text, " ");
    char word[64];

    if (size >= sizeof(word))
        return error_set_at(error, ERROR_INVALID, "text",
                            "its first word, which is counted, is longer than %zu bytes",
                            sizeof(word) - 1);
    (void)snprintf(word, sizeof(word), "%.*s", (int)size, text);
    if (!store_integer(store, 0, ret_today, error,
                       "SELECT count(*) FROM note WHERE created_ms >= ?1 AND (text = ?2"
                       " OR substr(text, 1, length(?2) + 1) = ?2 || ' ')",
                       BIND(INT(midnight_ms(now_ms)), TEXT(word))))
        return false;
    if (*ret_today >= per_day)
        return error_set_at(error, ERROR_INVALID, "per_day",
                            "%lld of %lld '%s' are of today already", (long long)*ret_today,
                            (long long)per_day, word);
    ++*ret_today;
    return true;
}

static bool add_link(struct store *store, int64_t note, bool batch, int64_t target,
                     struct error *error)
{
    bool ended, ok;

    return store_is_ended(store, batch, target, &ended, &ok, error) &&
           store_execute(store, error,
                         "INSERT INTO link VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
                         BIND(INT(note), INT(batch), INT(target)));
}

static bool add_links(struct store *store, const cJSON *list, struct error *error)
{
    int64_t note = store_last_id(store), n = 0;
    const cJSON *item;

    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_GetStringValue(item);
        struct spec_reference reference = {0};

        if (!text || !spec_reference_parse(text, &reference) || reference.last)
            return error_set_at(error, ERROR_INVALID, "links", "expected ids: 12, 3-9, batch:4");
        n += reference.last_id - reference.first + 1;
        if (n > LINKS_LIMIT)
            return error_set_at(error, ERROR_INVALID, "links",
                                "more than %d; a whole batch is one: batch:4", LINKS_LIMIT);
        for (int64_t id = reference.first; id <= reference.last_id; id++) {
            if (!add_link(store, note, reference.batch, id, error))
                return false;
        }
    }
    return true;
}

bool store_note(struct store *store, const cJSON *params, int64_t now_ms, int64_t *ret_today,
                struct error *error)
{
    int64_t per_day = json_integer(params, "per_day", 0);
    int64_t experiment = json_integer(params, "id", 0), batch = json_integer(params, "batch", 0);
    const char *text = json_text(params, "text", NULL);
    bool ended, ok;

    if (!text || !*text)
        return error_set_at(error, ERROR_INVALID, "text", "the note is empty");
    if (strlen(text) > NOTE_LIMIT)
        return error_set_at(error, ERROR_INVALID, "text", "longer than %d bytes", NOTE_LIMIT);
    if (!experiment == !batch)
        return error_set_at(error, ERROR_INVALID, "id", "a note is of an experiment or of a batch");
    *ret_today = 0;
    if (per_day > 0 && !count_today(store, text, per_day, now_ms, ret_today, error))
        return false;
    return store_is_ended(store, batch ? 1 : 0, batch ? batch : experiment, &ended, &ok, error) &&
           store_execute(store, error,
                         "INSERT INTO note (experiment, batch, created_ms, text)"
                         " VALUES (nullif(?1, 0), nullif(?2, 0), ?3, ?4)",
                         BIND(INT(experiment), INT(batch), INT(now_ms), TEXT(text))) &&
           add_links(store, json_member(params, "links"), error);
}

/* ---- cleaning ---- */

static bool is_cleanable(struct store *store, int64_t experiment, int64_t ended_before_ms,
                         bool *ret_cleanable, struct error *error)
{
    int64_t n;

    if (!store_integer(
            store, 0, &n, error,
            "SELECT count(*) FROM experiment WHERE id = ?1 AND state IN (5, 6, 7) AND run > 0"
            " AND cleaned = 0 AND ended_ms <= ?2",
            BIND(INT(experiment), INT(ended_before_ms))))
        return false;
    *ret_cleanable = n > 0;
    return true;
}

bool store_cleanable(struct store *store, const cJSON *params, int64_t now_ms,
                     struct store_ids *ret_ids, struct error *error)
{
    scoped(store_ids_release) struct store_ids ids = {0};
    double older_s = json_number(params, "older_s", 0);
    int64_t before_ms;
    size_t n = 0;

    if (!(older_s >= 0 && older_s <= OLDEST_S))
        return error_set_at(error, ERROR_INVALID, "older_s", "%g is outside [0, %g]", older_s,
                            OLDEST_S);
    before_ms = now_ms - (int64_t)(older_s * 1000);
    if (!store_select(store, json_member(params, "select"), &ids, error))
        return false;
    for (size_t i = 0; i < ids.n; i++) {
        bool cleanable;

        if (!is_cleanable(store, ids.item[i], before_ms, &cleanable, error))
            return false;
        if (cleanable)
            ids.item[n++] = ids.item[i];
    }
    ids.n = n;
    *ret_ids = ids;
    ids = (struct store_ids){0};
    return true;
}

bool store_set_cleaned(struct store *store, int64_t experiment, struct error *error)
{
    return store_execute(store, error,
                         "UPDATE experiment SET cleaned = 1 WHERE id = ? AND state IN (5, 6, 7)",
                         BIND(INT(experiment)));
}
