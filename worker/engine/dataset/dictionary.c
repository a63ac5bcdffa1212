#include "worker/engine/dataset/dictionary.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/owner.h"
#include "worker/engine/dataset/number.h"

#define DICTIONARY_LIMIT (INT32_MAX / 2)

void dictionary_release(struct dictionary *dictionary)
{
    for (int32_t i = 0; i < dictionary->n; i++)
        free(dictionary->text[i]);
    free(dictionary->text);
    free(dictionary->slot);
    *dictionary = (struct dictionary){0};
}

/* The slot that holds the text, or the free one where it belongs. */
static uint32_t find_slot(const struct dictionary *dictionary, const char *text, size_t size)
{
    uint32_t mask = dictionary->n_slots - 1;
    uint32_t at = (uint32_t)hash_bytes(text, size) & mask;

    for (;; at = (at + 1) & mask) {
        int32_t code = dictionary->slot[at];

        if (code < 0 || (strncmp(dictionary->text[code], text, size) == 0 &&
                         dictionary->text[code][size] == '\0'))
            return at;
    }
}

int32_t dictionary_find(const struct dictionary *dictionary, const char *text, size_t size)
{
    if (dictionary->n_slots == 0)
        return -1;
    return dictionary->slot[find_slot(dictionary, text, size)];
}

static bool make_slots(struct dictionary *dictionary, uint32_t n_slots)
{
    int32_t *slot = malloc(n_slots * sizeof(*slot));

    if (!slot)
        return false;
    memset(slot, -1, n_slots * sizeof(*slot));
    free(dictionary->slot);
    dictionary->slot = slot;
    dictionary->n_slots = n_slots;
    dictionary->n_alike = 0;
    for (int32_t i = 0; i < dictionary->n; i++) {
        uint32_t at = find_slot(dictionary, dictionary->text[i], strlen(dictionary->text[i]));

        dictionary->n_alike += slot[at] >= 0;
        slot[at] = slot[at] >= 0 ? slot[at] : i;
    }
    return true;
}

static bool make_room(struct dictionary *dictionary)
{
    if (dictionary->n == dictionary->capacity) {
        int32_t capacity = dictionary->capacity * 2 + 16;
        char **text = realloc(dictionary->text, (size_t)capacity * sizeof(*text));

        if (!text)
            return false;
        dictionary->text = text;
        dictionary->capacity = capacity;
    }
    if ((uint32_t)dictionary->n * 2 >= dictionary->n_slots)
        return make_slots(dictionary, dictionary->n_slots ? dictionary->n_slots * 2 : 32);
    return true;
}

bool dictionary_add(struct dictionary *dictionary, const char *text, size_t size, int32_t *ret_code,
                    struct error *error)
{
    int32_t code = dictionary_find(dictionary, text, size);

    if (code < 0) {
        char *copy;

        if (dictionary->n >= DICTIONARY_LIMIT)
            return error_set(error, ERROR_INVALID, "more than %d distinct texts", DICTIONARY_LIMIT);
        copy = make_room(dictionary) ? strndup(text, size) : NULL;
        if (!copy)
            return error_set(error, ERROR_NO_MEMORY, "collecting distinct texts");
        code = dictionary->n;
        dictionary->slot[find_slot(dictionary, text, size)] = code;
        dictionary->text[dictionary->n++] = copy;
    }
    *ret_code = code;
    return true;
}

/* ---- texts of several columns -----------------------------------------------------------------*/

bool dictionary_show_parts(char *text)
{
    bool any = false;

    for (; *text; text++)
        if (*text == DICTIONARY_PART_END[0]) {
            *text = '/';
            any = true;
        }
    return any;
}

bool dictionary_show(struct dictionary *dictionary, struct error *error)
{
    bool any = false;

    for (int32_t i = 0; i < dictionary->n; i++)
        any = dictionary_show_parts(dictionary->text[i]) || any;
    return !any || make_slots(dictionary, dictionary->n_slots) ||
           error_set(error, ERROR_NO_MEMORY, "naming texts of several columns");
}

bool dictionary_has_alike(const struct dictionary *dictionary, int32_t code)
{
    const char *text = dictionary->text[code];

    for (int32_t i = 0; dictionary->n_alike > 0 && i < dictionary->n; i++)
        if (i != code && strcmp(dictionary->text[i], text) == 0)
            return true;
    return false;
}

/* ---- order ------------------------------------------------------------------------------------*/

struct entry {
    char *text;
    double value;
    int32_t old;
};

static int by_value(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    if (a->value != b->value)
        return a->value < b->value ? -1 : 1;
    return strcmp(a->text, b->text);
}

static int by_bytes(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;

    return strcmp(a->text, b->text);
}

static bool is_number(const char *text, double *ret_value)
{
    int64_t integer;
    enum number_kind kind = number_parse(text, strlen(text), &integer, ret_value);

    return kind == NUMBER_INTEGER || kind == NUMBER_REAL;
}

bool dictionary_sort(struct dictionary *dictionary, int32_t **ret_new, struct error *error)
{
    size_t n = (size_t)dictionary->n;
    scoped(memory_free) struct entry *entry = calloc(n + 1, sizeof(*entry));
    scoped(memory_free) int32_t *renumbered = calloc(n + 1, sizeof(*renumbered));
    bool numbers = true;

    if (!entry || !renumbered)
        return error_set(error, ERROR_NO_MEMORY, "sorting distinct texts");
    for (size_t i = 0; i < n; i++) {
        entry[i] = (struct entry){.text = dictionary->text[i], .old = (int32_t)i};
        numbers = is_number(entry[i].text, &entry[i].value) && numbers;
    }
    qsort(entry, n, sizeof(*entry), numbers ? by_value : by_bytes);
    for (size_t i = 0; i < n; i++) {
        dictionary->text[i] = entry[i].text;
        renumbered[entry[i].old] = (int32_t)i;
    }
    for (uint32_t i = 0; i < dictionary->n_slots; i++)
        if (dictionary->slot[i] >= 0)
            dictionary->slot[i] = renumbered[dictionary->slot[i]];
    *ret_new = take(&renumbered);
    return true;
}
