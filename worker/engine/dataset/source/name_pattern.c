#include "worker/engine/dataset/source/name_pattern.h"

#include <stdlib.h>
#include <string.h>

#define WIDTH_MAX 255

void name_pattern_release(struct name_pattern *pattern)
{
    for (int64_t i = 0; i < pattern->n_keys; i++)
        free(pattern->key[i]);
    for (int64_t i = 0; i <= pattern->n_keys; i++)
        free(pattern->literal[i]);
    *pattern = (struct name_pattern){0};
}

const char *name_pattern_key(const struct name_pattern *pattern, int64_t i)
{
    return pattern->key[i];
}

/* "{name}" or "{name:4}", from its brace on; *at ends behind it. */
static bool parse_key(const char **at, const char *setting, struct name_pattern *pattern,
                      struct error *error)
{
    const char *name = *at + 1;
    const char *end = name + strcspn(name, ":}");
    const char *after = end;
    char *rest = NULL;
    long width = 0;

    if (pattern->n_keys == NAME_PATTERN_KEYS_MAX)
        return error_set_at(error, ERROR_INVALID, setting, "has more than %d keys",
                            NAME_PATTERN_KEYS_MAX);
    if (*end == ':') {
        width = strtol(end + 1, &rest, 10);
        after = rest;
        if (after == end + 1 || *after != '}' || width < 1 || width > WIDTH_MAX)
            return error_set_at(error, ERROR_INVALID, setting,
                                "expected a number of characters from 1 to %d in '%s'", WIDTH_MAX,
                                *at);
    }
    if (end == name || *after != '}')
        return error_set_at(error, ERROR_INVALID, setting, "expected {name} or {name:4} at '%s'",
                            *at);
    for (int64_t i = 0; i < pattern->n_keys; i++)
        if (strncmp(pattern->key[i], name, (size_t)(end - name)) == 0 &&
            pattern->key[i][end - name] == '\0')
            return error_set_at(error, ERROR_INVALID, setting, "the key '%s' stands twice",
                                pattern->key[i]);
    pattern->width[pattern->n_keys] = width;
    pattern->key[pattern->n_keys] = strndup(name, (size_t)(end - name));
    if (!pattern->key[pattern->n_keys])
        return error_set(error, ERROR_NO_MEMORY, "reading %s", setting);
    pattern->n_keys++;
    *at = after + 1;
    return true;
}

static bool parse(const char *text, const char *setting, struct name_pattern *pattern,
                  struct error *error)
{
    const char *at = text;

    for (;;) {
        size_t size = strcspn(at, "{");

        pattern->literal[pattern->n_keys] = strndup(at, size);
        if (!pattern->literal[pattern->n_keys])
            return error_set(error, ERROR_NO_MEMORY, "reading %s", setting);
        at += size;
        if (*at == '\0')
            break;
        if (!parse_key(&at, setting, pattern, error))
            return false;
    }
    if (pattern->n_keys == 0 || strchr(text, '/'))
        return error_set_at(error, ERROR_INVALID, setting,
                            "expected a file's name with a key such as {name}");
    return true;
}

bool name_pattern_parse(const char *text, const char *setting, struct name_pattern *ret_pattern,
                        struct error *error)
{
    struct name_pattern pattern = {0};

    if (!parse(text, setting, &pattern, error)) {
        name_pattern_release(&pattern);
        return false;
    }
    *ret_pattern = pattern;
    return true;
}

bool name_pattern_ends(const struct name_pattern *pattern, const char *name)
{
    const char *end = pattern->literal[pattern->n_keys];
    size_t size = strlen(name), n = strlen(end);

    return size >= n && strcmp(name + size - n, end) == 0;
}

/* Characters of the name that key i takes: up to what follows it. 0: none. */
static size_t key_size(const struct name_pattern *pattern, int64_t i, const char *at)
{
    const char *next = pattern->literal[i + 1];
    const char *end;

    if (pattern->width[i] > 0)
        return strnlen(at, (size_t)pattern->width[i]) == (size_t)pattern->width[i]
                   ? (size_t)pattern->width[i]
                   : 0;
    if (i + 1 == pattern->n_keys)
        return name_pattern_ends(pattern, at) ? strlen(at) - strlen(next) : 0;
    end = *next ? strstr(at, next) : at + 1;
    return end ? (size_t)(end - at) : 0;
}

bool name_pattern_match(const struct name_pattern *pattern, const char *name, struct cell *ret_key)
{
    const char *at = name;

    for (int64_t i = 0; i <= pattern->n_keys; i++) {
        size_t n = strlen(pattern->literal[i]);

        if (strncmp(at, pattern->literal[i], n) != 0)
            return false;
        at += n;
        if (i == pattern->n_keys)
            break;
        n = key_size(pattern, i, at);
        if (n == 0)
            return false;
        if (ret_key)
            ret_key[i] = (struct cell){at, n};
        at += n;
    }
    return *at == '\0';
}
