/*
 * Reading JSON into a cJSON tree: cJSON's own parser takes control characters, duplicate keys,
 * broken UTF-8 and numbers of 64 digits as they come.
 *
 * One pass of recursive descent, as deep as JSON_DEPTH_LIMIT at most. Strings become C strings, so
 * that the character NUL is refused.
 */
#include "common/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/json_plain.h"
#include "common/owner.h"
#include "common/utf8.h"

#define NUMBER_TEXT_LIMIT 1024 /* characters of one number */
#define FEW_KEYS 16            /* so many are compared one by one */

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

__attribute__((format(printf, 3, 4))) static void explain(struct parser *parser, size_t at,
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
}

/* A macro, so that a static analyser sees that a refusal ends the reading. */
#define refuse(...) (explain(__VA_ARGS__), false)

static bool no_memory(struct parser *parser)
{
    error_set(parser->error, ERROR_NO_MEMORY, "out of memory");
    return false;
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
    *ret_size = utf8_encode(code, to);
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
    size_t size = utf8_size(from, parser->size - parser->at);
    if (size == 0)
        return refuse(parser, parser->at, "invalid UTF-8");
    memcpy(to, from, size);
    parser->at += size;
    *ret_size = size;
    return true;
}

/* Bytes from `i` to the closing quote: what they say is never longer. */
static size_t string_bound(const struct parser *parser, size_t i)
{
    size_t start = i;

    while (i < parser->size && parser->text[i] != '"')
        i += parser->text[i] == '\\' ? 2 : 1;
    return (i < parser->size ? i : parser->size) - start;
}

static void text_free(char **text)
{
    cJSON_free(*text);
    *text = NULL;
}

/* The bytes from here on that stay as they are. */
static size_t plain_size(const struct parser *parser)
{
    return json_plain_size(parser->text + parser->at, parser->size - parser->at);
}

static bool parse_string(struct parser *parser, char **ret_text)
{
    scoped(text_free) char *text = NULL;
    size_t size = 0, more;

    parser->at++;
    more = plain_size(parser);
    text = cJSON_malloc(more + string_bound(parser, parser->at + more) + 1);
    if (!text)
        return no_memory(parser);
    for (;;) {
        memcpy(text + size, parser->text + parser->at, more);
        parser->at += more;
        size += more;
        if (parser->at >= parser->size || parser->text[parser->at] == '"')
            break;
        if (!parse_character(parser, text + size, &more))
            return false;
        size += more;
        more = plain_size(parser);
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
    size_t n_keys = parser->n_keys - first;

    parser->n_keys = first;
    if (n_keys <= FEW_KEYS)
        return true;
    struct key *keys = parser->keys + first;
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
