#include "worker/engine/transform/words.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/transform/kinds.h"

static const struct setting words_settings[] = {
    TRANSFORM_SETTINGS(struct words_config),
    SETTING_INTEGER(struct words_config, length, 12, 1, WORDS_LENGTH_MAX, "words",
                    "Words of a text that are read, the first ones; shorter texts are filled up "
                    "with 0."),
    SETTING_INTEGER(struct words_config, vocabulary, 10000, 1, 1 << 22, "words",
                    "The most frequent words of the training rows have numbers of their own; all "
                    "others share 1."),
    {0},
};

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading words");
}

/* ---- a text -----------------------------------------------------------------------------------*/

/* Bytes of UTF-8 beyond ASCII are letters. */
static bool is_letter(char byte)
{
    unsigned char c = (unsigned char)byte;

    return c >= 0x80 || isalnum(c);
}

struct word_walk { /* the words of a text, in small letters */
    const char *rest;
    char *word; /* owned: of the text's size */
    size_t size;
};

static bool walk_open(struct word_walk *walk, const char *text, struct error *error)
{
    *walk = (struct word_walk){.rest = text, .word = malloc(strlen(text) + 1)};
    return walk->word || no_memory(error);
}

static void walk_release(struct word_walk *walk)
{
    free(walk->word);
}

static bool walk_on(struct word_walk *walk)
{
    walk->size = 0;
    while (*walk->rest && !is_letter(*walk->rest))
        walk->rest++;
    for (; *walk->rest && is_letter(*walk->rest); walk->rest++)
        walk->word[walk->size++] = (char)tolower((unsigned char)*walk->rest);
    walk->word[walk->size] = '\0';
    return walk->size > 0;
}

/* ---- vocabulary -------------------------------------------------------------------------------*/

struct counted {
    char *word; /* owned */
    int64_t rows;
};

struct tally { /* of words */
    struct dictionary seen;
    int64_t *rows; /* owned, [capacity] */
    int64_t capacity;
};

static void tally_release(struct tally *tally)
{
    dictionary_release(&tally->seen);
    free(tally->rows);
}

static bool count_word(struct tally *tally, const struct word_walk *walk, int64_t rows,
                       struct error *error)
{
    int32_t at;

    if (!dictionary_add(&tally->seen, walk->word, walk->size, &at, error))
        return false;
    if (at >= tally->capacity) {
        int64_t capacity = tally->capacity > 0 ? 2 * tally->capacity : 256;
        int64_t *grown = realloc(tally->rows, (size_t)capacity * sizeof(*grown));

        if (!grown)
            return no_memory(error);
        memset(grown + tally->capacity, 0, (size_t)(capacity - tally->capacity) * sizeof(*grown));
        tally->rows = grown;
        tally->capacity = capacity;
    }
    tally->rows[at] += rows;
    return true;
}

static bool count_text(struct tally *tally, const char *text, int64_t length, int64_t rows,
                       struct error *error)
{
    scoped(walk_release) struct word_walk walk = {0};

    if (!walk_open(&walk, text, error))
        return false;
    for (int64_t i = 0; i < length && walk_on(&walk); i++)
        if (!count_word(tally, &walk, rows, error))
            return false;
    return true;
}

static int most_first(const void *left, const void *right)
{
    const struct counted *a = left, *b = right;

    if (a->rows != b->rows)
        return a->rows > b->rows ? -1 : 1;
    return strcmp(a->word, b->word);
}

/* Moves the first words out of the tally. */
static bool take_most_frequent(struct tally *tally, int64_t most, char ***ret_word, int32_t *ret_n,
                               struct error *error)
{
    int32_t n = tally->seen.n < most ? tally->seen.n : (int32_t)most;
    scoped(memory_free) struct counted *counted =
        calloc((size_t)tally->seen.n + 1, sizeof(*counted));
    char **word = (char **)calloc((size_t)n + 1, sizeof(*word));

