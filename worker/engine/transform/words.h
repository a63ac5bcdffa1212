/*
 * Texts as sequences of words: what {type: words} in prepare makes of a categorical feature. Such a
 * feature has no categories but a vocabulary, and becomes columns of numbers as its rows are read,
 * before any transform: so that a text that was never seen is still read by the words it is made
 * of.
 *
 * A word is what lies between spaces and ASCII's punctuation; ASCII's capitals count as small.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_WORDS_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_WORDS_H

#include "common/error.h"
#include "common/spec/setting.h"
#include "worker/engine/dataset/dictionary.h"
#include "worker/engine/transform/layout.h"
#include "worker/engine/transform/transform.h"

#include <stdint.h>

#define WORDS_LENGTH_MAX 10000

struct words_config {
    struct transform_config base;
    int64_t length, vocabulary;
};

enum {
    WORDS_NONE,
    WORDS_UNKNOWN,
    WORDS_FIRST
}; /* numbers: behind the last word; a word without a
      number of its own; the most frequent one */

/* Which item of `prepare` reads a column's words, -1 where none does: [layout->width], owned by the
 * caller. INVALID where two do, or one names what is no text. */
bool words_choose(const struct kind_choices *prepare, const struct layout *layout, int64_t **ret,
                  struct error *error);

/* The vocabulary, most frequent first, of equals as they sort. rows[texts->n]: how often each text
 * counts. Caller owns the list and its words. */
bool words_fit(const struct words_config *config, const struct dictionary *texts,
               const int64_t *rows, char ***ret_word, int32_t *ret_n, struct error *error);

/* ret[length][texts->n]: the numbers of each text's first words. */
bool words_number(char *const *word, int32_t n_words, const struct dictionary *texts,
                  int64_t length, int32_t *ret, struct error *error);

#endif
