#include "worker/engine/prepared/texts.h"

#include <stdlib.h>
#include <string.h>

#include "common/buffer.h"
#include "common/owner.h"

void texts_release(struct texts *texts)
{
    dictionary_release(&texts->dictionary);
    free(texts->place);
    free(texts->count);
    *texts = (struct texts){0};
}

void texts_chunk_release(struct texts_chunk *chunk)
{
    dictionary_release(&chunk->joined);
    free(chunk->joined_code);
    free(chunk->global);
    *chunk = (struct texts_chunk){0};
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "collecting texts");
}

/* ---- several columns --------------------------------------------------------------------------*/

/* Pairs of codes and their numbers: open addressing. */
struct pairs {
    uint64_t *key; /* owned, [n_slots] */
    int32_t *code; /* owned, [n_slots]; -1: free */
    uint32_t n_slots;
    int32_t n;
};

static void pairs_release(struct pairs *pairs)
{
    free(pairs->key);
    free(pairs->code);
}

static uint32_t slot_of(const struct pairs *pairs, uint64_t key)
{
    uint32_t at = (uint32_t)((key * 0x9e3779b97f4a7c15ULL) >> 32) & (pairs->n_slots - 1);

    while (pairs->code[at] >= 0 && pairs->key[at] != key)
        at = (at + 1) & (pairs->n_slots - 1);
    return at;
}

static bool grow(struct pairs *pairs)
{
    struct pairs larger = {.n_slots = pairs->n_slots ? pairs->n_slots * 2 : 64, .n = pairs->n};

    larger.key = malloc(larger.n_slots * sizeof(*larger.key));
    larger.code = malloc(larger.n_slots * sizeof(*larger.code));
    if (!larger.key || !larger.code) {
        pairs_release(&larger);
        return false;
    }
    memset(larger.code, -1, larger.n_slots * sizeof(*larger.code));
    for (uint32_t i = 0; i < pairs->n_slots; i++)
        if (pairs->code[i] >= 0) {
            uint32_t at = slot_of(&larger, pairs->key[i]);

            larger.key[at] = pairs->key[i];
            larger.code[at] = pairs->code[i];
        }
    pairs_release(pairs);
    *pairs = larger;
    return true;
}

/* code[row] becomes the number of the pair (code[row], then[row]), in order of appearance. */
static bool pair_up(int32_t *code, const int32_t *then, int64_t n)
{
    scoped(pairs_release) struct pairs pairs = {0};

    for (int64_t row = 0; row < n; row++) {
        uint64_t key = (uint64_t)(uint32_t)code[row] << 32 | (uint32_t)then[row];
        uint32_t at;

        if ((uint32_t)pairs.n * 2 >= pairs.n_slots && !grow(&pairs))
            return false;
        at = slot_of(&pairs, key);
        if (pairs.code[at] < 0) {
            pairs.key[at] = key;
            pairs.code[at] = pairs.n++;
        }
        code[row] = pairs.code[at];
    }
    return true;
}

static bool join_row(const struct texts *texts, const struct source_chunk *chunk, int64_t row,
                     struct buffer *out, struct error *error)
{
    buffer_clear(out);
    for (int64_t i = 0; i < texts->n_columns; i++) {
        const struct column *column = &chunk->column[texts->column[i]];
        int32_t code = column->code[row];

        if ((i > 0 && !buffer_append_text(out, DICTIONARY_PART_END, error)) ||
            (code >= 0 && !buffer_append_text(out, column->dictionary.text[code], error)))
            return false;
    }
    return true;
}

static bool join(const struct texts *texts, const struct source_chunk *chunk,
                 struct texts_chunk *ret, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    scoped(memory_free) int32_t *tuple = calloc((size_t)chunk->n_rows + 1, sizeof(*tuple));
    scoped(memory_free) int32_t *code_of = NULL; /* tuples whose texts are the same are one */
    int32_t n = 0;

    ret->joined_code = malloc(((size_t)chunk->n_rows + 1) * sizeof(*ret->joined_code));
    if (!tuple || !ret->joined_code)
        return no_memory(error);
    for (int64_t i = 0; i < texts->n_columns; i++)
        if (!pair_up(tuple, chunk->column[texts->column[i]].code, chunk->n_rows))
            return no_memory(error);
    code_of = malloc(((size_t)chunk->n_rows + 1) * sizeof(*code_of));
    if (!code_of)
        return no_memory(error);
    for (int64_t row = 0; row < chunk->n_rows; row++) {
        if (tuple[row] == n) { /* its first row */
            if (!join_row(texts, chunk, row, &text, error) ||
                !dictionary_add(&ret->joined, text.size ? text.data : "", text.size, &code_of[n],
                                error))
                return false;
            n++;
        }
        ret->joined_code[row] = code_of[tuple[row]];
    }
    ret->code = ret->joined_code;
    ret->dictionary = &ret->joined;
    return true;
}

