/*
 * cJSON with bounds, paths and exact numbers. Look-ups are case-sensitive. Integers are exact below
 * 2^53 and printed without a fraction; other numbers print with the fewest digits that read back
 * the same.
 */
#ifndef NIGHTJAR_COMMON_JSON_H
#define NIGHTJAR_COMMON_JSON_H

#include "common/buffer.h"
#include "common/error.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_LIMIT 64

void json_free(cJSON **json); /* cJSON_Delete, for scoped() */

/* Parses exactly one value of `size` bytes; refuses what follows it, depth beyond JSON_DEPTH_LIMIT,
 * duplicate keys and invalid UTF-8 (INVALID, with line and column). NaN reads as null; Infinity and
 * -Infinity as numbers. */
bool json_parse(const char *text, size_t size, cJSON **ret_json, struct error *error);
/* Without white space. Non-finite numbers print as null. */
bool json_print(const cJSON *json, struct buffer *buffer, struct error *error);
bool json_print_pretty(const cJSON *json, struct buffer *buffer, struct error *error);

/* Members, case-sensitively; NULL where missing (json may be NULL). */
const cJSON *json_member(const cJSON *json, const char *name);
/* A member of that type, else the fallback. Texts are borrowed. */
const char *json_text(const cJSON *json, const char *name, const char *fallback);
double json_number(const cJSON *json, const char *name, double fallback);
int64_t json_integer(const cJSON *json, const char *name,
                     int64_t fallback); /* fallback too where not integral */
bool json_boolean(const cJSON *json, const char *name, bool fallback);

/* Builders that return false only for want of memory. A NULL text adds nothing. */
bool json_add_text(cJSON *object, const char *name, const char *text);
bool json_add_number(cJSON *object, const char *name, double value);
bool json_add_integer(cJSON *object, const char *name, int64_t value);
bool json_add_boolean(cJSON *object, const char *name, bool value);
/* Takes *value in any case (deletes it on failure) and nulls it. */
bool json_add_item(cJSON *object, const char *name, cJSON **value);
cJSON *json_add_object(cJSON *object, const char *name); /* borrowed; NULL: no memory */
cJSON *json_add_array(cJSON *object, const char *name);  /* borrowed; NULL: no memory */

/* Puts *value, which it takes, in the place and under the name of a child of `parent`. Needs no
 * memory. */
void json_replace(cJSON *parent, cJSON *old, cJSON **value);

/* Paths: a.b[2].c */
const cJSON *json_at(const cJSON *json, const char *path); /* NULL where missing */
/* Sets what `path` names (objects on the way are made, lists are not lengthened except by [n] =
 * length). Takes *value in any case. INVALID where the path does not fit the tree. */
bool json_set_at(cJSON *json, const char *path, cJSON **value, struct error *error);
/* Objects are merged key by key, everything else is replaced by a copy (RFC 7396 without deletion).
 */
bool json_merge(cJSON *target, const cJSON *patch, struct error *error);

#endif
