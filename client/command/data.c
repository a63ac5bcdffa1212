/* nj data: what a source holds, before anything is made of it; and what was prepared of sources. */
#include "client/client.h"
#include "client/command/data_export.h"
#include "client/command/data_plot.h"
#include "client/command/data_prepared.h"
#include "client/command/data_request.h"
#include "client/render.h"

#include "common/buffer.h"
#include "common/owner.h"
#include "common/spec/spec.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define GROUPS_SHOWN 40
#define CLASSES_SHOWN 12
#define HEAD_ROWS 10
#define HEAD_ROWS_MAX 1000

/* ---- the question -----------------------------------------------------------------------------*/

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "describing data");
}

/* The window of --window, else that of the spec. */
static bool add_window(const struct arguments *arguments, const cJSON *root, cJSON *request,
                       struct error *error)
{
    const char *text = arguments_text(arguments, "window", NULL);
    const cJSON *prepare = json_member(root, "prepare"), *step;
    long long length = 0, stride = 1;
    cJSON *window;

    cJSON_ArrayForEach(step, prepare)
    {
        if (strcmp(json_text(step, "type", ""), "window") == 0) {
            length = json_integer(step, "length", 0);
            stride = json_integer(step, "stride", 1);
        }
    }
    if (text) {
        char rest = '\0';
        int n = sscanf(text, "%lld/%lld%c", &length, &stride, &rest); /* NOLINT(cert-err34-c) */

        if (n < 1 || n > 2 || length < 1 || stride < 1 || (n == 1 && strchr(text, '/')))
            return error_set(error, ERROR_INVALID,
                             "--window: expected LENGTH or LENGTH/STRIDE, not '%s'", text);
    }
    if (length < 1)
        return true;
    window = json_add_object(request, "window");
    return (window && json_add_integer(window, "length", length) &&
            json_add_integer(window, "stride", stride)) ||
           no_memory(error);
}

static bool make_request(const struct arguments *arguments, const char *path, int64_t head,
                         cJSON **ret, struct error *error)
{
    scoped(spec_file_free) struct spec_file *file = NULL;
    scoped(json_free) cJSON *request = cJSON_CreateObject();

    if (!request)
        return no_memory(error);
    if (!data_request_read(arguments, path, &file, error))
        return false;
    if (!data_request_add_data(path, file, request, error))
        return false;
    if (!data_request_add_cwd(path, request, error) ||
        !add_window(arguments, file->root, request, error))
        return false;
    if (head > 0 && !json_add_integer(request, "head", head))
        return no_memory(error);
    *ret = take(&request);
    return true;
}

/* ---- the answer -------------------------------------------------------------------------------*/

