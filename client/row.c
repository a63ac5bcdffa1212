#include "client/row.h"

#include "client/select.h"
#include "common/owner.h"
#include "common/spec/spec.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Appends to a text of ROW_TEXT_SIZE bytes, cutting what is too much. */
__attribute__((format(printf, 2, 3))) static void add(char *buffer, const char *format, ...)
{
    size_t used = strlen(buffer);
    va_list list;

    va_start(list, format);
    vsnprintf(buffer + used, ROW_TEXT_SIZE - used, format, list);
    va_end(list);
}

bool row_has_ended(const cJSON *row)
{
    return state_has_ended(json_text(row, "state", ""));
}

bool row_is_settled(const cJSON *row)
{
    return row_has_ended(row) || strcmp(json_text(row, "held_by", ""), "nightjar") == 0;
}

const char *row_state(const cJSON *row, char buffer[ROW_TEXT_SIZE])
{
    const char *state = json_text(row, "state", "?");
    const char *verdict = json_text(row, "verdict", "");

    snprintf(buffer, ROW_TEXT_SIZE, "%s", row_has_ended(row) && *verdict ? verdict : state);
    for (char *at = buffer; *at; at++)
        if (*at == '_')
            *at = ' ';
    return buffer;
}

const char *row_progress(const struct render *render, const cJSON *row, char buffer[ROW_TEXT_SIZE])
{
    const cJSON *progress = json_member(row, "progress");
    double done = json_number(progress, "done", 0), total = json_number(progress, "total", 0);
    char bar[64], of[RENDER_NUMBER_SIZE], all[RENDER_NUMBER_SIZE];

    buffer[0] = '\0';
    if (row_has_ended(row) || !cJSON_IsObject(progress))
        return buffer;
    if (total <= 0)
        snprintf(buffer, ROW_TEXT_SIZE, "%s %s", render_number(done, of),
                 json_text(progress, "unit", ""));
    else
        snprintf(buffer, ROW_TEXT_SIZE, "%s %s/%s %s",
                 render_bar(render, done / total, 10, bar, sizeof(bar)),
                 render_number(total < 10 ? floor(done * 10) / 10 : floor(done), of),
                 render_number(total, all), json_text(progress, "unit", ""));
    return buffer;
}

const char *row_eta(const cJSON *row, char buffer[ROW_TEXT_SIZE])
{
    char text[RENDER_NUMBER_SIZE];
    double left = json_number(row, "eta_s", NAN);

    buffer[0] = '\0';
    if (!row_has_ended(row) && isfinite(left) && left >= 0)
        snprintf(buffer, ROW_TEXT_SIZE, "%s", render_duration(left, text));
    return buffer;
}

const char *row_marks(const cJSON *marks, char buffer[ROW_TEXT_SIZE])
{
    const cJSON *mark;

    buffer[0] = '\0';
    cJSON_ArrayForEach(mark, marks)
    {
        const char *text = cJSON_GetStringValue(mark);

        if (!text)
            text = json_text(mark, "mark", "");
        add(buffer, "%s%s", *buffer ? ", " : "", text);
    }
    return buffer;
}

const char *row_outcome(const cJSON *row, char buffer[ROW_TEXT_SIZE])
{
    const cJSON *metric = json_member(row, "metric");
    const char *message = json_text(row, "message", "");
    char number[RENDER_NUMBER_SIZE];

    row_marks(json_member(row, "marks"), buffer);
    if (*buffer)
        add(buffer, "  ");
    if (*message && strcmp(json_text(row, "state", ""), "done") != 0)
        add(buffer, "%s", message);
    else if (json_member(metric, "value"))
        add(buffer, "%s %s", json_text(metric, "name", ""),
            render_number(json_number(metric, "value", NAN), number));
    return buffer;
}

const char *row_value(const cJSON *value, char buffer[ROW_TEXT_SIZE])
{
    scoped(buffer_release) struct buffer json = {0};
    const char *label = json_text(value, "label", NULL);
    struct error error;

    if (label)
        snprintf(buffer, ROW_TEXT_SIZE, "%s", label);
    else if (cJSON_IsString(value))
        snprintf(buffer, ROW_TEXT_SIZE, "%s", value->valuestring);
    else if (cJSON_IsNumber(value))
        render_number(value->valuedouble, buffer);
    else if (!value || !json_print(value, &json, &error))
        snprintf(buffer, ROW_TEXT_SIZE, "-");
    else
        snprintf(buffer, ROW_TEXT_SIZE, "%s", json.data);
    return buffer;
}

