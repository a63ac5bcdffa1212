#include "client/show.h"

#include "client/report.h"
#include "client/row.h"
#include "common/clock.h"
#include "common/owner.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_COLUMNS_SHOWN 16

bool show_ask(struct client *client, int64_t id, cJSON **ret_experiment, struct error *error)
{
    scoped(json_free) cJSON *params = NULL;

    if (!client_object(&params, error))
        return false;
    if (!json_add_integer(params, "id", id))
        return error_set(error, ERROR_NO_MEMORY, "preparing the request");
    return client_call(client, "show", &params, ret_experiment, error);
}

/* "label       text"; nothing where the text is empty. */
static bool print_field(const struct render *render, const char *label, const char *text,
                        struct error *error)
{
    scoped(buffer_release) struct buffer clean = {0};

    if (!text || !*text)
        return true;
    if (!render_clean(render, text, 0, &clean, error))
        return false;
    fprintf(render->out, "%s%-12s%s %s\n", render_style(render, STYLE_DIM), label,
            render_reset(render, STYLE_DIM), clean.data);
    return true;
}

/* What needs no quotes in any shell. */
static bool is_plain(const char *text)
{
    for (; *text; text++)
        if (!isalnum((unsigned char)*text) && !strchr("_-./:=,+@%^", *text))
            return false;
    return true;
}

static bool has_control(const char *text)
{
    while (*text && !iscntrl((unsigned char)*text))
        text++;
    return *text;
}

/* $'a\nb': a newline would be lost on the one line that a command is shown in. */
static bool append_escaped(const char *text, struct buffer *line, struct error *error)
{
    if (!buffer_append_text(line, "$'", error))
        return false;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool added = c == '\n'                ? buffer_append_text(line, "\\n", error)
                     : c == '\t'              ? buffer_append_text(line, "\\t", error)
                     : iscntrl(c)             ? buffer_append_format(line, error, "\\%03o", c)
                     : c == '\'' || c == '\\' ? buffer_append_format(line, error, "\\%c", c)
                                              : buffer_append(line, text, 1, error);

        if (!added)
            return false;
    }
    return buffer_append_text(line, "'", error);
}

/* As a shell would read it back. */
static bool append_quoted(const char *text, struct buffer *line, struct error *error)
{
    if (*text && is_plain(text))
        return buffer_append_text(line, text, error);
    if (has_control(text))
        return append_escaped(text, line, error);
    if (!buffer_append_text(line, "'", error))
        return false;
    for (const char *quote; (quote = strchr(text, '\'')); text = quote + 1) {
        if (!buffer_append(line, text, (size_t)(quote - text), error) ||
            !buffer_append_text(line, "'\\''", error))
            return false;
    }
    return buffer_append_text(line, text, error) && buffer_append_text(line, "'", error);
}

static bool print_command(const struct render *render, const cJSON *experiment, struct error *error)
{
    scoped(buffer_release) struct buffer line = {0};
    const cJSON *word;

    cJSON_ArrayForEach(word, json_at(experiment, "spec.command"))
    {
        const char *text = cJSON_IsString(word) ? word->valuestring : "";

        if (!buffer_append_text(&line, line.size ? " " : "", error) ||
            !append_quoted(text, &line, error))
            return false;
    }
    return print_field(render, "command", line.data, error);
}

static bool print_times(const struct render *render, const cJSON *experiment, struct error *error)
{
    double now = (double)clock_system.wall_ms(clock_system.context) / 1000;
    double submitted = json_number(experiment, "submitted", NAN);
    double started = json_number(experiment, "started", NAN);
    double ended = json_number(experiment, "ended", NAN);
    long long run = (long long)json_integer(experiment, "run", 0);
    char text[4 * RENDER_NUMBER_SIZE], a[RENDER_NUMBER_SIZE], which[32] = "";
    size_t used;

    if (run > 1) /* what follows is of the latest alone */
        snprintf(which, sizeof(which), "run %lld ", run);
    used = (size_t)snprintf(text, sizeof(text), "submitted %s", render_time(submitted, now, a));
    if (isfinite(started))
        used += (size_t)snprintf(text + used, sizeof(text) - used, ", %sstarted %s", which,
                                 render_time(started, now, a));
    if (isfinite(ended))
        used += (size_t)snprintf(text + used, sizeof(text) - used, ", ended %s",
                                 render_time(ended, now, a));
    if (isfinite(started))
        snprintf(text + used, sizeof(text) - used, ", took %s",
                 render_duration(json_number(experiment, "elapsed_s", NAN), a));
    return print_field(render, "time", text, error);
}

