/* Names of files that carry a key: "{planet:4}_{spot:2}.txt" fits 0001_02.txt, with the keys planet
 * ("0001") and spot ("02"). */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_NAME_PATTERN_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_NAME_PATTERN_H

#include "common/error.h"
#include "worker/engine/dataset/source/cell.h"

#include <stdbool.h>
#include <stdint.h>

#define NAME_PATTERN_KEYS_MAX 16

struct name_pattern {                         /* all-zero is a valid empty one */
    char *literal[NAME_PATTERN_KEYS_MAX + 1]; /* owned: before each key, and behind the last */
    char *key[NAME_PATTERN_KEYS_MAX];         /* owned */
    int64_t width[NAME_PATTERN_KEYS_MAX];     /* characters; 0: any number */
    int64_t n_keys;
};
void name_pattern_release(struct name_pattern *pattern);
/* INVALID at `setting`. */
bool name_pattern_parse(const char *text, const char *setting, struct name_pattern *ret_pattern,
                        struct error *error);
const char *name_pattern_key(const struct name_pattern *pattern, int64_t i);
/* Whether the name ends as the pattern does. */
bool name_pattern_ends(const struct name_pattern *pattern, const char *name);
/* ret_key: [n_keys], borrowed from the name; NULL: not wanted. */
bool name_pattern_match(const struct name_pattern *pattern, const char *name, struct cell *ret_key);

#endif