const char *row_parameters(const cJSON *parameters, char buffer[ROW_TEXT_SIZE])
{
    const cJSON *parameter;
    char value[ROW_TEXT_SIZE];

    buffer[0] = '\0';
    cJSON_ArrayForEach(parameter, parameters)
        add(buffer, "%s%s=%s", *buffer ? " " : "", spec_short_name(parameters, parameter->string),
            row_value(parameter, value));
    return buffer;
}

/* How long it ran, or has run so far. */
static double row_elapsed(const cJSON *row)
{
    return cJSON_IsNumber(json_member(row, "started")) ? json_number(row, "elapsed_s", NAN) : NAN;
}

bool row_print_table(const struct render *render, const cJSON *const *row, size_t n,
                     struct error *error)
{
    static const struct table_column columns[] = {
        {.title = "id", .right = true},         {.title = "name", .shrinks = true},
        {.title = "parameters", .drops = true}, {.title = "state"},
        {.title = "time", .right = true},       {.title = "left", .right = true},
        {.title = "progress", .shrinks = true}, {.title = "outcome", .shrinks = true},
    };
    scoped(table_free) struct table *table = table_new(columns, sizeof(columns) / sizeof(*columns));

    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    for (size_t i = 0; i < n; i++) {
        char text[ROW_TEXT_SIZE], time[RENDER_NUMBER_SIZE];
        const char *state;
        bool marked = cJSON_GetArraySize(json_member(row[i], "marks")) > 0;

        table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(row[i], "id", 0));
        table_cell(table, STYLE_PLAIN, "%s", json_text(row[i], "name", ""));
        table_cell(table, STYLE_DIM, "%s", row_parameters(json_member(row[i], "parameters"), text));
        state = row_state(row[i], text);
        table_cell(table, render_state_style(state), "%s", state);
        table_cell(table, STYLE_PLAIN, "%s", render_duration(row_elapsed(row[i]), time));
        table_cell(table, STYLE_PLAIN, "%s", row_eta(row[i], text));
        table_cell(table, STYLE_PLAIN, "%s", row_progress(render, row[i], text));
        table_cell(table, marked ? STYLE_RED : STYLE_PLAIN, "%s", row_outcome(row[i], text));
    }
    return table_print(table, render, error);
}

bool row_print_tabs(const struct render *render, const cJSON *const *row, size_t n,
                    struct error *error)
{
    static const struct table_column columns[6] = {{0}};
    scoped(table_free) struct table *table = table_new(columns, sizeof(columns) / sizeof(*columns));

    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    for (size_t i = 0; i < n; i++) {
        char text[ROW_TEXT_SIZE];
        double elapsed = row_elapsed(row[i]);

        table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(row[i], "id", 0));
        table_cell(table, STYLE_PLAIN, "%s", json_text(row[i], "state", ""));
        table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(row[i], "batch", 0));
        table_cell(table, STYLE_PLAIN, "%s", json_text(row[i], "name", ""));
        if (isfinite(elapsed))
            table_cell(table, STYLE_PLAIN, "%.3f", elapsed);
        else
            table_cell(table, STYLE_PLAIN, "%s", "");
        table_cell(table, STYLE_PLAIN, "%s", row_outcome(row[i], text));
    }
    return table_print_tabs(table, render, error);
}

const char *row_interval(double low, double high, int decimals, char text[ROW_TEXT_SIZE])
{
    char number[RENDER_NUMBER_SIZE];

    *text = '\0';
    if (!isfinite(low) || !isfinite(high))
        return text;
    if (decimals > 0 && fabs(low) < 1e6 && fabs(high) < 1e6) {
        (void)snprintf(text, ROW_TEXT_SIZE, "%.*f .. %.*f", decimals, low, decimals, high);
        return text;
    }
    (void)snprintf(text, ROW_TEXT_SIZE, "%s .. ", render_number(low, number));
    (void)snprintf(text + strlen(text), ROW_TEXT_SIZE - strlen(text), "%s",
                   render_number(high, number));
    return text;
}