/* "3, batch 4 (done already)" */
static bool print_after(const struct render *render, const cJSON *experiment, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    const cJSON *item;

    cJSON_ArrayForEach(item, json_member(experiment, "after"))
    {
        bool batch = json_member(item, "batch") != NULL;

        if (!buffer_append_format(&text, error, "%s%s%lld%s%s", text.size ? ", " : "",
                                  batch ? "batch " : "",
                                  (long long)json_integer(item, batch ? "batch" : "id", 0),
                                  json_boolean(item, "ok", false) ? " where it is done" : "",
                                  json_boolean(item, "met", false) ? " (it has ended)" : ""))
            return false;
    }
    return print_field(render, "after", text.data, error);
}

/* The test part is the last one that is told. */
static bool add_looks(const cJSON *split, struct buffer *text, struct error *error)
{
    long long n = (long long)json_integer(split, "test_looks", 1);

    if (n == 0)
        return buffer_append_text(text, ", which stay closed", error);
    return n == 1 || buffer_append_format(text, error, ", which %lld experiments have measured", n);
}

/* "by group: train 528 rows of 8 groups, test 462 rows of 7 groups" */
static bool print_split(const struct render *render, const cJSON *experiment, struct error *error)
{
    static const char *const part[] = {"train", "valid", "test"};
    const cJSON *split = json_at(experiment, "result.split");
    const char *of = json_text(split, "of", "rows"), *before = "";
    scoped(buffer_release) struct buffer text = {0};

    if (!split)
        return true;
    if (!buffer_append_format(&text, error, "by %s: ", json_text(split, "by", "")))
        return false;
    for (size_t i = 0; i < sizeof(part) / sizeof(part[0]); i++) {
        long long rows = json_integer(split, part[i], 0);
        long long groups = json_integer(json_member(split, "groups"), part[i], 0);

        if (rows == 0)
            continue;
        if (!buffer_append_format(&text, error, "%s%s %lld %.*s", before, part[i], rows,
                                  (int)(strlen(of) - (rows == 1)), of))
            return false;
        before = ", ";
        if (groups > 0 &&
            !buffer_append_format(&text, error, " of %lld group%s", groups, groups == 1 ? "" : "s"))
            return false;
    }
    return add_looks(split, &text, error) && print_field(render, "split", text.data, error);
}

static bool print_head(const struct render *render, const cJSON *experiment, struct error *error)
{
    char text[ROW_TEXT_SIZE], eta[ROW_TEXT_SIZE];
    scoped(buffer_release) struct buffer name = {0};
    const char *state;

    if (!render_clean(render, json_text(experiment, "name", ""), 0, &name, error))
        return false;
    state = row_state(experiment, text);
    fprintf(render->out, "%s%lld %s%s  %s%s%s", render_style(render, STYLE_BOLD),
            (long long)json_integer(experiment, "id", 0), name.data ? name.data : "",
            render_reset(render, STYLE_BOLD), render_style(render, render_state_style(state)),
            state, render_reset(render, render_state_style(state)));
    row_progress(render, experiment, text);
    row_eta(experiment, eta);
    fprintf(render->out, "%s%s%s%s\n", *text ? "  " : "", text, *eta ? "  left " : "", eta);

    snprintf(text, sizeof(text), "%lld, seed %lld, replicate %lld, priority %lld",
             (long long)json_integer(experiment, "batch", 0),
             (long long)json_integer(experiment, "seed", 0),
             (long long)json_integer(experiment, "replicate", 0),
             (long long)json_integer(experiment, "priority", 0));
    return print_field(render, "batch", text, error) &&
           print_field(render, "question", json_text(experiment, "question", ""), error) &&
           print_field(render, "expected", json_text(experiment, "expectation", ""), error) &&
           print_field(render, "parameters",
                       row_parameters(json_member(experiment, "parameters"), text), error) &&
           print_times(render, experiment, error) && print_after(render, experiment, error) &&
           print_command(render, experiment, error) && print_split(render, experiment, error) &&
           print_field(render, "in", json_text(experiment, "cwd", ""), error) &&
           print_field(render, "files", json_text(experiment, "directory", ""), error) &&
           print_field(render, "message", json_text(experiment, "message", ""), error);
}

