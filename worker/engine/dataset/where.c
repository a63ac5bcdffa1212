#include "worker/engine/dataset/where.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/number.h"

#define PLACE "data.where"

/* In the order in which they are looked for: the longer first. */
static const char *const operator_text[] = {
    [WHERE_LE] = "<=", [WHERE_GE] = ">=", [WHERE_NE] = "!=",
    [WHERE_EQ] = "==", [WHERE_LT] = "<",  [WHERE_GT] = ">",
};
#define N_OPERATORS ((int)(sizeof(operator_text) / sizeof(operator_text[0])))

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "reading conditions");
}

/* ---- a condition ------------------------------------------------------------------------------*/

void where_condition_release(struct where_condition *condition)
{
    free(condition->column);
    free(condition->text);
    *condition = (struct where_condition){0};
}

/* Where the first operator begins. */
static const char *find_operator(const char *text, enum where_operator *ret)
{
    for (; *text; text++)
        for (int i = 0; i < N_OPERATORS; i++)
            if (strncmp(text, operator_text[i], strlen(operator_text[i])) == 0) {
                *ret = (enum where_operator)i;
                return text;
            }
    return NULL;
}

static char *trimmed(const char *text, size_t size)
{
    while (size > 0 && isspace((unsigned char)text[size - 1]))
        size--;
    while (size > 0 && isspace((unsigned char)*text)) {
        text++;
        size--;
    }
    return strndup(text, size);
}

/* All of the text, as an integer of 64 bits. */
static bool integer_of(const char *text, int64_t *ret)
{
    char *end;

    errno = 0;
    *ret = strtoll(text, &end, 10);
    return end != text && !*end && errno == 0;
}

bool where_parse(const char *text, struct where_condition *ret, struct error *error)
{
    scoped(where_condition_release) struct where_condition condition = {0};
    const char *at = find_operator(text, &condition.operator), *value;
    char *end;

    if (!at)
        return error_set_at(error, ERROR_INVALID, PLACE,
                            "expected a column, one of <= >= == != < >, and a value, not '%s'",
                            text);
    value = at + strlen(operator_text[condition.operator]);
    condition.column = trimmed(text, (size_t)(at - text));
    condition.text = trimmed(value, strlen(value));
    if (!condition.column || !condition.text)
        return no_memory(error);
    if (!*condition.column || !*condition.text)
        return error_set_at(error, ERROR_INVALID, PLACE, "'%s' lacks %s", text,
                            *condition.column ? "a value" : "a column");
    condition.number = strtod(condition.text, &end);
    condition.is_number = !*end && isfinite(condition.number);
    condition.is_integer = integer_of(condition.text, &condition.integer);
    if (!condition.is_number && condition.operator!= WHERE_EQ && condition.operator!= WHERE_NE)
        return error_set_at(error, ERROR_INVALID, PLACE,
                            "'%s': texts are compared by == and !=", text);
    *ret = condition;
    condition = (struct where_condition){0};
    return true;
}

/* order: negative, 0 or positive, as the value is less than what it is compared with, or not. */
static bool meets_order(enum where_operator operator, int order)
{
    switch (operator) {
    case WHERE_LE:
        return order <= 0;
    case WHERE_GE:
        return order >= 0;
    case WHERE_NE:
        return order != 0;
    case WHERE_EQ:
        return order == 0;
    case WHERE_LT:
        return order < 0;
    case WHERE_GT:
        return order > 0;
    }
    return false;
}

static bool meets_number(const struct where_condition *condition, double value)
{
    return !isnan(value) && meets_order(condition->operator,(value > condition->number) -
                                                                (value < condition->number));
}

static bool meets_integer(const struct where_condition *condition, int64_t value)
{
    if (!condition->is_integer)
        return meets_number(condition, (double)value);
    return meets_order(condition->operator,(value > condition->integer) -
                                               (value < condition->integer));
}

/* A text that is a number is compared as one with a number. */
static bool meets_text(const struct where_condition *condition, const char *text)
{
    char *end;
    double value = strtod(text, &end);
    int64_t integer;

    if (condition->is_number && integer_of(text, &integer))
        return meets_integer(condition, integer);
    if (condition->is_number && end != text && !*end)
        return meets_number(condition, value);
    return condition->operator== WHERE_NE
               ? strcmp(text, condition->text) != 0
               : condition->operator== WHERE_EQ && strcmp(text, condition->text) == 0;
}

/* ---- columns ----------------------------------------------------------------------------------*/

void where_columns_release(struct setting_texts *columns)
{
    for (size_t i = 0; i < columns->n; i++)
        free(columns->item[i]);
    free(columns->item);
    *columns = (struct setting_texts){0};
}

