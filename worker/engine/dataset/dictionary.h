/* Distinct texts and their numbers, 0, 1, ... in the order in which they came. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_DICTIONARY_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_DICTIONARY_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct dictionary { /* all-zero is a valid empty one */
    char **text;    /* owned, each too: [n] */
    int32_t n;
    int32_t capacity;
    int32_t *slot; /* owned: open addressing; -1: free */
    uint32_t n_slots;
    int32_t n_alike; /* texts that are an earlier one's, too: see dictionary_show() */
};

void dictionary_release(struct dictionary *dictionary);
/* -1: not in it. Of texts that are alike the first one. */
int32_t dictionary_find(const struct dictionary *dictionary, const char *text, size_t size);
bool dictionary_add(struct dictionary *dictionary, const char *text, size_t size, int32_t *ret_code,
                    struct error *error);

/* Between the parts of a text that several columns make: "1/2" and "3" are not "1" and "2/3". A
 * control character, since values of data hold none. */
#define DICTIONARY_PART_END "\x1f"
/* The text as people see it, with '/' between its parts. Whether there were several. */
bool dictionary_show_parts(char *text);
/* All texts as people see them, so that some may be alike; codes stay. */
bool dictionary_show(struct dictionary *dictionary, struct error *error);
/* Whether another text is the same. */
bool dictionary_has_alike(const struct dictionary *dictionary, int32_t code);

/* Puts the texts into order: by value where all of them are numbers, else by bytes. ret_new[old]
 * (owned by the caller): the number that each one has now. */
bool dictionary_sort(struct dictionary *dictionary, int32_t **ret_new, struct error *error);

#endif
