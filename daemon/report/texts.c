#include "daemon/report/texts.h"

#include "common/alike.h"
#include "common/hash.h"
#include "common/owner.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define IDS_LIMIT 20
#define NUMBER '\xff' /* in the place of each in a pattern: no byte of UTF-8 */

struct range {
    double low, high;
    char low_text[ALIKE_NUMBER_LIMIT + 1], high_text[ALIKE_NUMBER_LIMIT + 1];
};

struct texts_kind {
    char *pattern;       /* owned */
    struct range *range; /* owned: one a number of the pattern */
    size_t n_ranges, place;
    int64_t count, last_id;
    cJSON *ids; /* owned */
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reporting");
}

static void kind_release(struct texts_kind *kind)
{
    free(kind->pattern);
    free(kind->range);
    json_free(&kind->ids);
}

void texts_release(struct texts *texts)
{
    for (size_t i = 0; i < texts->n; i++)
        kind_release(&texts->kind[i]);
    free(texts->kind);
    free(texts->slot);
    *texts = (struct texts){0};
}

/* ---- finding the kind ---- */

/* The text with NUMBER in the place of each number. */
static bool make_pattern(const char *text, char **ret_pattern, struct error *error)
{
    char *pattern = malloc(strlen(text) + 1), *end = pattern;

    if (!pattern)
        return no_memory(error);
    for (const char *at = text; *at;) {
        size_t size = alike_number_size(text, at);

        *end++ = size ? NUMBER : *at;
        at += size ? size : 1;
    }
    *end = '\0';
    *ret_pattern = pattern;
    return true;
}

static size_t slot_of(const struct texts *texts, const char *pattern)
{
    size_t i = hash_bytes(pattern, strlen(pattern)) % texts->n_slots;

    while (texts->slot[i] && strcmp(texts->kind[texts->slot[i] - 1].pattern, pattern) != 0)
        i = (i + 1) % texts->n_slots;
    return i;
}

static bool grow(struct texts *texts, struct error *error)
{
    size_t capacity = texts->capacity ? 2 * texts->capacity : 16, n_slots = 2 * capacity + 1;
    struct texts_kind *kind = realloc(texts->kind, capacity * sizeof(*kind));
    size_t *slot;

    if (!kind)
        return no_memory(error);
    texts->kind = kind;
    slot = calloc(n_slots, sizeof(*slot));
    if (!slot)
        return no_memory(error);
    free(texts->slot);
    texts->slot = slot;
    texts->n_slots = n_slots;
    texts->capacity = capacity;
    for (size_t i = 0; i < texts->n; i++)
        texts->slot[slot_of(texts, texts->kind[i].pattern)] = i + 1;
    return true;
}

/* Takes the pattern. */
static bool add_kind(struct texts *texts, char **pattern, struct error *error)
{
    struct texts_kind kind = {.ids = cJSON_CreateArray(), .place = texts->n};

    for (const char *at = *pattern; (at = strchr(at, NUMBER)); at++)
        kind.n_ranges++;
    kind.range = calloc(kind.n_ranges + 1, sizeof(*kind.range));
    if (!kind.ids || !kind.range) {
        kind_release(&kind);
        return no_memory(error);
    }
    kind.pattern = take(pattern);
    texts->slot[slot_of(texts, kind.pattern)] = texts->n + 1;
    texts->kind[texts->n++] = kind;
    return true;
}

static bool find_kind(struct texts *texts, const char *text, struct texts_kind **ret_kind,
                      struct error *error)
{
    scoped(memory_free) char *pattern = NULL;
    size_t slot;

    if ((texts->n == texts->capacity && !grow(texts, error)) ||
        !make_pattern(text, &pattern, error))
        return false;
    slot = slot_of(texts, pattern);
    if (!texts->slot[slot] && !add_kind(texts, &pattern, error))
        return false;
    *ret_kind = &texts->kind[texts->slot[slot] - 1];
    return true;
}

/* ---- adding a text ---- */

static void widen(struct range *range, const char *number, size_t size, bool first)
{
    double value = strtod(number, NULL);

    if (first || value < range->low) {
        range->low = value;
        (void)snprintf(range->low_text, sizeof(range->low_text), "%.*s", (int)size, number);
    }
    if (first || value > range->high) {
        range->high = value;
        (void)snprintf(range->high_text, sizeof(range->high_text), "%.*s", (int)size, number);
    }
}

bool texts_add(struct texts *texts, const char *text, int64_t experiment, struct error *error)
{
    struct texts_kind *kind;
    size_t i = 0;

    if (!find_kind(texts, text, &kind, error))
        return false;
    for (const char *at = text; *at;) {
        size_t size = alike_number_size(text, at);

        if (size)
            widen(&kind->range[i++], at, size, kind->count == 0);
        at += size ? size : 1;
    }
    kind->count++;
    texts->count++;
    if (kind->last_id == experiment || cJSON_GetArraySize(kind->ids) >= IDS_LIMIT)
        return true;
    kind->last_id = experiment;
    return cJSON_AddItemToArray(kind->ids, cJSON_CreateNumber((double)experiment)) ||
           no_memory(error);
}

/* ---- telling ---- */

static bool append_range(struct buffer *out, const struct range *range, struct error *error)
{
    return buffer_append_text(out, range->low_text, error) &&
           (range->low == range->high ||
            buffer_append_format(out, error, " .. %s", range->high_text));
}

static bool merged_text(const struct texts_kind *kind, struct buffer *out, struct error *error)
{
    size_t i = 0;

    for (const char *at = kind->pattern; *at; at++) {
        if (!(*at == NUMBER ? append_range(out, &kind->range[i++], error)
                            : buffer_append(out, at, 1, error)))
            return false;
    }
    return true;
}

static int most_frequent_first(const void *a, const void *b)
{
    const struct texts_kind *x = a, *y = b;

    if (x->count != y->count)
        return x->count < y->count ? 1 : -1;
    return (x->place > y->place) - (x->place < y->place);
}

/* Nothing is found after this: slots point nowhere. */
static void sort(struct texts *texts)
{
    if (texts->n)
        qsort(texts->kind, texts->n, sizeof(*texts->kind), most_frequent_first);
    texts->n_slots = 0;
}

static bool add_kind_to(const struct texts_kind *kind, const char *member, cJSON *list,
                        struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    scoped(json_free) cJSON *ids = cJSON_Duplicate(kind->ids, true);
    cJSON *object = cJSON_CreateObject();

    if (!object || !cJSON_AddItemToArray(list, object) || !ids)
        return no_memory(error);
    if (!merged_text(kind, &text, error))
        return false;
    return (json_add_text(object, member, text.data ? text.data : "") &&
            json_add_integer(object, "count", kind->count) &&
            json_add_item(object, "experiments", &ids)) ||
           no_memory(error);
}

bool texts_report(struct texts *texts, const char *name, const char *member, size_t limit,
                  cJSON *object, struct error *error)
{
    cJSON *list = json_add_array(object, name), *total;
    char total_name[64];

    if (!list)
        return no_memory(error);
    sort(texts);
    for (size_t i = 0; i < texts->n && i < limit; i++) {
        if (!add_kind_to(&texts->kind[i], member, list, error))
            return false;
    }
    (void)snprintf(total_name, sizeof(total_name), "%s_total", name);
    total = json_add_object(object, total_name);
    return (total && json_add_integer(total, "kinds", (int64_t)texts->n) &&
            json_add_integer(total, "count", texts->count)) ||
           no_memory(error);
}
