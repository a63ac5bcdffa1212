/*
 * cJSON trees, read and printed here: cJSON's own parser takes control characters, duplicate keys,
 * broken UTF-8 and numbers of 64 digits as they come, and its printer drops digits that matter.
 *
 * Reading is one pass of recursive descent, as deep as JSON_DEPTH_LIMIT at most. Printing never
 * yields what reading would refuse: bytes that are no UTF-8 become U+FFFD.
 */
#include "common/json.h"

#include "common/owner.h"

#include <float.h>
#include <inttypes.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXACT_INTEGER_LIMIT 9007199254740992.0 /* 2^53 */
#define NUMBER_TEXT_LIMIT 1024                 /* characters of one number */
#define FEW_KEYS 16                            /* so many are compared one by one */

struct key {
    const char *name; /* borrowed from the tree */
    size_t at;        /* where it stands in the text */
};

struct parser {
    const char *text; /* borrowed */
    size_t size, at;
    int depth;
    struct key *keys; /* of all objects that are open, the innermost last; owned */
    size_t n_keys, key_capacity;
    struct error *error; /* borrowed */
};

void json_free(cJSON **json)
{
    cJSON_Delete(*json);
    *json = NULL;
}

/* ---- UTF-8 ---- */

/* Bytes of the character that begins at `text`; 0: no UTF-8 (overlong, surrogate, torn, too large).
 */
static size_t character_size(const char *text, size_t available)
{
    const unsigned char *byte = (const unsigned char *)text;
    unsigned char low = 0x80, high = 0xbf; /* bounds of the second byte */
    size_t size;

    if (byte[0] < 0x80)
        return 1;
    if (byte[0] < 0xc2 || byte[0] > 0xf4)
        return 0;
    size = byte[0] < 0xe0 ? 2 : byte[0] < 0xf0 ? 3 : 4;
    if (size > available)
        return 0;
    if (byte[0] == 0xe0)
        low = 0xa0;
    else if (byte[0] == 0xed)
        high = 0x9f;
    else if (byte[0] == 0xf0)
        low = 0x90;
    else if (byte[0] == 0xf4)
        high = 0x8f;
    if (byte[1] < low || byte[1] > high)
        return 0;
    for (size_t i = 2; i < size; i++)
        if ((byte[i] & 0xc0) != 0x80)
            return 0;
    return size;
}

