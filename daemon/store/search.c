/*
 * The queue as a journal: batches by the words of what was asked, expected, noted and learnt. Words
 * are looked for as parts of texts, in capitals or not, in the letters of any script.
 */
#include "common/owner.h"
#include "daemon/store/internal.h"
#include "daemon/store/report.h"

#include <limits.h>
#include <locale.h>
#include <string.h>
#include <wchar.h>
#include <wctype.h>

#define MATCHES_SHOWN 50 /* of one batch */
#define LINKS_SHOWN 50

/* ---- letters ---- */

/* In small letters, cut at `size`. What is no UTF-8 stays as it is. */
static void fold(const char *text, locale_t locale, char *to, size_t size)
{
    size_t left = strlen(text);
    mbstate_t read = {0};
    char *end = to + size - MB_LEN_MAX - 1;

    while (left > 0 && to < end) {
        mbstate_t written = {0};
        wchar_t letter;
        size_t n = mbrtowc(&letter, text, left, &read), made;

        if (n == 0 || n > left) { /* no character begins here */
            read = (mbstate_t){0};
            *to++ = *text;
            n = 1;
        } else {
            made = wcrtomb(to, (wchar_t)towlower_l((wint_t)letter, locale), &written);
            to += made == (size_t)-1 ? 0 : made;
        }
        text += n;
        left -= n;
    }
    *to = '\0';
}

/* folded(text) of SQL. A letter may grow by folding, by less than what it had. */
static void folded(sqlite3_context *context, int n, sqlite3_value **value)
{
    const char *text = (const char *)sqlite3_value_text(value[0]);
    size_t size = 2 * (size_t)sqlite3_value_bytes(value[0]) + MB_LEN_MAX + 2;
    locale_t locale = sqlite3_user_data(context), before;
    char *to;

    (void)n;
    if (!text)
        return;
    to = sqlite3_malloc64(size);
    if (!to) {
        sqlite3_result_error_nomem(context);
        return;
    }
    before = uselocale(locale);
    fold(text, locale, to, size);
    (void)uselocale(before);
    sqlite3_result_text(context, to, -1, sqlite3_free);
}

static void free_locale(void *locale)
{
    freelocale(locale);
}

/* Once a connection. Where the system has no such locale, letters beyond ASCII stay as they are. */
static bool offer_folded(struct store *store, struct error *error)
{
    locale_t locale;
    int code;

    if (store->folds)
        return true;
    locale = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    if (!locale)
        locale = newlocale(LC_CTYPE_MASK, "C", (locale_t)0);
    if (!locale)
        return store_no_memory(error);
    /* SQLite frees the locale, where it fails too. */
    code = sqlite3_create_function_v2(store->database, "folded", 1,
                                      SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY,
                                      locale, folded, NULL, NULL, free_locale);
    if (code != SQLITE_OK)
        return store_fail(store, code, error);
    store->folds = true;
    return true;
}

/* ---- what matched ---- */

static const char *const places[] = {"name",    "tag",     "question", "expectation",
                                     "outcome", "outcome", "note"};

struct search {
    cJSON *hits; /* borrowed */
    cJSON *hit;  /* borrowed: the latest of them */
};

static bool add_hit(struct search *search, int64_t batch, struct error *error)
{
    search->hit = cJSON_CreateObject();
    return (search->hit && cJSON_AddItemToArray(search->hits, search->hit) &&
            json_add_integer(search->hit, "batch", batch) &&
            json_add_array(search->hit, "matches")) ||
           store_no_memory(error);
}

static bool add_match(sqlite3_stmt *row, void *context, struct error *error)
{
    struct search *search = context;
    int64_t batch = column_int(row, 0);
    cJSON *match;

    if (json_integer(search->hit, "batch", 0) != batch && !add_hit(search, batch, error))
        return false;
    match = cJSON_CreateObject();
    return (match &&
            cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(search->hit, "matches"), match) &&
            json_add_text(match, "where", places[column_int(row, 1)]) &&
            json_add_text(match, "text", column_text(row, 4)) &&
            (column_null(row, 2) || (json_add_integer(match, "experiment", column_int(row, 2)) &&
                                     json_add_integer(match, "count", column_int(row, 3))))) ||
           store_no_memory(error);
}

/* Every text with the batch that it is of, its place (of `places`), and its experiment. A name that
 * only counts (vowels/3), and the message that the breaker wrote to all of a batch, are the
 * batch's. */
