/*
 * All settings of a spec in one tree, asked of the programs that read them; no daemon needed.
 *
 * The tree is a list of settings as settings_describe() prints them, in the order in which a spec
 * is written. A setting whose keys are the user's own (sweep.parameters) has `entries`: the
 * settings of each.
 */
#ifndef NIGHTJAR_CLIENT_SETTINGS_TREE_H
#define NIGHTJAR_CLIENT_SETTINGS_TREE_H

#include "common/buffer.h"
#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>

/* Caller owns *ret_tree. */
bool settings_tree_read(cJSON **ret_tree, struct error *error);

/* What `path` names: a list of settings and kinds, each with its full "path". Several where kinds
 * share a name (train.optimizer.rate); brackets and what is in them are passed over. NOT_FOUND,
 * with a suggestion. Caller owns *ret_found. */
bool settings_tree_find(const cJSON *tree, const char *path, cJSON **ret_found,
                        struct error *error);

/* Every family of kinds once: {"optimizer": [kinds]}. Caller owns *ret_families. */
bool settings_tree_families(const cJSON *tree, cJSON **ret_families, struct error *error);

/* "integer in [1, 65536] rows, default 64". */
bool settings_tree_type(const cJSON *setting, struct buffer *out, struct error *error);
bool settings_tree_default(const cJSON *setting, struct buffer *out, struct error *error);

/* docs/settings.md and schema/spec.schema.json. */
bool settings_markdown(const cJSON *tree, struct buffer *out, struct error *error);
bool settings_schema(const cJSON *tree, cJSON **ret_schema, struct error *error);

#endif
