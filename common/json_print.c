/*
 * Printing cJSON trees: cJSON's own printer drops digits that matter. What is printed is what
 * json_parse() takes: bytes that are no UTF-8 become U+FFFD.
 */
#include "common/json.h"

#include <math.h>
#include <string.h>

#include "common/json_plain.h"
#include "common/utf8.h"

#define EXACT_INTEGER_LIMIT 9007199254740992.0 /* 2^53 */

static bool print_integer(double value, struct buffer *buffer, struct error *error)
{
    if (value == 0 && signbit(value))
        return buffer_append_text(buffer, "-0", error);
    return buffer_append_integer(buffer, (int64_t)value, error);
}

static bool print_number(double value, struct buffer *buffer, struct error *error)
{
    if (!isfinite(value))
        return buffer_append_text(buffer, "null", error);
    if (fabs(value) < EXACT_INTEGER_LIMIT && value == (double)(int64_t)value)
        return print_integer(value, buffer, error);
    return buffer_append_real(buffer, value, error);
}

static bool print_special(unsigned char c, struct buffer *buffer, struct error *error)
{
    static const char meanings[] = "\"\\\b\f\n\r\t", letters[] = "\"\\bfnrt";
    const char *found = c ? strchr(meanings, c) : NULL;

    if (found)
        return buffer_append_format(buffer, error, "\\%c", letters[found - meanings]);
    return buffer_append_format(buffer, error, "\\u%04x", c);
}

static bool print_text(const char *text, struct buffer *buffer, struct error *error)
{
    size_t size = strlen(text), start = 0, at = 0; /* start..at: goes out as it is */

    if (!buffer_append(buffer, "\"", 1, error))
        return false;
    while (at += json_plain_size(text + at, size - at), at < size) {
        unsigned char c = (unsigned char)text[at];
        size_t character = utf8_size(text + at, size - at);
        if (character > 0 && c >= 0x20 && c != '"' && c != '\\') {
            at += character;
            continue;
        }
        if (!buffer_append(buffer, text + start, at - start, error))
            return false;
        if (character == 0 ? !buffer_append_text(buffer, "\xef\xbf\xbd", error)
                           : !print_special(c, buffer, error))
            return false;
        start = ++at;
    }
    return buffer_append(buffer, text + start, at - start, error) &&
           buffer_append(buffer, "\"", 1, error);
}

static bool print_value(const cJSON *json, int indent, struct buffer *buffer, struct error *error);

/* indent < 0: no white space. */
static bool print_break(int indent, struct buffer *buffer, struct error *error)
{
    return indent < 0 || buffer_append_format(buffer, error, "\n%*s", 2 * indent, "");
}

static bool print_members(const cJSON *json, int indent, struct buffer *buffer, struct error *error)
{
    bool object = cJSON_IsObject(json);
    int inner = indent < 0 ? indent : indent + 1;

    if (!buffer_append(buffer, object ? "{" : "[", 1, error))
        return false;
    for (const cJSON *item = json->child; item; item = item->next) {
        if (item != json->child && !buffer_append(buffer, ",", 1, error))
            return false;
        if (!print_break(inner, buffer, error))
            return false;
        if (object && (!print_text(item->string, buffer, error) ||
                       !buffer_append_text(buffer, indent < 0 ? ":" : ": ", error)))
            return false;
        if (!print_value(item, inner, buffer, error))
            return false;
    }
    if (json->child && !print_break(indent, buffer, error))
        return false;
    return buffer_append(buffer, object ? "}" : "]", 1, error);
}

static bool print_value(const cJSON *json, int indent, struct buffer *buffer, struct error *error)
{
    switch (json->type & 0xff) {
    case cJSON_NULL:
        return buffer_append_text(buffer, "null", error);
    case cJSON_True:
        return buffer_append_text(buffer, "true", error);
    case cJSON_False:
        return buffer_append_text(buffer, "false", error);
    case cJSON_Number:
        return print_number(json->valuedouble, buffer, error);
    case cJSON_String:
        return print_text(json->valuestring ? json->valuestring : "", buffer, error);
    case cJSON_Array:
    case cJSON_Object:
        return print_members(json, indent, buffer, error);
    default:
        return error_set(error, ERROR_INTERNAL, "a JSON value of unknown type");
    }
}

bool json_print(const cJSON *json, struct buffer *buffer, struct error *error)
{
    return print_value(json, -1, buffer, error);
}

bool json_print_pretty(const cJSON *json, struct buffer *buffer, struct error *error)
{
    return print_value(json, 0, buffer, error);
}
