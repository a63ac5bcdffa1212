/*
 * sum     = product (('+' | '-') product)*
 * product = factor (('*' | '/') factor)*
 * factor  = number | name | '-' factor | '(' sum ')'
 *
 * Arithmetic is int64 and exact: what overflows or leaves a remainder is an error, not a surprise
 * in a layer's size.
 */
#include "common/spec/expression.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_LIMIT 32

struct parser {
    const char *text, *at;
    const struct expression_variable *variable;
    size_t n;
    int depth;
    struct error *error;
};

static bool parse_sum(struct parser *parser, int64_t *ret_value);

static char peek(struct parser *parser)
{
    parser->at += strspn(parser->at, " \t");
    return *parser->at;
}

static bool fail_syntax(struct parser *parser, const char *expected)
{
    if (peek(parser) == '\0')
        return error_set(parser->error, ERROR_INVALID, "'%.60s': expected %s at the end",
                         parser->text, expected);
    return error_set(parser->error, ERROR_INVALID, "'%.60s': expected %s at '%.20s'", parser->text,
                     expected, parser->at);
}

static bool fail_overflow(struct parser *parser)
{
    return error_set(parser->error, ERROR_INVALID, "'%.60s': the result is too large",
                     parser->text);
}

static bool parse_number(struct parser *parser, int64_t *ret_value)
{
    int64_t value = 0;

    while (isdigit((unsigned char)*parser->at)) {
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *parser->at - '0', &value))
            return fail_overflow(parser);
        parser->at++;
    }
    *ret_value = value;
    return true;
}

static bool fail_unknown(struct parser *parser, const char *name, size_t length)
{
    char known[256] = "";
    size_t used = 0;

    for (size_t i = 0; i < parser->n && used < sizeof(known); i++)
        used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
                                 parser->variable[i].name);
    return error_set(parser->error, ERROR_INVALID, "'%.60s': unknown name '%.*s'; known: %s",
                     parser->text, (int)(length < 60 ? length : 60), name,
                     parser->n ? known : "none");
}

static bool parse_name(struct parser *parser, int64_t *ret_value)
{
    const char *name = parser->at;

    while (isalnum((unsigned char)*parser->at) || *parser->at == '_' || *parser->at == '.')
        parser->at++;

    size_t length = (size_t)(parser->at - name);

    for (size_t i = 0; i < parser->n; i++) {
        const struct expression_variable *variable = &parser->variable[i];

        if (strlen(variable->name) == length && memcmp(variable->name, name, length) == 0) {
            *ret_value = variable->value;
            return true;
        }
    }
    return fail_unknown(parser, name, length);
}

static bool parse_group(struct parser *parser, int64_t *ret_value)
{
    parser->at++;
    if (!parse_sum(parser, ret_value))
        return false;
    if (peek(parser) != ')')
        return fail_syntax(parser, "')'");
    parser->at++;
    return true;
}

static bool parse_negative(struct parser *parser, int64_t *ret_value);

static bool parse_factor(struct parser *parser, int64_t *ret_value)
{
    char c = peek(parser);
    bool done;

    if (isdigit((unsigned char)c))
        return parse_number(parser, ret_value);
    if (isalpha((unsigned char)c) || c == '_')
        return parse_name(parser, ret_value);
    if (c != '(' && c != '-')
        return fail_syntax(parser, "a number or a name");
    if (++parser->depth > DEPTH_LIMIT)
        return error_set(parser->error, ERROR_INVALID, "'%.60s': nested too deeply", parser->text);
    done = c == '(' ? parse_group(parser, ret_value) : parse_negative(parser, ret_value);
    parser->depth--;
    return done;
}

static bool parse_negative(struct parser *parser, int64_t *ret_value)
{
    int64_t value = 0;

    parser->at++;
    if (!parse_factor(parser, &value))
        return false;
    if (__builtin_sub_overflow((int64_t)0, value, ret_value))
        return fail_overflow(parser);
    return true;
}

static bool divide(struct parser *parser, int64_t a, int64_t b, int64_t *ret_value)
{
    if (b == 0)
        return error_set(parser->error, ERROR_INVALID, "'%.60s': division by zero", parser->text);
    if (a == INT64_MIN && b == -1)
        return fail_overflow(parser);
    if (a % b)
        return error_set(parser->error, ERROR_INVALID, "'%.60s': %lld is not a multiple of %lld",
                         parser->text, (long long)a, (long long)b);
    *ret_value = a / b;
    return true;
}

static bool parse_product(struct parser *parser, int64_t *ret_value)
{
    int64_t value = 0, factor = 0;

    if (!parse_factor(parser, &value))
        return false;
    for (char c = peek(parser); c == '*' || c == '/'; c = peek(parser)) {
        parser->at++;
        if (!parse_factor(parser, &factor))
            return false;
        if (c == '/' && !divide(parser, value, factor, &value))
            return false;
        if (c == '*' && __builtin_mul_overflow(value, factor, &value))
            return fail_overflow(parser);
    }
    *ret_value = value;
    return true;
}

static bool parse_sum(struct parser *parser, int64_t *ret_value)
{
    int64_t value = 0, term = 0;

    if (!parse_product(parser, &value))
        return false;
    for (char c = peek(parser); c == '+' || c == '-'; c = peek(parser)) {
        parser->at++;
        if (!parse_product(parser, &term))
            return false;
        if (c == '+' ? __builtin_add_overflow(value, term, &value)
                     : __builtin_sub_overflow(value, term, &value))
            return fail_overflow(parser);
    }
    *ret_value = value;
    return true;
}

bool expression_evaluate(const char *text, const struct expression_variable *variable, size_t n,
                         int64_t *ret_value, struct error *error)
{
    struct parser parser = {.text = text, .at = text, .variable = variable, .n = n, .error = error};
    int64_t value = 0;

    if (!parse_sum(&parser, &value))
        return false;
    if (peek(&parser))
        return fail_syntax(&parser, "an operator");
    *ret_value = value;
    return true;
}