    if (!counted || !word) {
        free((void *)word);
        return no_memory(error);
    }
    for (int32_t i = 0; i < tally->seen.n; i++)
        counted[i] = (struct counted){take(&tally->seen.text[i]), tally->rows[i]};
    qsort(counted, (size_t)tally->seen.n, sizeof(*counted), most_first);
    for (int32_t i = 0; i < tally->seen.n; i++) {
        if (i < n)
            word[i] = counted[i].word;
        else
            free(counted[i].word);
    }
    *ret_word = word;
    *ret_n = n;
    return true;
}

bool words_fit(const struct words_config *config, const struct dictionary *texts,
               const int64_t *rows, char ***ret_word, int32_t *ret_n, struct error *error)
{
    scoped(tally_release) struct tally tally = {0};

    for (int32_t i = 0; i < texts->n; i++)
        if (rows[i] > 0 && !count_text(&tally, texts->text[i], config->length, rows[i], error))
            return false;
    return take_most_frequent(&tally, config->vocabulary, ret_word, ret_n, error);
}

/* ---- numbers ----------------------------------------------------------------------------------*/

bool words_number(char *const *word, int32_t n_words, const struct dictionary *texts,
                  int64_t length, int32_t *ret, struct error *error)
{
    scoped(dictionary_release) struct dictionary known = {0};
    int32_t code;

    for (int32_t i = 0; i < n_words; i++)
        if (!dictionary_add(&known, word[i], strlen(word[i]), &code, error))
            return false;
    for (int32_t i = 0; i < texts->n; i++) {
        scoped(walk_release) struct word_walk walk = {0};
        bool more = true;

        if (!walk_open(&walk, texts->text[i], error))
            return false;
        for (int64_t k = 0; k < length; k++) {
            more = more && walk_on(&walk);
            code = more ? dictionary_find(&known, walk.word, walk.size) : 0;
            ret[k * texts->n + i] = !more      ? WORDS_NONE
                                    : code < 0 ? WORDS_UNKNOWN
                                               : WORDS_FIRST + code;
        }
    }
    return true;
}

/* ---- settings ---------------------------------------------------------------------------------*/

/* The columns of one item. */
static bool choose(const struct kind_choice *choice, int64_t number, const struct layout *layout,
                   int64_t *item, struct error *error)
{
    const struct words_config *config = choice->config;
    scoped(memory_free) int64_t *column = NULL;
    int64_t n = 0;
    char path[64];

    (void)snprintf(path, sizeof(path), "prepare[%lld]", (long long)number);
    if (!layout_select(layout, &config->base.columns, LAYOUT_CATEGORIES, path, &column, &n, error))
        return false;
    if (n == 0)
        return error_set_at(error, ERROR_INVALID, path, "no feature holds texts");
    for (int64_t i = 0; i < n; i++) {
        if (item[column[i]] >= 0)
            return error_set_at(error, ERROR_INVALID, path, "'%s' is read as words before",
                                layout->column[column[i]].name);
        item[column[i]] = number;
    }
    return true;
}

bool words_choose(const struct kind_choices *prepare, const struct layout *layout, int64_t **ret,
                  struct error *error)
{
    scoped(memory_free) int64_t *item = malloc(((size_t)layout->width + 1) * sizeof(*item));

    if (!item)
        return no_memory(error);
    for (int64_t i = 0; i < layout->width; i++)
        item[i] = -1;
    for (size_t i = 0; i < prepare->n; i++)
        if (prepare->item[i].kind == &transform_words.kind &&
            !choose(&prepare->item[i], (int64_t)i, layout, item, error))
            return false;
    *ret = take(&item);
    return true;
}

const struct transform_kind transform_words = {
    .kind = {.name = "words",
             .help = "A text becomes the numbers of its words, for an embedding: from 2 by "
                     "frequency, 1 for a word that is rare or was never seen, 0 behind the last "
                     "one. Of capitals those of ASCII alone are taken as small letters. Beside "
                     "other features it is an input of its own, called as its column; "
                     "so are tokens.",
             .config_size = sizeof(struct words_config),
             .settings = words_settings},
    .sort = LAYOUT_CATEGORIES,
};