static bool print_marks(const struct render *render, const cJSON *experiment, struct error *error)
{
    char text[ROW_TEXT_SIZE];

    row_marks(json_member(experiment, "marks"), text);
    if (!*text)
        return true;
    fputs(render_style(render, STYLE_RED), render->out);
    if (!print_field(render, "marks", text, error))
        return false;
    fputs(render_reset(render, STYLE_RED), render->out);
    return true;
}

static void print_title(const struct render *render, const char *title)
{
    fprintf(render->out, "\n%s%s%s\n", render_style(render, STYLE_BOLD), title,
            render_reset(render, STYLE_BOLD));
}

static bool print_metrics(const struct render *render, const cJSON *experiment, struct error *error)
{
    static const struct table_column columns[] = {
        {.title = "metric", .shrinks = true},
        {.title = "value", .right = true},
        {.title = "naive", .right = true},
    };
    const cJSON *metrics = json_at(experiment, "result.metrics"), *metric;
    const cJSON *naive = json_at(experiment, "result.naive");
    scoped(table_free) struct table *table = table_new(columns, 3);

    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    cJSON_ArrayForEach(metric, metrics)
    {
        char value[ROW_TEXT_SIZE], without[ROW_TEXT_SIZE] = "";

        if (json_member(naive, metric->string))
            row_value(json_member(naive, metric->string), without);
        table_cell(table, STYLE_PLAIN, "%s", metric->string);
        table_cell(table, STYLE_PLAIN, "%s",
                   cJSON_IsNull(metric) ? "undefined" : row_value(metric, value));
        table_cell(table, STYLE_DIM, "%s", without);
    }
    if (table_rows(table) == 0)
        return true;
    print_title(render, "result");
    return table_print(table, render, error);
}

static bool row_is_named(const cJSON *rows)
{
    return cJSON_IsString(cJSON_GetArrayItem(cJSON_GetArrayItem(rows, 0), 0));
}

/* A row that older versions kept may be too short or too long. */
static void add_cells(struct table *table, const cJSON *row, int n)
{
    char value[ROW_TEXT_SIZE];

    for (int c = 0; c < n; c++)
        table_cell(table, STYLE_PLAIN, "%s",
                   c < cJSON_GetArraySize(row) ? row_value(cJSON_GetArrayItem(row, c), value)
                                               : "-");
}

/* {columns:[...], rows:[[...]]}; row labels are the columns' names where the table is square. */
static bool print_result_table(const struct render *render, const cJSON *content,
                               struct error *error)
{
    const cJSON *names = json_member(content, "columns"), *rows = json_member(content, "rows");
    size_t n = (size_t)cJSON_GetArraySize(names), labels;
    struct table_column columns[TABLE_COLUMNS_SHOWN + 1] = {{.title = ""}};
    scoped(table_free) struct table *table = NULL;
    const cJSON *row;
    int i = 0;

    if (n == 0 || n > TABLE_COLUMNS_SHOWN) {
        fprintf(render->out, "%zu columns: see --json\n", n);
        return true;
    }
    labels = (size_t)cJSON_GetArraySize(rows) == n && !row_is_named(rows) ? 1 : 0;
    for (size_t c = 0; c < n; c++) {
        const char *name = cJSON_GetStringValue(cJSON_GetArrayItem(names, (int)c));

        columns[labels + c] = (struct table_column){.title = name ? name : "", .right = true};
    }
    table = table_new(columns, n + labels);
    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    cJSON_ArrayForEach(row, rows)
    {
        if (labels)
            table_cell(table, STYLE_DIM, "%s", columns[1 + i++].title);
        add_cells(table, row, (int)n);
    }
    return table_print(table, render, error);
}

static bool print_tables(const struct render *render, const cJSON *experiment, struct error *error)
{
    const cJSON *table;

    cJSON_ArrayForEach(table, json_at(experiment, "result.tables"))
    {
        const char *name = table->string ? table->string : "";
        bool confusion = strstr(name, ".confusion") != NULL;

        /* how well it remembers is not what anybody asks for; --json has it */
        if (strncmp(name, "train.", 6) == 0)
            continue;
        print_title(render, name);
        if (confusion)
            fprintf(render->out, "%srows: what it is, columns: what was predicted%s\n",
                    render_style(render, STYLE_DIM), render_reset(render, STYLE_DIM));
        if (!print_result_table(render, table, error))
            return false;
    }
    return true;
}

