#include "daemon/placeholder.h"

#include "common/owner.h"
#include "daemon/batch.h"
#include "daemon/parameter.h"

#include <stdio.h>
#include <string.h>

struct replacement {
    const cJSON *parameters;
    cJSON *used;
};

static bool unknown_name(const struct replacement *replacement, const char *path, const char *name,
                         struct error *error)
{
    char known[512] = "";
    const cJSON *item;
    size_t size = 0;

    cJSON_ArrayForEach(item, replacement->parameters)
    {
        int n =
            snprintf(known + size, sizeof(known) - size, "%s%s", size ? ", " : "", item->string);

        if (n < 0 || size + (size_t)n >= sizeof(known))
            break;
        size += (size_t)n;
    }
    return error_set_at(error, ERROR_INVALID, path,
                        "{%s} is no parameter of this sweep (there are: %s); write {{ for a brace",
                        name, known);
}

static bool find(struct replacement *replacement, const char *path, const char *name,
                 const cJSON **ret_parameter, struct error *error)
{
    const cJSON *parameter = json_member(replacement->parameters, name);

    if (!parameter)
        return unknown_name(replacement, path, name, error);
    if (!json_member(replacement->used, name) && !json_add_boolean(replacement->used, name, true))
        return error_set(error, ERROR_NO_MEMORY, "replacing {%s}", name);
    *ret_parameter = parameter;
    return true;
}

/* The name between the braces at `text`, and how many bytes it takes with them. */
static bool read_name(const char *text, const char *path, char name[128], size_t *ret_size,
                      struct error *error)
{
    size_t length = strcspn(text + 1, "}");

    if (text[1 + length] != '}')
        return error_set_at(error, ERROR_INVALID, path,
                            "a { that nothing closes; write {{ for a brace");
    if (length >= 128)
        return error_set_at(error, ERROR_INVALID, path, "a placeholder of over 127 bytes");
    memcpy(name, text + 1, length);
    name[length] = '\0';
    *ret_size = length + 2;
    return true;
}

static bool append_value(const cJSON *parameter, struct buffer *out, struct error *error)
{
    const cJSON *value = parameter_value(parameter);

    if (cJSON_IsString(value))
        return buffer_append_text(out, value->valuestring, error);
    return json_print(value, out, error);
}

static bool expand_text(struct replacement *replacement, const char *text, const char *path,
                        struct buffer *out, struct error *error)
{
    while (*text) {
        size_t plain = strcspn(text, "{}");

        if (!buffer_append(out, text, plain, error))
            return false;
        text += plain;
        if (*text == '{' && text[1] != '{') {
            const cJSON *parameter = NULL;
            char name[128];
            size_t size;

            if (!read_name(text, path, name, &size, error) ||
                !find(replacement, path, name, &parameter, error) ||
                !append_value(parameter, out, error))
                return false;
            text += size;
        } else if (*text) {
            if (!buffer_append(out, text, 1, error))
                return false;
            text += text[1] == text[0] ? 2 : 1;
        }
    }
    return true;
}

/* "{rate}" and nothing else, outside a command: the value itself, with its type. */
static bool is_lone(const char *text, const char *path)
{
    size_t length = strlen(text);

    return strncmp(path, "command", 7) != 0 && length > 2 && text[0] == '{' &&
           strcspn(text + 1, "{}") == length - 2 && text[length - 1] == '}';
}

static bool replace_text(struct replacement *replacement, cJSON *node, const char *path,
                         cJSON **ret_new, struct error *error)
{
    scoped(buffer_release) struct buffer out = {0};
    const cJSON *parameter = NULL;
    size_t size;
    char name[128];

    if (is_lone(node->valuestring, path)) {
        if (!read_name(node->valuestring, path, name, &size, error) ||
            !find(replacement, path, name, &parameter, error))
            return false;
        *ret_new = cJSON_Duplicate(parameter_value(parameter), true);
    } else {
        if (!expand_text(replacement, node->valuestring, path, &out, error))
            return false;
        *ret_new = cJSON_CreateString(out.data ? out.data : "");
    }
    return *ret_new || error_set(error, ERROR_NO_MEMORY, "replacing placeholders");
}

static void child_path(const char *path, const cJSON *child, int index, bool list, char *ret_path,
                       size_t size)
{
    if (list)
        (void)snprintf(ret_path, size, "%s[%d]", path, index);
    else
        (void)snprintf(ret_path, size, "%s%s%s", path, *path ? "." : "", child->string);
}

static bool replace_in(struct replacement *replacement, cJSON *parent, const char *path,
                       struct error *error)
{
    bool list = cJSON_IsArray(parent);
    cJSON *child = parent->child;

    for (int i = 0; child; i++) {
        cJSON *next = child->next, *fresh;
        char here[128];

        child_path(path, child, i, list, here, sizeof(here));
        if (cJSON_IsString(child) && strpbrk(child->valuestring, "{}") && !batch_owns_text(here)) {
            if (!replace_text(replacement, child, here, &fresh, error))
                return false;
            json_replace(parent, child, &fresh);
        } else if (!replace_in(replacement, child, here, error)) {
            return false;
        }
        child = next;
    }
    return true;
}

bool placeholder_replace(cJSON *spec, const cJSON *parameters, cJSON **ret_used,
                         struct error *error)
{
    scoped(json_free) cJSON *used = cJSON_CreateObject();
    struct replacement replacement = {.parameters = parameters, .used = used};

    if (!used)
        return error_set(error, ERROR_NO_MEMORY, "replacing placeholders");
    if (!replace_in(&replacement, spec, "", error))
        return false;
    *ret_used = take(&used);
    return true;
}