/* One character a bin, as high as its share. */
static void print_spark(const struct render *render, const cJSON *histogram, char *to, size_t size)
{
    static const char *const block[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    static const char *const plain[] = {" ", ".", ":", "-", "=", "+", "*", "%", "#"};
    double most = 0;
    size_t used = 0;
    const cJSON *bin;

    to[0] = '\0';
    cJSON_ArrayForEach(bin, histogram)
    {
        if (bin->valuedouble >
            most) /* fmax alone would have every nj load the mathematical library */
            most = bin->valuedouble;
    }
    cJSON_ArrayForEach(bin, histogram)
    {
        int height = most > 0 ? (int)ceil(8 * bin->valuedouble / most) : 0;
        int n =
            snprintf(to + used, size - used, "%s", render->unicode ? block[height] : plain[height]);

        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
    }
}

static void print_values(const cJSON *column, double rows, char *to, size_t size)
{
    const cJSON *values = json_member(column, "values"), *value;
    size_t used = 0;

    to[0] = '\0';
    cJSON_ArrayForEach(value, values)
    {
        int n = snprintf(to + used, size - used, "%s%.40s %.3g%%", used ? ", " : "",
                         json_text(value, "value", ""), 100 * json_number(value, "rows", 0) / rows);

        used += n > 0 && (size_t)n < size - used ? (size_t)n : 0;
    }
    if (json_integer(column, "distinct", 0) > cJSON_GetArraySize(values) && used + 40 < size)
        (void)snprintf(to + used, size - used, ", %s%lld in all",
                       json_boolean(column, "many", false) ? "over " : "",
                       (long long)json_integer(column, "distinct", 0));
}

static void add_number_cell(struct table *table, const cJSON *column, const char *name)
{
    char text[RENDER_NUMBER_SIZE];
    const cJSON *value = json_member(column, name);

    table_cell(table, STYLE_PLAIN, "%s",
               cJSON_IsNumber(value)   ? render_number(value->valuedouble, text)
               : cJSON_IsString(value) ? value->valuestring
                                       : "");
}

static bool print_columns(const struct render *render, const cJSON *answer, struct error *error)
{
    static const struct table_column titles[] = {
        {.title = "column", .shrinks = true},
        {.title = "type"},
        {.title = "role"},
        {.title = "missing", .right = true},
        {.title = "minimum", .right = true},
        {.title = "median", .right = true},
        {.title = "maximum", .right = true},
        {.title = "mean", .right = true},
        {.title = "sd", .right = true},
        {.title = "values", .shrinks = true},
        {.title = "largest step", .right = true, .drops = true},
        {.title = "to row", .right = true, .drops = true},
    };
    struct table *table = table_new(titles, sizeof(titles) / sizeof(titles[0]));
    const cJSON *column;
    bool printed;

    cJSON_ArrayForEach(column, json_member(answer, "columns"))
    {
        static const char *const number[] = {"minimum", "p50", "maximum", "mean", "sd"};
        char values[512];
        bool text = json_member(column, "values") != NULL;
        double rows =
            json_number(answer, json_boolean(column, "of_series", false) ? "series" : "rows", 1);
        long long missing = (long long)json_integer(column, "missing", 0);

        if (text)
            print_values(column, rows, values, sizeof(values));
        else
            print_spark(render, json_member(column, "histogram"), values, sizeof(values));
        table_cell(table, STYLE_BOLD, "%s", json_text(column, "name", ""));
        table_cell(table, STYLE_PLAIN, "%s", json_text(column, "type", ""));
        table_cell(table, STYLE_PLAIN, "%s", json_text(column, "role", ""));
        if (missing > 0)
            table_cell(table, STYLE_YELLOW, "%lld", missing);
        else
            table_cell(table, STYLE_PLAIN, "%s", "");
        for (size_t i = 0; i < sizeof(number) / sizeof(number[0]); i++)
            add_number_cell(table, column, number[i]);
        table_cell(table, STYLE_CYAN, "%s", values);
        add_number_cell(table, column, "largest_step");
        add_number_cell(table, column, "largest_step_row");
    }
    printed = table ? table_print(table, render, error) : no_memory(error);
    table_free(&table);
    return printed;
}

static bool print_groups(const struct render *render, const cJSON *answer, struct error *error)
{
    const cJSON *classes = json_member(answer, "classes"), *groups = json_member(answer, "groups");
    int n =
        cJSON_GetArraySize(classes) < CLASSES_SHOWN ? cJSON_GetArraySize(classes) : CLASSES_SHOWN;
    struct table_column titles[CLASSES_SHOWN + 2] = {{.title = "group", .shrinks = true},
                                                     {.title = "rows", .right = true}};
    struct table *table;
    const cJSON *group;
    int shown = 0;
    bool printed;

    for (int i = 0; i < n; i++)
        titles[i + 2] = (struct table_column){.title = cJSON_GetArrayItem(classes, i)->valuestring,
                                              .right = true};
    table = table_new(titles, (size_t)n + 2);
    cJSON_ArrayForEach(group, groups)
    {
        double rows = json_number(group, "rows", 0);
        const cJSON *labels = json_member(group, "labels");

        if (shown++ == GROUPS_SHOWN)
            break;
        table_cell(table, STYLE_BOLD, "%s",
                   *json_text(group, "name", "") ? json_text(group, "name", "") : "all rows");
        table_cell(table, STYLE_PLAIN, "%.0f", rows);
        for (int i = 0; i < n; i++)
            table_cell(table, STYLE_PLAIN, "%.3g%%",
                       100 * cJSON_GetArrayItem(labels, i)->valuedouble / rows);
    }
    putchar('\n');
    printed = table ? table_print(table, render, error) : no_memory(error);
    table_free(&table);
    if (cJSON_GetArraySize(groups) > GROUPS_SHOWN)
        printf("... of %d groups%s\n", cJSON_GetArraySize(groups),
               json_boolean(answer, "many_groups", false) ? " and more" : "");
    return printed;
}

static void print_time(const cJSON *time)
{
    char rate[RENDER_NUMBER_SIZE], step[RENDER_NUMBER_SIZE];
    long long back = (long long)json_integer(time, "backwards", 0);

    if (!time)
        return;
    printf("\ntime: steps of %s within a group, %s rows a unit of time\n",
           render_number(json_number(time, "step", NAN), step),
           render_number(json_number(time, "rate", NAN), rate));
    if (back > 0)
        printf("time: goes back %lld times within groups, first at row %lld: not in order\n", back,
               (long long)json_integer(time, "first_backwards_row", 0));
}

static void print_window(const cJSON *window)
{
    char copies[RENDER_NUMBER_SIZE], views[RENDER_NUMBER_SIZE];

    if (window)
        printf("\n%lld windows of %lld rows x %lld features, stride %lld: %s as copies, %s as "
               "views\n",
               (long long)json_integer(window, "windows", 0),
               (long long)json_integer(window, "length", 0),
               (long long)json_integer(window, "features", 0),
               (long long)json_integer(window, "stride", 0),
               render_bytes(json_number(window, "bytes_as_copies", 0), copies),
               render_bytes(json_number(window, "bytes_as_views", 0), views));
}

static bool print_description(const cJSON *answer, struct error *error)
{
    const cJSON *leak;
    struct render render;
    bool first = true;

    render_open(&render, stdout);
    printf("%s: %s, %lld rows", json_text(answer, "source", ""), json_text(answer, "format", ""),
           (long long)json_integer(answer, "rows", 0));
    if (json_integer(answer, "series", 0) > 0)
        printf(" of %lld recordings", (long long)json_integer(answer, "series", 0));
    printf(", %d columns%s\n\n", cJSON_GetArraySize(json_member(answer, "columns")),
           json_boolean(answer, "sampled", false)
               ? "; medians and distributions are those of a sample"
               : "");
    if (!print_columns(&render, answer, error))
        return false;
    print_time(json_member(answer, "time"));
    if ((cJSON_GetArraySize(json_member(answer, "groups")) > 1 ||
         cJSON_GetArraySize(json_member(answer, "classes")) > 0) &&
        !print_groups(&render, answer, error))
        return false;
    cJSON_ArrayForEach(leak, json_member(answer, "leaks"))
    {
        printf("%sleak: ", first ? "\n" : "");
        if (!render_paragraph(&render, leak->valuestring, 0, error))
            return false;
        first = false;
    }
    print_window(json_member(answer, "window"));
    return true;
}

/* An integer with all its digits: it may be an id. */
static void head_cell(struct table *table, const cJSON *value)
{
    char number[RENDER_NUMBER_SIZE];

    if (cJSON_IsString(value))
        table_cell(table, STYLE_PLAIN, "%s", value->valuestring);
    else if (cJSON_IsNumber(value) && fabs(value->valuedouble) < 0x1p53 &&
             value->valuedouble == (double)(int64_t)value->valuedouble)
        table_cell(table, STYLE_PLAIN, "%lld", (long long)value->valuedouble);
    else
        table_cell(table, STYLE_PLAIN, "%s",
                   cJSON_IsNumber(value) ? render_number(value->valuedouble, number) : "");
}

static bool print_head(const cJSON *answer, struct error *error)
{
    const cJSON *names = json_member(answer, "columns"), *row, *value;
    size_t n = (size_t)cJSON_GetArraySize(names);
    scoped(memory_free) struct table_column *titles = calloc(n + 1, sizeof(*titles));
    struct table *table = NULL;
    struct render render;
    size_t i = 0;
    bool printed;

    render_open(&render, stdout);
    cJSON_ArrayForEach(value, names)
    {
        if (titles)
            titles[i++].title = value->valuestring;
    }
    table = titles ? table_new(titles, n) : NULL;
    cJSON_ArrayForEach(row, json_member(answer, "rows"))
    {
        cJSON_ArrayForEach(value, row) head_cell(table, value);
    }
    printed = table ? table_print(table, &render, error) : no_memory(error);
    table_free(&table);
    return printed;
}

/* ---- the verb ---------------------------------------------------------------------------------*/

static bool head_rows(const struct arguments *arguments, bool head, int64_t *ret,
                      struct error *error)
{
    const char *text = arguments_text(arguments, "rows", NULL);
    char *end;

    *ret = head ? HEAD_ROWS : 0;
    if (!text)
        return true;
    *ret = strtoll(text, &end, 10);
    return (end != text && !*end && *ret >= 1 && *ret <= HEAD_ROWS_MAX) ||
           error_set(error, ERROR_INVALID, "--rows: expected 1 to %d, not '%s'", HEAD_ROWS_MAX,
                     text);
}

static bool look(struct client *client, const char *verb, struct error *error)
{
    const struct arguments *arguments = &client->arguments;
    bool head = strcmp(verb, "head") == 0;
    int64_t rows = 0;
    scoped(json_free) cJSON *request = NULL;
    scoped(json_free) cJSON *answer = NULL;

    if (arguments->n_arguments != 2)
        return error_set(error, ERROR_INVALID, "data %s: takes one source", verb);
    if (!head_rows(arguments, head, &rows, error) ||
        !make_request(arguments, arguments->argument[1], rows, &request, error) ||
        !data_request_ask(client, "describe", request, &answer, error))
        return false;
    if (!answer) /* the engine has told why */
        return true;
    if (arguments_flag(arguments, "json"))
        return client_print_json(answer, error);
    return head ? print_head(answer, error) : print_description(answer, error);
}

/* Which verbs an option is for. */
static bool check_options(const struct arguments *arguments, const char *verb, struct error *error)
{
    static const struct {
        const char *option, *verbs;
    } use[] = {
        {"all", "clean"},
        {"chunk", "drift"},
        {"color", "plot"},
        {"columns", "drift, plot"},
        {"dry-run", "clean"},
        {"older", "clean"},
        {"output", "drift, export, plot"},
        {"part", "export"},
        {"recording", "plot"},
        {"rows", "head, plot"},
        {"samples", "plot"},
        {"set", "describe, drift, export, head, plot"},
        {"shuffle", "export"},
        {"window", "describe, plot"},
    };

    for (size_t i = 0; i < sizeof(use) / sizeof(use[0]); i++)
        if (arguments_option(arguments, use[i].option) && !strstr(use[i].verbs, verb))
            return error_set(error, ERROR_INVALID, "data %s: --%s is for %s", verb, use[i].option,
                             use[i].verbs);
    return true;
}

static bool run(struct client *client, struct error *error)
{
    static const struct {
        const char *name;
        bool (*run)(struct client *client, const char *verb, struct error *error);
    } verbs[] = {
        {"clean", data_prepared_run},
        {"describe", look},
        {"drift", data_drift_run},
        {"export", data_export_run},
        {"head", look},
        {"list", data_prepared_run},
        {"plot", data_plot_run},
        {"verify", data_prepared_run},
    };
    const char *verb = client->arguments.argument[0];

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verb, verbs[i].name) == 0)
            return check_options(&client->arguments, verb, error) &&
                   verbs[i].run(client, verb, error);
    return error_set(
        error, ERROR_INVALID,
        "data: '%s' is none of clean, describe, drift, export, head, list, plot and verify", verb);
}

