#include "worker/engine/dataset/split/values.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/split/shares.h"

/* A value of the spec as it would stand in the data: in the fewest digits that are that number. */
static const char *value_text(const cJSON *value, char buffer[32])
{
    if (cJSON_IsString(value))
        return value->valuestring;
    if (cJSON_IsBool(value))
        return cJSON_IsTrue(value) ? "true" : "false";
    (void)snprintf(buffer, 32, "%.15g", value->valuedouble);
    if (strtod(buffer, NULL) != value->valuedouble)
        (void)snprintf(buffer, 32, "%.17g", value->valuedouble);
    return buffer;
}

/* Whether the part is a share of what the others leave for training. */
bool split_is_rest(const struct splitting *at, int part)
{
    return part == SPLIT_VALID && split_valid_of_rest(&at->config->split);
}

bool split_give_value(struct splitting *at, const struct dictionary *names, int8_t *of_value,
                      const char *text, int part, const char *what)
{
    int32_t code = dictionary_find(names, text, strlen(text));
    char path[64];

    (void)snprintf(path, sizeof(path), "data.split.%s", split_part_name[part]);
    if (code < 0)
        return error_set_at(at->error, ERROR_INVALID, path, "there is no %s '%s'", what, text);
    if (dictionary_has_alike(names, code))
        return error_set_at(at->error, ERROR_INVALID, path,
                            "several %ss are called '%s', since values hold '/'", what, text);
    if (of_value[code] != SPLIT_NO_PART && of_value[code] != part)
        return error_set_at(at->error, ERROR_INVALID, path, "%s '%s' is in %s too", what, text,
                            split_part_name[of_value[code]]);
    of_value[code] = (int8_t)part;
    return true;
}

void split_train_rest(struct splitting *at)
{
    for (int64_t row = 0; row < at->dataset->n_rows && !at->said[SPLIT_TRAIN]; row++)
        if (at->part[row] == SPLIT_NO_PART)
            at->part[row] = SPLIT_TRAIN;
}

static bool give_list(struct splitting *at, const struct dictionary *names, int8_t *of_value,
                      int part, const char *what)
{
    const cJSON *said = at->said[part];
    const cJSON *item;
    char buffer[32];

    if (!cJSON_IsArray(said))
        return split_give_value(at, names, of_value, value_text(said, buffer), part, what);
    cJSON_ArrayForEach(item, said)
    {
        if (!split_give_value(at, names, of_value, value_text(item, buffer), part, what))
            return false;
    }
    return true;
}

/* Where no part is said the values themselves are called so. */
static void give_by_name(const struct dictionary *names, int8_t *of_value)
{
    static const struct {
        const char *name;
        int8_t part;
    } known[] = {{"train", SPLIT_TRAIN},
                 {"valid", SPLIT_VALID},
                 {"validation", SPLIT_VALID},
                 {"val", SPLIT_VALID},
                 {"test", SPLIT_TEST}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int32_t code = dictionary_find(names, known[i].name, strlen(known[i].name));

        if (code >= 0)
            of_value[code] = known[i].part;
    }
}

bool split_by_values(struct splitting *at, const int32_t *of_row, const struct dictionary *names,
                     const char *what)
{
    scoped(memory_free) int8_t *of_value = malloc((size_t)names->n + 1);
    bool said_any = at->said[0] || at->said[1] || at->said[2];

    if (!of_value)
        return split_no_memory(at->error);
    memset(of_value, SPLIT_NO_PART, (size_t)names->n + 1);
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (at->said[i] && !split_is_rest(at, i) && !give_list(at, names, of_value, i, what))
            return false;
    if (!said_any)
        give_by_name(names, of_value);
    for (int64_t row = 0; row < at->dataset->n_rows; row++) {
        at->part[row] = of_value[of_row[row]];
        if (at->part[row] == SPLIT_NO_PART && said_any && !at->said[SPLIT_TRAIN])
            at->part[row] = SPLIT_TRAIN;
    }
    return true;
}