#define TEXTS                                                                                    \
    "SELECT id AS batch, 0 AS place, NULL AS experiment, name AS text FROM batch"                \
    " UNION ALL SELECT b.id, 1, NULL, t.value FROM batch AS b, json_each(b.base, '$.tags') AS t" \
    " UNION ALL SELECT id, 2, NULL, question FROM batch"                                         \
    " UNION ALL SELECT id, 3, NULL, expectation FROM batch"                                      \
    " UNION ALL SELECT id, 4, NULL, broken FROM batch"                                           \
    " UNION ALL SELECT e.batch, 0, e.id, e.name FROM experiment AS e"                            \
    " JOIN batch AS b ON b.id = e.batch"                                                         \
    " WHERE e.name <> b.name AND substr(e.name, 1, length(b.name) + 1) <> b.name || '/'"         \
    " UNION ALL SELECT e.batch, 5, e.id, e.message FROM experiment AS e"                         \
    " JOIN batch AS b ON b.id = e.batch WHERE e.message IS NOT b.broken"                         \
    " UNION ALL SELECT coalesce(n.batch, e.batch), 6, n.experiment, n.text FROM note AS n"       \
    " LEFT JOIN experiment AS e ON e.id = n.experiment"

bool store_search(struct store *store, const cJSON *words, int64_t limit, cJSON *hits,
                  struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    struct search search = {.hits = hits};

    if (!offer_folded(store, error) || !json_print(words, &text, error))
        return false;
    return store_each(
        store, error, add_match, &search,
        "WITH word AS (SELECT key, folded(value) AS word FROM json_each(?1)),"
        " found AS MATERIALIZED (SELECT batch, place, min(experiment) AS experiment,"
        " count(*) AS n, text, key FROM (" TEXTS ") JOIN word ON instr(folded(text), word)"
        " GROUP BY batch, place, text, key),"
        " hit AS (SELECT batch FROM found GROUP BY batch HAVING count(DISTINCT key) = ?2"
        " ORDER BY batch DESC LIMIT ?3)"
        " SELECT * FROM (SELECT batch, place, experiment, n, text, row_number() OVER"
        " (PARTITION BY batch ORDER BY place, experiment) AS nth FROM"
        " (SELECT DISTINCT batch, place, experiment, n, text FROM found JOIN hit USING (batch)))"
        " WHERE nth <= ?4 ORDER BY batch DESC, nth",
        BIND(TEXT(text.data), INT(cJSON_GetArraySize(words)), INT(limit), INT(MATCHES_SHOWN)));
}

/* ---- what belongs together ---- */

static bool add_link(sqlite3_stmt *row, void *context, struct error *error)
{
    cJSON *list = context, *item = cJSON_CreateObject();

    return (item && cJSON_AddItemToArray(list, item) &&
            json_add_integer(item, column_int(row, 0) ? "batch" : "id", column_int(row, 1)) &&
            json_add_text(item, "by", column_text(row, 2))) ||
           store_no_memory(error);
}

bool store_links(struct store *store, const struct store_batch_head *head, cJSON *list,
                 struct error *error)
{
    return store_each(
        store, error, add_link, list,
        "SELECT DISTINCT * FROM ("
        "SELECT l.kind AS kind, l.target AS id, 'note' AS by FROM note AS n JOIN link AS l ON "
        "l.note = n.id"
        " WHERE n.batch = ?1 OR n.experiment BETWEEN ?2 AND ?3"
        " UNION ALL SELECT n.batch IS NOT NULL, coalesce(n.batch, n.experiment), 'noted'"
        " FROM link AS l JOIN note AS n ON n.id = l.note WHERE (l.kind = 1 AND l.target = ?1)"
        " OR (l.kind = 0 AND l.target BETWEEN ?2 AND ?3)"
        " UNION ALL SELECT kind, needs, 'after' FROM dependency"
        " WHERE experiment BETWEEN ?2 AND ?3"
        " UNION ALL SELECT 0, experiment, 'before' FROM dependency"
        " WHERE (kind = 1 AND needs = ?1) OR (kind = 0 AND needs BETWEEN ?2 AND ?3))"
        " WHERE NOT (CASE kind WHEN 1 THEN id = ?1 ELSE id BETWEEN ?2 AND ?3 END)"
        " ORDER BY by DESC, kind, id LIMIT ?4",
        BIND(INT(head->id), INT(head->first), INT(head->last), INT(LINKS_SHOWN)));
}