bool where_columns(const struct setting_texts *where, struct setting_texts *ret,
                   struct error *error)
{
    scoped(where_columns_release) struct setting_texts list = {
        .item = (char **)calloc(where->n + 1, sizeof(char *))};

    if (!list.item)
        return no_memory(error);
    for (size_t i = 0; i < where->n; i++) {
        scoped(where_condition_release) struct where_condition condition = {0};
        bool known = false;

        if (!where_parse(where->item[i], &condition, error))
            return false;
        for (size_t j = 0; j < list.n; j++)
            known = known || strcmp(list.item[j], condition.column) == 0;
        if (!known)
            list.item[list.n++] = take(&condition.column);
    }
    *ret = list;
    list = (struct setting_texts){0};
    return true;
}

/* ---- rows -------------------------------------------------------------------------------------*/

void where_release(struct where *where)
{
    for (int i = 0; i < where->n; i++) {
        where_condition_release(&where->condition[i]);
        free(where->meets[i]);
    }
    *where = (struct where){0};
}

static bool judge_texts(struct where *where, int i, struct error *error)
{
    const struct dictionary *texts = &where->column[i]->dictionary;

    where->meets[i] = calloc((size_t)texts->n + 1, sizeof(bool));
    if (!where->meets[i])
        return no_memory(error);
    for (int32_t code = 0; code < texts->n; code++)
        where->meets[i][code] = meets_text(&where->condition[i], texts->text[code]);
    return true;
}

static bool find_column(struct where *where, int i, const struct where_column *column, int64_t n,
                        struct error *error)
{
    const struct where_condition *condition = &where->condition[i];

    for (int64_t k = 0; k < n && !where->column[i]; k++)
        if (strcmp(column[k].name, condition->column) == 0)
            where->column[i] = &column[k];
    if (!where->column[i])
        return error_set_at(error, ERROR_INVALID, PLACE, "there is no column '%s'",
                            condition->column);
    if (where->column[i]->code)
        return judge_texts(where, i, error);
    return condition->is_number ||
           error_set_at(error, ERROR_INVALID, PLACE, "'%s' holds numbers, and '%s' is none",
                        condition->column, condition->text);
}

bool where_open(const struct setting_texts *said, const struct where_column *column, int64_t n,
                struct where *ret, struct error *error)
{
    scoped(where_release) struct where where = {0};

    for (size_t i = 0; i < said->n && i < WHERE_MAX; i++)
        if (!where_parse(said->item[i], &where.condition[where.n++], error) ||
            !find_column(&where, (int)i, column, n, error))
            return false;
    *ret = where;
    where = (struct where){0};
    return true;
}

/* Rounding keeps the order of integers, and may make equal what is not. */
static bool is_rounded(const struct where_condition *condition, double value)
{
    return condition->is_integer && value == condition->number && fabs(value) >= NUMBER_EXACT;
}

static bool meets(const struct where *where, int i, int64_t row)
{
    const struct where_column *column = where->column[i];

    if (column->code)
        return column->code[row] >= 0 && where->meets[i][column->code[row]];
    if (column->real)
        return meets_number(&where->condition[i], column->real[row]);
    return meets_integer(&where->condition[i], column->integer[row]);
}

bool where_keeps(struct where *where, int64_t row)
{
    bool keeps = true;

    for (int i = 0; i < where->n; i++) {
        bool met = meets(where, i, row);

        where->n_left_out[i] += !met;
        where->n_rounded[i] +=
            where->column[i]->real && is_rounded(&where->condition[i], where->column[i]->real[row]);
        keeps = keeps && met;
    }
    return keeps;
}

static bool refuse_rounded(const struct where *where, struct error *error)
{
    for (int i = 0; i < where->n; i++)
        if (where->n_rounded[i] > 0)
            return error_set_at(error, ERROR_INVALID, PLACE,
                                "%lld rows have a '%s' that may be %s, but is rounded: integers "
                                "beyond 2^53 are compared exactly where the column is one of "
                                "data.id, data.group or data.series, or is ignored and none is "
                                "missing",
                                (long long)where->n_rounded[i], where->condition[i].column,
                                where->condition[i].text);
    return true;
}

bool where_tell(const struct where *where, struct buffer *ret, struct error *error)
{
    if (!refuse_rounded(where, error))
        return false;
    for (int i = 0; i < where->n; i++)
        if (!buffer_append_format(ret, error, "%s%s %s %s: %lld rows do not", i > 0 ? ", " : "",
                                  where->condition[i].column,
                                  operator_text[where->condition[i].operator],
                                  where->condition[i].text, (long long)where->n_left_out[i]))
            return false;
    return true;
}