static size_t encode_character(uint32_t code, char *to)
{
    if (code < 0x80) {
        to[0] = (char)code;
        return 1;
    }
    if (code < 0x800) {
        to[0] = (char)(0xc0 | code >> 6);
        to[1] = (char)(0x80 | (code & 0x3f));
        return 2;
    }
    if (code < 0x10000) {
        to[0] = (char)(0xe0 | code >> 12);
        to[1] = (char)(0x80 | (code >> 6 & 0x3f));
        to[2] = (char)(0x80 | (code & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | code >> 18);
    to[1] = (char)(0x80 | (code >> 12 & 0x3f));
    to[2] = (char)(0x80 | (code >> 6 & 0x3f));
    to[3] = (char)(0x80 | (code & 0x3f));
    return 4;
}

/* ---- reading ---- */

__attribute__((format(printf, 3, 4))) static bool refuse(struct parser *parser, size_t at,
                                                         const char *format, ...)
{
    va_list arguments;
    char what[256];
    int line = 1, column = 1;

    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    for (size_t i = 0; i < at && i < parser->size; i++) {
        if (parser->text[i] == '\n') {
            line++;
            column = 1;
        } else if (((unsigned char)parser->text[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    error_set(parser->error, ERROR_INVALID, "line %d, column %d: %s", line, column, what);
    parser->error->line = line;
    return false;
}

static bool no_memory(struct parser *parser)
{
    return error_set(parser->error, ERROR_NO_MEMORY, "out of memory");
}

static void skip_space(struct parser *parser)
{
    while (parser->at < parser->size && strchr(" \t\r\n", parser->text[parser->at]) &&
           parser->text[parser->at] != '\0')
        parser->at++;
}

/* The next character that is no space; -1 at the end. */
static int peek(struct parser *parser)
{
    skip_space(parser);
    return parser->at < parser->size ? (unsigned char)parser->text[parser->at] : -1;
}

static bool parse_hex4(struct parser *parser, uint32_t *ret_code)
{
    uint32_t code = 0;

    if (parser->size - parser->at < 4)
        return refuse(parser, parser->size, "the text ends within a string");
    for (int i = 0; i < 4; i++) {
        char c = parser->text[parser->at + (size_t)i];
        if (c >= '0' && c <= '9')
            code = code << 4 | (uint32_t)(c - '0');
        else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f')
            code = code << 4 | (uint32_t)((c | 0x20) - 'a' + 10);
        else
            return refuse(parser, parser->at, "\\u wants four hexadecimal digits");
    }
    parser->at += 4;
    *ret_code = code;
    return true;
}

/* What follows \u; a pair of surrogates is one character. */
static bool parse_unicode_escape(struct parser *parser, char *to, size_t *ret_size)
{
    size_t start = parser->at - 2;
    uint32_t code, low;

    if (!parse_hex4(parser, &code))
        return false;
    if (code == 0)
        return refuse(parser, start, "a string may not hold the character NUL");
    if (code >= 0xd800 && code < 0xdc00 && parser->size - parser->at >= 6 &&
        memcmp(parser->text + parser->at, "\\u", 2) == 0) {
        parser->at += 2;
        if (!parse_hex4(parser, &low))
            return false;
        if (low < 0xdc00 || low > 0xdfff)
            return refuse(parser, start, "half a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
    } else if (code >= 0xd800 && code <= 0xdfff) {
        return refuse(parser, start, "half a surrogate pair");
    }
    *ret_size = encode_character(code, to);
    return true;
}

static bool parse_escape(struct parser *parser, char *to, size_t *ret_size)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";

    if (parser->size - parser->at < 2)
        return refuse(parser, parser->size, "the text ends within a string");
    char letter = parser->text[parser->at + 1];
    if (letter == 'u') {
        parser->at += 2;
        return parse_unicode_escape(parser, to, ret_size);
    }
    const char *found = letter ? strchr(letters, letter) : NULL;
    if (!found)
        return refuse(parser, parser->at, "an unknown escape");
    *to = meanings[found - letters];
    *ret_size = 1;
    parser->at += 2;
    return true;
}

/* One character or escape of a string. */
static bool parse_character(struct parser *parser, char *to, size_t *ret_size)
{
    const char *from = parser->text + parser->at;

    if (*from == '\\')
        return parse_escape(parser, to, ret_size);
    if ((unsigned char)*from < 0x20)
        return refuse(parser, parser->at, "a control character in a string");
    size_t size = character_size(from, parser->size - parser->at);
    if (size == 0)
        return refuse(parser, parser->at, "invalid UTF-8");
    memcpy(to, from, size);
    parser->at += size;
    *ret_size = size;
    return true;
}

/* Bytes from the opening quote to the closing one: what it says is never longer. */
static size_t string_bound(const struct parser *parser)
{
    size_t i = parser->at + 1;

    while (i < parser->size && parser->text[i] != '"')
        i += parser->text[i] == '\\' ? 2 : 1;
    return (i < parser->size ? i : parser->size) - parser->at;
}

static void text_free(char **text)
{
    cJSON_free(*text);
    *text = NULL;
}

static bool parse_string(struct parser *parser, char **ret_text)
{
    scoped(text_free) char *text = cJSON_malloc(string_bound(parser) + 1);
    size_t size = 0, more;

    if (!text)
        return no_memory(parser);
    parser->at++;
    while (parser->at < parser->size && parser->text[parser->at] != '"') {
        if (!parse_character(parser, text + size, &more))
            return false;
        size += more;
    }
    if (parser->at >= parser->size)
        return refuse(parser, parser->at, "the text ends within a string");
    parser->at++;
    text[size] = '\0';
    *ret_text = take(&text);
    return true;
}

static size_t count_digits(const struct parser *parser, size_t at)
{
    size_t start = at;

    while (at < parser->size && parser->text[at] >= '0' && parser->text[at] <= '9')
        at++;
    return at - start;
}

static char character_at(const struct parser *parser, size_t at)
{
    return at < parser->size ? parser->text[at] : '\0';
}

/* Where the number at parser->at ends; 0: it is none. */
static size_t number_end(const struct parser *parser, bool *ret_integral)
{
    size_t at = parser->at, digits;

    if (character_at(parser, at) == '-')
        at++;
    digits = count_digits(parser, at);
    if (digits == 0 || (digits > 1 && parser->text[at] == '0'))
        return 0;
    at += digits;
    *ret_integral = true;
    if (character_at(parser, at) == '.') {
        digits = count_digits(parser, at + 1);
        if (digits == 0)
            return 0;
        at += 1 + digits;
        *ret_integral = false;
    }
    if ((character_at(parser, at) | 0x20) == 'e') {
        at++;
        if (character_at(parser, at) == '-' || character_at(parser, at) == '+')
            at++;
        digits = count_digits(parser, at);
        if (digits == 0)
            return 0;
        at += digits;
        *ret_integral = false;
    }
    return at;
}

static double integer_value(const char *text, size_t size)
{
    bool negative = text[0] == '-';
    int64_t value = 0;

    for (size_t i = negative ? 1 : 0; i < size; i++)
        value = value * 10 + (text[i] - '0');
    return negative ? -(double)value : (double)value;
}

static bool parse_number(struct parser *parser, cJSON **ret)
{
    char digits[NUMBER_TEXT_LIMIT + 1];
    const char *text = parser->text + parser->at;
    bool integral;
    size_t end = number_end(parser, &integral);
    double value;

    if (end == 0)
        return refuse(parser, parser->at, "expected a value");
    size_t size = end - parser->at;
    if (size > NUMBER_TEXT_LIMIT)
        return refuse(parser, parser->at, "a number of more than %d digits", NUMBER_TEXT_LIMIT);
    if (integral && size <= 16) {
        value = integer_value(text, size);
    } else {
        memcpy(digits, text, size);
        digits[size] = '\0';
        value = strtod(digits, NULL);
    }
    parser->at = end;
    *ret = cJSON_CreateNumber(value);
    return *ret || no_memory(parser);
}

static bool at_word(const struct parser *parser, const char *word)
{
    size_t size = strlen(word);

    return parser->size - parser->at >= size && memcmp(parser->text + parser->at, word, size) == 0;
}

static bool parse_word_or_number(struct parser *parser, cJSON **ret)
{
    static const struct {
        const char *word;
        int type;
        double value;
    } words[] = {
        {"null", cJSON_NULL, 0},
        {"true", cJSON_True, 0},
        {"false", cJSON_False, 0},
        {"NaN", cJSON_NULL, 0},
        {"Infinity", cJSON_Number, INFINITY},
        {"-Infinity", cJSON_Number, -INFINITY},
    };

    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (!at_word(parser, words[i].word))
            continue;
        if (words[i].type == cJSON_Number)
            *ret = cJSON_CreateNumber(words[i].value);
        else if (words[i].type == cJSON_NULL)
            *ret = cJSON_CreateNull();
        else
            *ret = cJSON_CreateBool(words[i].type == cJSON_True);
        parser->at += strlen(words[i].word);
        return *ret || no_memory(parser);
    }
    return parse_number(parser, ret);
}

static bool parse_value(struct parser *parser, cJSON **ret);

static bool enter(struct parser *parser)
{
    if (parser->depth >= JSON_DEPTH_LIMIT)
        return refuse(parser, parser->at, "nested deeper than %d", JSON_DEPTH_LIMIT);
    parser->depth++;
    parser->at++;
    return true;
}

/* After an element: true with *ret_more, or true at the end, which is consumed. */
static bool parse_separator(struct parser *parser, char close, bool *ret_more)
{
    int c = peek(parser);

    if (c != ',' && c != close)
        return refuse(parser, parser->at, "expected ',' or '%c'", close);
    parser->at++;
    *ret_more = c == ',';
    return true;
}

static bool parse_array(struct parser *parser, cJSON **ret)
{
    scoped(json_free) cJSON *array = cJSON_CreateArray();
    bool more = true;

    if (!array)
        return no_memory(parser);
    if (!enter(parser))
        return false;
    if (peek(parser) == ']') {
        parser->at++;
        more = false;
    }
    while (more) {
        cJSON *item;
        if (!parse_value(parser, &item))
            return false;
        cJSON_AddItemToArray(array, item);
        if (!parse_separator(parser, ']', &more))
            return false;
    }
    parser->depth--;
    *ret = take(&array);
    return true;
}

static bool remember_key(struct parser *parser, size_t first, const char *name, size_t at)
{
    if (parser->n_keys - first < FEW_KEYS)
        for (size_t i = first; i < parser->n_keys; i++)
            if (strcmp(parser->keys[i].name, name) == 0)
                return refuse(parser, at, "the key \"%s\" stands here twice", name);
    if (parser->n_keys == parser->key_capacity) {
        size_t capacity = parser->key_capacity * 2 + FEW_KEYS;
        struct key *keys = realloc(parser->keys, capacity * sizeof(*keys));
        if (!keys)
            return no_memory(parser);
        parser->keys = keys;
        parser->key_capacity = capacity;
    }
    parser->keys[parser->n_keys++] = (struct key){name, at};
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a, *y = b;
    int order = strcmp(x->name, y->name);

    return order ? order : x->at < y->at ? -1 : 1;
}

/* Ends an object: sorts its keys where they were too many to compare one by one. */
static bool forget_keys(struct parser *parser, size_t first)
{
    struct key *keys = parser->keys + first;
    size_t n_keys = parser->n_keys - first;

    parser->n_keys = first;
    if (n_keys <= FEW_KEYS)
        return true;
    qsort(keys, n_keys, sizeof(*keys), compare_keys);
    for (size_t i = 1; i < n_keys; i++)
        if (strcmp(keys[i - 1].name, keys[i].name) == 0)
            return refuse(parser, keys[i].at, "the key \"%s\" stands here twice", keys[i].name);
    return true;
}

static bool parse_member(struct parser *parser, cJSON *object, size_t first_key)
{
    scoped(text_free) char *name = NULL;
    cJSON *item;

    if (peek(parser) != '"')
        return refuse(parser, parser->at, "expected a key in double quotes");
    size_t at = parser->at;
    if (!parse_string(parser, &name))
        return false;
    if (peek(parser) != ':')
        return refuse(parser, parser->at, "expected ':'");
    parser->at++;
    if (!parse_value(parser, &item))
        return false;
    item->string = take(&name); /* as cJSON_AddItemToObject would, without another copy */
    cJSON_AddItemToArray(object, item);
    return remember_key(parser, first_key, item->string, at);
}

static bool parse_object(struct parser *parser, cJSON **ret)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    size_t first_key = parser->n_keys;
    bool more = true;

    if (!object)
        return no_memory(parser);
    if (!enter(parser))
        return false;
    if (peek(parser) == '}') {
        parser->at++;
        more = false;
    }
    while (more)
        if (!parse_member(parser, object, first_key) || !parse_separator(parser, '}', &more))
            return false;
    if (!forget_keys(parser, first_key))
        return false;
    parser->depth--;
    *ret = take(&object);
    return true;
}

static bool parse_text(struct parser *parser, cJSON **ret)
{
    scoped(text_free) char *text = NULL;
    cJSON *item;

    if (!parse_string(parser, &text))
        return false;
    item = cJSON_CreateNull();
    if (!item)
        return no_memory(parser);
    item->type = cJSON_String;
    item->valuestring = take(&text);
    *ret = item;
    return true;
}

static bool parse_value(struct parser *parser, cJSON **ret)
{
    switch (peek(parser)) {
    case -1:
        return refuse(parser, parser->at, "the text ends where a value is expected");
    case '{':
        return parse_object(parser, ret);
    case '[':
        return parse_array(parser, ret);
    case '"':
        return parse_text(parser, ret);
    default:
        return parse_word_or_number(parser, ret);
    }
}

bool json_parse(const char *text, size_t size, cJSON **ret_json, struct error *error)
{
    struct parser parser = {.text = text, .size = size, .error = error};
    scoped(json_free) cJSON *json = NULL;
    bool good = parse_value(&parser, &json);

    free(parser.keys);
    if (!good)
        return false;
    if (peek(&parser) != -1)
        return refuse(&parser, parser.at, "something follows the value");
    *ret_json = take(&json);
    return true;
}

/* ---- printing ---- */

/* A decimal of up to 15 digits survives the way through a double, so %.15g, which drops trailing
 * zeros, finds it; where digits are fewer than that (subnormals) all precisions are tried. */
static bool print_number(double value, struct buffer *buffer, struct error *error)
{
    char text[40];

    if (!isfinite(value))
        return buffer_append_text(buffer, "null", error);
    if (fabs(value) < EXACT_INTEGER_LIMIT && value == floor(value)) {
        snprintf(text, sizeof(text), "%s%" PRId64, signbit(value) && value == 0 ? "-" : "",
                 (int64_t)value);
        return buffer_append_text(buffer, text, error);
    }
    for (int digits = fabs(value) < DBL_MIN ? 1 : 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, value);
        if (strtod(text, NULL) == value)
            break;
    }
    return buffer_append_text(buffer, text, error);
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
    while (at < size) {
        unsigned char c = (unsigned char)text[at];
        size_t character = character_size(text + at, size - at);
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

/* ---- members ---- */

const cJSON *json_member(const cJSON *json, const char *name)
{
    return cJSON_IsObject(json) ? cJSON_GetObjectItemCaseSensitive(json, name) : NULL;
}

const char *json_text(const cJSON *json, const char *name, const char *fallback)
{
    const cJSON *item = json_member(json, name);

    return cJSON_IsString(item) && item->valuestring ? item->valuestring : fallback;
}

double json_number(const cJSON *json, const char *name, double fallback)
{
    const cJSON *item = json_member(json, name);

    return cJSON_IsNumber(item) ? item->valuedouble : fallback;
}

int64_t json_integer(const cJSON *json, const char *name, int64_t fallback)
{
    const cJSON *item = json_member(json, name);

    if (!cJSON_IsNumber(item) || !(fabs(item->valuedouble) <= EXACT_INTEGER_LIMIT) ||
        item->valuedouble != floor(item->valuedouble))
        return fallback;
    return (int64_t)item->valuedouble;
}

bool json_boolean(const cJSON *json, const char *name, bool fallback)
{
    const cJSON *item = json_member(json, name);

    return cJSON_IsBool(item) ? cJSON_IsTrue(item) : fallback;
}

/* ---- builders ---- */

bool json_add_item(cJSON *object, const char *name, cJSON **value)
{
    scoped(json_free) cJSON *item = take(value);

    if (!object || !item || !cJSON_AddItemToObject(object, name, item))
        return false;
    item = NULL;
    return true;
}

bool json_add_text(cJSON *object, const char *name, const char *text)
{
    return !text || cJSON_AddStringToObject(object, name, text);
}

bool json_add_number(cJSON *object, const char *name, double value)
{
    return cJSON_AddNumberToObject(object, name, value);
}

bool json_add_integer(cJSON *object, const char *name, int64_t value)
{
    return cJSON_AddNumberToObject(object, name, (double)value);
}

bool json_add_boolean(cJSON *object, const char *name, bool value)
{
    return cJSON_AddBoolToObject(object, name, value);
}

cJSON *json_add_object(cJSON *object, const char *name)
{
    return cJSON_AddObjectToObject(object, name);
}

cJSON *json_add_array(cJSON *object, const char *name)
{
    return cJSON_AddArrayToObject(object, name);
}

/* ---- paths ---- */

struct step {
    char name[256]; /* of a member; empty: an index */
    int index;
};

enum step_outcome { STEP_BAD, STEP_END, STEP_FOUND };

static enum step_outcome next_index(const char **at, struct step *step)
{
    char *end;
    long index;

    if ((*at)[1] < '0' || (*at)[1] > '9')
        return STEP_BAD;
    index = strtol(*at + 1, &end, 10);
    if (*end != ']' || index >= INT_MAX)
        return STEP_BAD;
    *at = end + 1;
    *step = (struct step){.index = (int)index};
    return STEP_FOUND;
}

/* Cuts the next step off a path; `first`: nothing was cut yet. */
static enum step_outcome next_step(const char **at, bool first, struct step *step)
{
    if (**at == '\0')
        return first ? STEP_BAD : STEP_END;
    if (**at == '[')
        return next_index(at, step);
    if (!first && *(*at)++ != '.')
        return STEP_BAD;
    size_t size = strcspn(*at, ".[");
    if (size == 0 || size >= sizeof(step->name))
        return STEP_BAD;
    memcpy(step->name, *at, size);
    step->name[size] = '\0';
    step->index = -1;
    *at += size;
    return STEP_FOUND;
}

/* `ret_fits`: the step may be taken from a value of this type. */
static cJSON *follow(const cJSON *json, const struct step *step, bool *ret_fits)
{
    if (step->name[0]) {
        *ret_fits = cJSON_IsObject(json);
        return *ret_fits ? cJSON_GetObjectItemCaseSensitive(json, step->name) : NULL;
    }
    *ret_fits = cJSON_IsArray(json);
    return *ret_fits ? cJSON_GetArrayItem(json, step->index) : NULL;
}

const cJSON *json_at(const cJSON *json, const char *path)
{
    const char *at = path;
    struct step step;
    bool fits;

    for (bool first = true; json; first = false) {
        enum step_outcome outcome = next_step(&at, first, &step);
        if (outcome != STEP_FOUND)
            return outcome == STEP_END ? json : NULL;
        json = follow(json, &step, &fits);
    }
    return NULL;
}

static bool check_path(const char *path, struct error *error)
{
    const char *at = path;
    struct step step;
    int depth = 0;

    for (;; depth++) {
        enum step_outcome outcome = next_step(&at, depth == 0, &step);
        if (outcome == STEP_END)
            return true;
        if (outcome == STEP_BAD)
            return error_set_at(error, ERROR_INVALID, path, "this is no path such as a.b[2].c");
        if (depth >= JSON_DEPTH_LIMIT)
            return error_set_at(error, ERROR_INVALID, path, "a path of more than %d steps",
                                JSON_DEPTH_LIMIT);
    }
}

static bool misfit(const char *path, const char *at, const struct step *step, const cJSON *json,
                   struct error *error)
{
    char prefix[sizeof(error->path)];

    snprintf(prefix, sizeof(prefix), "%.*s", (int)(at - path), path);
    if (step->name[0])
        return error_set_at(error, ERROR_INVALID, prefix, "what has this name is no set of keys");
    if (cJSON_IsArray(json))
        return error_set_at(error, ERROR_INVALID, prefix, "the list has only %d elements",
                            cJSON_GetArraySize(json));
    return error_set_at(error, ERROR_INVALID, prefix, "this is no list");
}

/* Puts *value where `step` leads from `json`; taken in any case. */
static bool put(cJSON *json, const struct step *step, cJSON **value, struct error *error)
{
    scoped(json_free) cJSON *item = take(value);
    bool fits, good;
    cJSON *old = follow(json, step, &fits);

    if (old && step->name[0])
        good = cJSON_ReplaceItemInObjectCaseSensitive(json, step->name, item);
    else if (old)
        good = cJSON_ReplaceItemViaPointer(json, old, item);
    else if (step->name[0])
        good = cJSON_AddItemToObject(json, step->name, item);
    else
        good = cJSON_AddItemToArray(json, item);
    if (!good)
        return error_set(error, ERROR_NO_MEMORY, "out of memory");
    item = NULL;
    return true;
}

/* The value wrapped in what the rest of the path asks for; taken in any case. */
static bool wrap(const char *path, const char *at, cJSON **value, cJSON **ret, struct error *error)
{
    scoped(json_free) cJSON *item = take(value);
    struct step step;

    if (next_step(&at, false, &step) == STEP_END) {
        *ret = take(&item);
        return true;
    }
    scoped(json_free) cJSON *holder = step.name[0] ? cJSON_CreateObject() : cJSON_CreateArray();
    if (!holder)
        return error_set(error, ERROR_NO_MEMORY, "out of memory");
    if (!step.name[0] && step.index > 0)
        return misfit(path, at, &step, holder, error);
    cJSON *inner = take(&item);
    if (!wrap(path, at, &inner, &item, error) || !put(holder, &step, &item, error))
        return false;
    *ret = take(&holder);
    return true;
}

bool json_set_at(cJSON *json, const char *path, cJSON **value, struct error *error)
{
    scoped(json_free) cJSON *item = take(value);
    scoped(json_free) cJSON *wrapped = NULL;
    const char *at = path;
    struct step step;

    if (!item)
        return error_set(error, ERROR_NO_MEMORY, "out of memory");
    if (!check_path(path, error))
        return false;
    for (bool first = true;; first = false) {
        bool fits;
        next_step(&at, first, &step);
        cJSON *next = follow(json, &step, &fits);
        if (!fits || (!next && !step.name[0] && step.index != cJSON_GetArraySize(json)))
            return misfit(path, at, &step, json, error);
        if (!next || cJSON_IsNull(next) || *at == '\0')
            break;
        json = next;
    }
    return wrap(path, at, &item, &wrapped, error) && put(json, &step, &wrapped, error);
}

static bool merge_member(cJSON *target, const cJSON *patch, struct error *error)
{
    cJSON *old = cJSON_GetObjectItemCaseSensitive(target, patch->string);
    cJSON *copy;

    if (cJSON_IsObject(old) && cJSON_IsObject(patch))
        return json_merge(old, patch, error);
    copy = cJSON_Duplicate(patch, true);
    if (copy && (old ? cJSON_ReplaceItemInObjectCaseSensitive(target, patch->string, copy)
                     : cJSON_AddItemToObject(target, patch->string, copy)))
        return true;
    cJSON_Delete(copy);
    return error_set(error, ERROR_NO_MEMORY, "out of memory");
}

bool json_merge(cJSON *target, const cJSON *patch, struct error *error)
{
    if (!cJSON_IsObject(target) || !cJSON_IsObject(patch))
        return error_set(error, ERROR_INVALID, "only sets of keys can be merged");
    for (const cJSON *item = patch->child; item; item = item->next)
        if (!merge_member(target, item, error))
            return false;
    return true;
}