static const char *const parts[] = {"all", "train", "valid", "test", NULL};

static const struct command_option options[] = {
    {.name = "all", .help = "Clean all prepared data that no running experiment uses."},
    {.name = "chunk",
     .type = OPTION_INTEGER,
     .value = "ROWS",
     .low = 1,
     .high = 1e12,
     .help = "Rows after each of which drift tells the figures (10000)."},
    {.name = "color",
     .type = OPTION_TEXT,
     .value = "COLUMN",
     .help = "What colours the curves of plot: categories, or intervals of numbers; row: the "
             "place; none. Left out: the target."},
    {.name = "columns",
     .type = OPTION_TEXT,
     .value = "NAMES",
     .help = "Which columns, as in r,ecg,gsr; left out: those of data.features, "
             "else of plot the first that hold numbers."},
    {.name = "dry-run", .help = "Only tell what clean would remove."},
    {.name = "json", .help = "Print one line of JSON."},
    {.name = "older",
     .type = OPTION_DURATION,
     .value = "TIME",
     .help = "Clean only what was last used at least so long ago: 30d, 12h."},
    {.name = "output",
     .letter = 'o',
     .type = OPTION_TEXT,
     .value = "FILE",
     .help = "The file to write: .h5 or .csv of export, .svg of plot, .csv or .svg of drift."},
    {.name = "part",
     .type = OPTION_TEXT,
     .value = "PART",
     .choices = parts,
     .help = "Which part of the split export writes (all)."},
    {.name = "recording",
     .type = OPTION_TEXT,
     .value = "NAME",
     .help = "Plot this one, as data.series names it: 1/0/CA; --rows counts within it."},
    {.name = "rows",
     .letter = 'n',
     .type = OPTION_TEXT,
     .value = "N|FIRST-LAST",
     .help = "How many rows head shows (10); which rows plot draws, from 0: 100-249."},
    {.name = "samples",
     .type = OPTION_INTEGER,
     .value = "N",
     .low = 1,
     .high = 100,
     .help = "Plot so many windows at random of each class of --color, side by side."},
    {.name = "set",
     .type = OPTION_TEXT,
     .repeats = true,
     .value = "PATH=VALUE",
     .help = "Say how the source is read and what its columns are, as in data.target=event."},
    {.name = "shuffle",
     .help = "Export in an order at random, the same for the same seed, however many samples."},
    {.name = "window",
     .type = OPTION_TEXT,
     .value = "LENGTH[/STRIDE]",
     .help = "Tell what windows of so many rows would weigh; the rows of a window of --samples "
             "(256)."},
    {0},
};

