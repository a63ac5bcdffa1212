/* JSON in the texts of tests. */
#ifndef NIGHTJAR_TESTS_SUPPORT_JSON_TEXT_H
#define NIGHTJAR_TESTS_SUPPORT_JSON_TEXT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/error.h"
#include "common/json.h"

/* Caller owns. */
static inline cJSON *json_of(const char *text)
{
    struct error error;
    cJSON *json = NULL;

    if (!json_parse(text, strlen(text), &json, &error))
        fail_msg("%s: %s", error.message, text);
    return json;
}

/* The same with single quotes for double ones. */
static inline cJSON *parse_json(const char *text)
{
    char *copy = strdup(text);
    cJSON *json;

    assert_non_null(copy);
    for (char *c = copy; *c; c++)
        *c = *c == '\'' ? '"' : *c;
    json = json_of(copy);
    free(copy);
    return json;
}

#endif
