/* Notes of people; what may be cleaned. */
#include "common/owner.h"
#include "daemon/store/internal.h"
#include "daemon/store/report.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define NOTE_LIMIT (16 * 1024)
#define OLDEST_S 1e10

/* ---- notes ---- */

static bool add_note(sqlite3_stmt *row, void *context, struct error *error)
{
    cJSON *list = context, *item = cJSON_CreateObject();

    return (item && cJSON_AddItemToArray(list, item) && column_add_time(row, 0, item, "time") &&
            json_add_text(item, "text", column_text(row, 1))) ||
           store_no_memory(error);
}

bool store_add_notes(struct store *store, int64_t experiment, cJSON *list, struct error *error)
{
    return store_each(store, error, add_note, list,
                      "SELECT created_ms, text FROM note WHERE experiment = ? ORDER BY id",
                      BIND(INT(experiment)));
}

bool store_batch_notes(struct store *store, int64_t batch, cJSON *list, struct error *error)
{
    return store_each(store, error, add_note, list,
                      "SELECT created_ms, text FROM note WHERE batch = ? ORDER BY id",
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
                         BIND(INT(experiment), INT(batch), INT(now_ms), TEXT(text)));
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