static const char *const words[] = {"clean", "describe", "drift",  "export", "head",
                                    "list",  "plot",     "verify", NULL};

const struct command command_data = {
    .name = "data",
    .synopsis = "describe SOURCE [--set PATH=VALUE]... [--window LENGTH[/STRIDE]] [--json]\n"
                "head SOURCE [-n N] [--set PATH=VALUE]... [--json]\n"
                "plot SOURCE -o FILE.svg [--columns NAMES] [--rows FIRST-LAST] [options]\n"
                "drift SPEC [-o FILE] [--columns NAMES] [--chunk ROWS] [--set PATH=VALUE]...\n"
                "export SPEC -o FILE [--part PART] [--shuffle] [--set PATH=VALUE]... [--json]\n"
                "list [--json]\n"
                "clean [KEY]... [--older TIME] [--all] [--dry-run] [--json]\n"
                "verify [KEY]... [--json]",
    .help = "Show what a source of data holds, and what is kept of sources.",
    .description =
        "A source is a file or folder of any format that a spec can name, or a spec (.yaml), whose "
        "data are then meant. All rows are read, in bounded memory. describe tells types, missing "
        "values, ranges and distributions; with a target and groups also the labels' shares in "
        "each group, which features tell the group or the target, and with a time column its rate "
        "and order. With --json an integer of 2^53 or beyond is its digits, as a text.\n\n"
        "    nj data describe train.csv --set data.target=event --set data.group=[crew,seat] "
        "--set data.time=time --window 256\n"
        "    nj data head train.csv -n 3\n\n"
        "plot draws columns against time, or the row where there is none, in the colours of the "
        "classes; with a spec, or data.series and data.time, in the order of the recordings. With "
        "--samples it draws windows of each class beside those of the others.\n\n"
        "    nj data plot pilots.yaml --columns r,ecg,gsr,eeg_fp1 --recording 1/0/CA --rows "
        "3400-3549 --color event -o seat0.svg\n"
        "    nj data plot pilots.yaml --columns r,ecg --samples 5 --window 256 -o classes.svg\n\n"
        "drift tells how minimum, maximum, mean and standard deviation of the training rows (all "
        "of them, though prepare may take a subset) come about, chunk by chunk: so far, which "
        "after the last chunk is what a scaler of them learns, and of each chunk alone.\n\n"
        "    nj data drift pilots.yaml --chunk 10000 -o scaler.csv\n\n"
        "export writes what a spec's model is given to a file that other programs read: the "
        "samples "
        "of the split, as prepare leaves them (scaled, windows, classes balanced), with their "
        "targets, ids and parts. An .h5 file has arrays x, label or target, id and part, and in "
        "/meta the names of all columns and what was fitted.\n\n"
        "    nj data export pilots.yaml -o train_balanced_shuffled.h5 --part train --shuffle\n\n"
        "Each source that an experiment read is kept prepared in the folder data of Nightjar's "
        "home "
        "(or where NIGHTJAR_DATA says), so that the next one begins at once. list shows these data "
        "with their size and last use, clean removes some, verify reads them and says whether they "
        "are what was written (exit status 6 where some are not). What a running experiment uses "
        "is never removed; what is removed is made again when it is needed.\n\n"
        "    nj data clean --older 30d --dry-run\n\n"
        "No daemon is needed.",
    .options = options,
    .takes = ARGUMENT_WORD,
    .words = words,
    .min_arguments = 1,
    .max_arguments = -1,
    .run = run,
};