bool texts_of_chunk(const struct texts *texts, const struct source_chunk *chunk,
                    struct texts_chunk *ret_chunk, struct error *error)
{
    const struct column *column = &chunk->column[texts->column[0]];

    if (texts->joined)
        return join(texts, chunk, ret_chunk, error);
    ret_chunk->code = column->code;
    ret_chunk->dictionary = &column->dictionary;
    return true;
}

/* ---- all chunks -------------------------------------------------------------------------------*/

static bool make_room(struct texts *texts, int32_t n)
{
    int32_t capacity = texts->capacity * 2 > n ? texts->capacity * 2 : n + 16;
    struct texts_place *place;
    int64_t *count;

    if (n <= texts->capacity)
        return true;
    place = realloc(texts->place, (size_t)capacity * sizeof(*place));
    if (!place)
        return false;
    texts->place = place;
    count = realloc(texts->count, (size_t)capacity * sizeof(*count));
    if (!count)
        return false;
    texts->count = count;
    texts->capacity = capacity;
    return true;
}

static bool is_before(const struct texts_place *a, const struct texts_place *b)
{
    return a->row != b->row ? a->row < b->row : a->local < b->local;
}

bool texts_merge(struct texts *texts, const struct source_chunk *chunk, struct texts_chunk *ret_map,
                 struct error *error)
{
    const struct dictionary *local = ret_map->dictionary;

    ret_map->global = malloc(((size_t)local->n + 1) * sizeof(*ret_map->global));
    if (!ret_map->global || !make_room(texts, texts->dictionary.n + local->n))
        return no_memory(error);
    for (int32_t i = 0; i < local->n; i++) {
        const struct texts_place place = {.row = chunk->first_row, .local = i};
        int32_t before = texts->dictionary.n, *code = &ret_map->global[i];

        if (!dictionary_add(&texts->dictionary, local->text[i], strlen(local->text[i]), code,
                            error))
            return false;
        if (*code == before)
            texts->count[*code] = 0;
        if (*code == before || is_before(&place, &texts->place[*code]))
            texts->place[*code] = place;
    }
    for (int64_t row = 0; row < chunk->n_rows; row++)
        if (ret_map->code[row] >= 0)
            texts->count[ret_map->global[ret_map->code[row]]]++;
    return true;
}

struct settled {
    struct texts_place place;
    int32_t code;
};

static int by_place(const void *left, const void *right)
{
    const struct settled *a = left, *b = right;

    return is_before(&a->place, &b->place) ? -1 : is_before(&b->place, &a->place);
}

bool texts_settle(struct texts *texts, int32_t **ret_new, struct error *error)
{
    struct dictionary *dictionary = &texts->dictionary;
    size_t n = (size_t)dictionary->n;
    scoped(memory_free) struct settled *order = calloc(n + 1, sizeof(*order));
    scoped(memory_free) int32_t *renumbered = calloc(n + 1, sizeof(*renumbered));
    scoped(memory_free) char **text = calloc(n + 1, sizeof(*text));
    scoped(memory_free) int64_t *count = calloc(n + 1, sizeof(*count));

    if (!order || !renumbered || !text || !count)
        return no_memory(error);
    for (size_t i = 0; i < n; i++)
        order[i] = (struct settled){texts->place[i], (int32_t)i};
    qsort(order, n, sizeof(*order), by_place);
    for (size_t i = 0; i < n; i++) {
        renumbered[order[i].code] = (int32_t)i;
        text[i] = dictionary->text[order[i].code];
        count[i] = texts->count[order[i].code];
    }
    for (size_t i = 0; i < n; i++) {
        dictionary->text[i] = text[i];
        texts->count[i] = count[i];
    }
    for (uint32_t i = 0; i < dictionary->n_slots; i++)
        if (dictionary->slot[i] >= 0)
            dictionary->slot[i] = renumbered[dictionary->slot[i]];
    *ret_new = take(&renumbered);
    return true;
}