static bool print_artifacts(const struct render *render, const cJSON *experiment,
                            struct error *error)
{
    static const struct table_column columns[] = {
        {.title = "artifact"}, {.title = "size", .right = true}, {.title = "path"}};
    scoped(table_free) struct table *table = table_new(columns, 3);
    const cJSON *artifact;

    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    cJSON_ArrayForEach(artifact, json_at(experiment, "result.artifacts"))
    {
        char bytes[RENDER_NUMBER_SIZE];

        table_cell(table, STYLE_PLAIN, "%s", json_text(artifact, "name", ""));
        table_cell(table, STYLE_PLAIN, "%s",
                   render_bytes(json_number(artifact, "bytes", NAN), bytes));
        table_cell(table, STYLE_PLAIN, "%s", json_text(artifact, "path", ""));
    }
    if (table_rows(table) == 0)
        return true;
    fputc('\n', render->out);
    return table_print(table, render, error);
}

static void add_run(struct table *table, const cJSON *run, double now)
{
    char text[RENDER_NUMBER_SIZE];
    const char *verdict = json_text(run, "verdict", "");

    table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(run, "run", 0));
    table_cell(table, STYLE_PLAIN, "%s", render_time(json_number(run, "started", NAN), now, text));
    table_cell(table, *verdict ? render_state_style(verdict) : STYLE_PLAIN, "%s",
               *verdict ? verdict : "-");
    if (json_integer(run, "signal", 0) > 0)
        table_cell(table, STYLE_PLAIN, "signal %lld", (long long)json_integer(run, "signal", 0));
    else if (cJSON_IsNumber(json_member(run, "exit")))
        table_cell(table, STYLE_PLAIN, "%lld", (long long)json_integer(run, "exit", 0));
    else
        table_cell(table, STYLE_PLAIN, "-");
    table_cell(table, STYLE_PLAIN, "%s", render_duration(json_number(run, "wall_s", NAN), text));
    table_cell(table, STYLE_PLAIN, "%s", render_duration(json_number(run, "cpu_s", NAN), text));
    table_cell(table, STYLE_PLAIN, "%s",
               render_bytes(json_number(run, "peak_rss_bytes", NAN), text));
    table_cell(table, STYLE_PLAIN, "%s", json_text(run, "message", ""));
}

static bool print_runs(const struct render *render, const cJSON *experiment, struct error *error)
{
    static const struct table_column columns[] = {
        {.title = "run", .right = true},
        {.title = "started"},
        {.title = "verdict"},
        {.title = "exit", .right = true},
        {.title = "wall", .right = true},
        {.title = "cpu", .right = true},
        {.title = "memory", .right = true},
        {.title = "message", .shrinks = true},
    };
    double now = (double)clock_system.wall_ms(clock_system.context) / 1000;
    scoped(table_free) struct table *table = table_new(columns, 8);
    const cJSON *run;

    if (!table)
        return error_set(error, ERROR_NO_MEMORY, "printing a table");
    cJSON_ArrayForEach(run, json_member(experiment, "runs")) add_run(table, run, now);
    if (table_rows(table) == 0)
        return true;
    print_title(render, "runs");
    return table_print(table, render, error);
}

static bool print_texts(const struct render *render, const char *title, const cJSON *list,
                        struct error *error)
{
    const cJSON *item;

    if (cJSON_GetArraySize(list) > 0)
        print_title(render, title);
    cJSON_ArrayForEach(item, list)
    {
        const char *text = cJSON_IsString(item) ? item->valuestring : json_text(item, "text", "");
        const char *where = json_text(item, "where", "");
        bool told = !*where || strstr(text, where);
        scoped(buffer_release) struct buffer line = {0};

        if (!buffer_append_format(&line, error, "%s%s%s", told ? "" : where, told ? "" : ": ",
                                  text) ||
            !report_append_links(json_member(item, "links"), &line, error) ||
            !render_paragraph(render, line.data, 2, error))
            return false;
    }
    return true;
}

bool show_print(const struct render *render, const cJSON *experiment, struct error *error)
{
    return print_head(render, experiment, error) && print_marks(render, experiment, error) &&
           print_metrics(render, experiment, error) && print_tables(render, experiment, error) &&
           print_artifacts(render, experiment, error) && print_runs(render, experiment, error) &&
           print_texts(render, "warnings", json_member(experiment, "warnings"), error) &&
           print_texts(render, "notes", json_member(experiment, "notes"), error);
}
