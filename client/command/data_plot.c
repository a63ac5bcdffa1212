#include "client/command/data_plot.h"

#include "client/command/data_request.h"
#include "client/picture.h"
#include "common/file.h"
#include "common/owner.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PANELS_MAX 64

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "drawing");
}

static bool ends_in(const char *text, const char *end)
{
    size_t size = strlen(text), tail = strlen(end);

    return size > tail && strcmp(text + size - tail, end) == 0;
}

/* ---- what is asked ----------------------------------------------------------------------------*/

/* "r,ecg,gsr"; left out: what the spec's features are. */
static bool add_columns(const struct arguments *arguments, cJSON *request, struct error *error)
{
    const char *text = arguments_text(arguments, "columns", NULL);
    cJSON *list = text ? json_add_array(request, "columns") : NULL;

    while (text) {
        size_t size = strcspn(text, ",");
        scoped(memory_free) char *name = strndup(text, size);
        cJSON *item = name ? cJSON_CreateString(name) : NULL;

        if (!list || !item || !cJSON_AddItemToArray(list, item))
            return no_memory(error);
        if (size == 0)
            return error_set(error, ERROR_INVALID, "--columns: expected names, as in r,ecg");
        text = text[size] ? text + size + 1 : NULL;
    }
    return true;
}

/* "100-249" */
static bool add_rows(const struct arguments *arguments, cJSON *request, struct error *error)
{
    const char *text = arguments_text(arguments, "rows", NULL);
    long long first, last;
    char rest;

    if (!text)
        return true;
    if (sscanf(text, "%lld-%lld%c", &first, &last, &rest) != 2 || /* NOLINT(cert-err34-c) */
        first < 0 || last < first)
        return error_set(error, ERROR_INVALID,
                         "--rows: expected FIRST-LAST, as in 100-249, not '%s'", text);
    return (json_add_integer(request, "first", first) && json_add_integer(request, "last", last)) ||
           no_memory(error);
}

static bool add_windows(const struct arguments *arguments, const cJSON *root, cJSON *request,
                        struct error *error)
{
    const char *length = arguments_text(arguments, "window", NULL);
    int64_t windows = (int64_t)arguments_number(arguments, "samples", 0), value;
    char *end;

    if (windows == 0)
        return !length || error_set(error, ERROR_INVALID,
                                    "--window is the length of the windows of --samples");
    value = length ? strtoll(length, &end, 10) : 256;
    if (length && (end == length || *end || value < 1))
        return error_set(error, ERROR_INVALID, "--window: expected a number of rows, not '%s'",
                         length);
    return (json_add_integer(request, "windows", windows) &&
            json_add_integer(request, "length", value) &&
            json_add_integer(request, "seed", json_integer(root, "seed", 0))) ||
           no_memory(error);
}

static bool add_texts(const struct arguments *arguments, const cJSON *root, cJSON *request,
                      struct error *error)
{
    const cJSON *target = json_member(json_member(root, "data"), "target");
    const char *color =
        arguments_text(arguments, "color", cJSON_IsString(target) ? target->valuestring : NULL);
    const char *recording = arguments_text(arguments, "recording", NULL);

    return ((!color || strcmp(color, "none") == 0 || json_add_text(request, "color", color)) &&
            (!recording || json_add_text(request, "recording", recording))) ||
           no_memory(error);
}

/* The engine refuses one that it reads. */
static bool add_output(const struct arguments *arguments, cJSON *request, struct error *error)
{
    return json_add_text(request, "output", arguments_text(arguments, "output", "-")) ||
           no_memory(error);
}

static bool plot_request(const struct arguments *arguments, cJSON **ret, struct error *error)
{
    const char *path = arguments->argument[1];
    scoped(spec_file_free) struct spec_file *file = NULL;
    scoped(json_free) cJSON *request = cJSON_CreateObject();

    if (!request)
        return no_memory(error);
    if (!data_request_read(arguments, path, &file, error) ||
        !data_request_add_cwd(path, request, error) || !add_columns(arguments, request, error) ||
        !add_rows(arguments, request, error) ||
        !add_windows(arguments, file->root, request, error) ||
        !add_texts(arguments, file->root, request, error) || !add_output(arguments, request, error))
        return false;
    if (!data_request_add_data(path, file, request, error))
        return false;
    *ret = take(&request);
    return true;
}

static bool drift_request(const struct arguments *arguments, cJSON **ret, struct error *error)
{
    const char *path = arguments->argument[1];
    scoped(spec_file_free) struct spec_file *file = NULL;
    scoped(json_free) cJSON *request = cJSON_CreateObject();

    if (!request)
        return no_memory(error);
    if (!data_request_read(arguments, path, &file, error) ||
        !data_request_add_cwd(path, request, error) || !data_request_add_folder(request, error) ||
        !add_columns(arguments, request, error) || !add_output(arguments, request, error))
        return false;
    if (!json_add_item(request, "spec", &file->root) ||
        !json_add_integer(request, "chunk", (int64_t)arguments_number(arguments, "chunk", 10000)))
        return no_memory(error);
    *ret = take(&request);
    return true;
}

/* ---- pictures ---------------------------------------------------------------------------------*/

struct numbers {   /* a list of JSON as numbers, null as NAN */
    double *value; /* owned */
    size_t n;
};

static void numbers_release(struct numbers *numbers)
{
    free(numbers->value);
}

static bool read_numbers(const cJSON *list, struct numbers *ret, struct error *error)
{
    const cJSON *item;

    ret->value = malloc(((size_t)cJSON_GetArraySize(list) + 1) * sizeof(*ret->value));
    if (!ret->value)
        return no_memory(error);
    cJSON_ArrayForEach(item, list)
    {
        ret->value[ret->n++] = cJSON_IsNumber(item) ? item->valuedouble : (double)NAN;
    }
    return true;
}

/* `column`: of the grid. */
static bool draw_trace(const cJSON *line, int column, struct picture *picture, struct error *error)
{
    scoped(numbers_release) struct numbers x = {0}, code = {0};
    scoped(memory_free) int *color = NULL;
    const cJSON *values;
    int row = 0;

    if (!read_numbers(json_member(line, "x"), &x, error) ||
        !read_numbers(json_member(line, "color"), &code, error))
        return false;
    color = calloc(x.n + 1, sizeof(*color));
    if (!color)
        return no_memory(error);
    for (size_t i = 0; i < x.n; i++)
        color[i] = i < code.n && isfinite(code.value[i]) ? (int)code.value[i] : PICTURE_NO_COLOR;
    cJSON_ArrayForEach(values, json_member(line, "y"))
    {
        scoped(numbers_release) struct numbers y = {0};

        if (!read_numbers(values, &y, error))
            return false;
        picture_add(picture, row++, column,
                    &(struct picture_line){
                        .x = x.value, .y = y.value, .color = color, .n = y.n < x.n ? y.n : x.n});
    }
    return true;
}

static struct picture *open_picture(const cJSON *answer, int wide)
{
    const cJSON *columns = json_member(answer, "columns"), *item;
    struct picture *picture =
        picture_new(json_text(answer, "source", ""), cJSON_GetArraySize(columns), wide);
    int i = 0;

    if (!picture)
        return NULL;
    cJSON_ArrayForEach(item, columns)
    {
        picture_name_row(picture, i++, item->valuestring);
    }
    return picture;
}

static bool draw_rows(const cJSON *answer, struct buffer *ret, struct error *error)
{
    const cJSON *classes = json_member(json_member(answer, "color"), "classes"), *item;
    scoped(picture_free) struct picture *picture = open_picture(answer, 1);
    int i = 0;

    if (!picture)
        return no_memory(error);
    picture_name_x(picture, json_text(answer, "x", ""));
    cJSON_ArrayForEach(item, classes)
    {
        picture_name_color(picture, i++, item->valuestring);
    }
    cJSON_ArrayForEach(item, json_member(answer, "lines"))
    {
        if (!draw_trace(item, 0, picture, error))
            return false;
    }
    return picture_print(picture, ret, error);
}

/* A column of panels for each class that has windows; lines come class by class. */
static bool draw_windows(const cJSON *answer, struct buffer *ret, struct error *error)
{
    const cJSON *classes = json_member(json_member(answer, "color"), "classes"), *item;
    scoped(picture_free) struct picture *picture = NULL;
    int64_t class = -1;
    int wide = 0, column = -1;

    cJSON_ArrayForEach(item, json_member(answer, "lines"))
    {
        wide += json_integer(item, "class", -1) != class;
        class = json_integer(item, "class", -1);
    }
    picture = open_picture(answer, wide);
    if (!picture)
        return no_memory(error);
    picture_name_x(picture, "step of a window whose rows all have the class");
    class = -1;
    cJSON_ArrayForEach(item, json_member(answer, "lines"))
    {
        column += json_integer(item, "class", -1) != class;
        class = json_integer(item, "class", -1);
        picture_name_column(picture, column, cJSON_GetArrayItem(classes, (int)class)->valuestring);
        if (!draw_trace(item, column, picture, error))
            return false;
    }
    return picture_print(picture, ret, error);
}

static bool draw_plot(const cJSON *answer, struct buffer *ret, struct error *error)
{
    long long left_out = (long long)json_integer(answer, "left_out", 0);

    if (left_out > 0)
        (void)fprintf(stderr, "nj: %d columns are drawn, %lld more are not: --columns says which\n",
                      cJSON_GetArraySize(json_member(answer, "columns")), left_out);
    return strcmp(json_text(answer, "x", ""), "step") == 0 ? draw_windows(answer, ret, error)
                                                           : draw_rows(answer, ret, error);
}

static const struct {
    const char *figure, *of; /* in the answer */
    bool faint;
    int color;
    const char *name;
} drawn[] = {
    {"maximum", "so_far", false, 0, "maximum so far"}, {"maximum", "alone", true, 0, NULL},
    {"mean", "so_far", false, 1, "mean so far"},       {"mean", "alone", true, 1, NULL},
    {"minimum", "so_far", false, 2, "minimum so far"}, {"minimum", "alone", true, 2, NULL},
};

/* One figure of one column along all chunks. */
static bool draw_figure(const cJSON *chunks, int column, size_t which, struct picture *picture,
                        struct error *error)
{
    size_t n = (size_t)cJSON_GetArraySize(chunks), i = 0;
    scoped(memory_free) double *x = calloc(n + 1, sizeof(*x)), *y = calloc(n + 1, sizeof(*y));
    const cJSON *chunk;

    if (!x || !y)
        return no_memory(error);
    cJSON_ArrayForEach(chunk, chunks)
    {
        const cJSON *figures = cJSON_GetArrayItem(json_member(chunk, drawn[which].of), column);

        x[i] = json_number(chunk, "rows", NAN);
        y[i++] = json_number(figures, drawn[which].figure, NAN);
    }
    picture_add(
        picture, column, 0,
        &(struct picture_line){
            .x = x, .y = y, .same = drawn[which].color, .faint = drawn[which].faint, .n = n});
    return true;
}

static bool draw_drift(const cJSON *answer, struct buffer *ret, struct error *error)
{
    int n = cJSON_GetArraySize(json_member(answer, "columns"));
    scoped(picture_free) struct picture *picture = NULL;

    if (n > PANELS_MAX)
        return error_set(error, ERROR_INVALID, "%d columns are more than the %d of a picture", n,
                         PANELS_MAX);
    picture = open_picture(answer, 1);
    if (!picture)
        return no_memory(error);
    picture_name_x(picture, "training rows seen; faint: a chunk alone");
    for (size_t which = 0; which < sizeof(drawn) / sizeof(drawn[0]); which++) {
        if (drawn[which].name)
            picture_name_color(picture, drawn[which].color, drawn[which].name);
        for (int column = 0; column < n; column++)
            if (!draw_figure(json_member(answer, "chunks"), column, which, picture, error))
                return false;
    }
    return picture_print(picture, ret, error);
}

/* ---- a table of drift -------------------------------------------------------------------------*/

/* A name as a field of CSV. */
static bool write_name(const char *name, struct buffer *ret, struct error *error)
{
    if (!strpbrk(name, ",\"\n"))
        return buffer_append_text(ret, name, error);
    if (!buffer_append_text(ret, "\"", error))
        return false;
    for (; *name; name++)
        if (!buffer_append_format(ret, error, "%s%c", *name == '"' ? "\"" : "", *name))
            return false;
    return buffer_append_text(ret, "\"", error);
}

static bool write_figures(const cJSON *figures, struct buffer *ret, struct error *error)
{
    static const char *const name[] = {"n", "missing", "minimum", "maximum", "mean", "sd"};

    for (size_t i = 0; i < sizeof(name) / sizeof(name[0]); i++) {
        const cJSON *value = json_member(figures, name[i]);

        if (!(cJSON_IsNumber(value) ? buffer_append_format(ret, error, ",%.9g", value->valuedouble)
                                    : buffer_append_text(ret, ",", error)))
            return false;
    }
    return true;
}

static bool write_drift(const cJSON *answer, struct buffer *ret, struct error *error)
{
    const cJSON *columns = json_member(answer, "columns"), *chunk;
    long long number = 0;

    if (!buffer_append_text(ret,
                            "chunk,rows,column,n,missing,minimum,maximum,mean,sd,chunk_n,"
                            "chunk_missing,chunk_minimum,chunk_maximum,chunk_mean,chunk_sd\n",
                            error))
        return false;
    cJSON_ArrayForEach(chunk, json_member(answer, "chunks"))
    {
        number++;
        for (int i = 0; i < cJSON_GetArraySize(columns); i++)
            if (!buffer_append_format(ret, error, "%lld,%lld,", number,
                                      (long long)json_integer(chunk, "rows", 0)) ||
                !write_name(cJSON_GetArrayItem(columns, i)->valuestring, ret, error) ||
                !write_figures(cJSON_GetArrayItem(json_member(chunk, "so_far"), i), ret, error) ||
                !write_figures(cJSON_GetArrayItem(json_member(chunk, "alone"), i), ret, error) ||
                !buffer_append_text(ret, "\n", error))
                return false;
    }
    return true;
}

/* ---- the verbs --------------------------------------------------------------------------------*/

static bool write_out(const char *path, const struct buffer *text, struct error *error)
{
    if (path && strcmp(path, "-") != 0)
        return file_replace(AT_FDCWD, path, text->data, text->size, error);
    return fwrite(text->data, 1, text->size, stdout) == text->size ||
           error_set(error, ERROR_IO, "standard output cannot be written");
}

static bool answer_with(struct client *client, const char *engine_verb, const cJSON *request,
                        bool (*write)(const cJSON *answer, struct buffer *ret, struct error *error),
                        struct error *error)
{
    scoped(json_free) cJSON *answer = NULL;
    scoped(buffer_release) struct buffer text = {0};

    if (!data_request_ask(client, engine_verb, request, &answer, error))
        return false;
    if (!answer) /* the engine has told why */
        return true;
    if (arguments_flag(&client->arguments, "json"))
        return client_print_json(answer, error);
    return write(answer, &text, error) &&
           write_out(arguments_text(&client->arguments, "output", NULL), &text, error);
}

bool data_plot_run(struct client *client, const char *verb, struct error *error)
{
    const char *output = arguments_text(&client->arguments, "output", NULL);
    scoped(json_free) cJSON *request = NULL;

    if (client->arguments.n_arguments != 2)
        return error_set(error, ERROR_INVALID, "data %s: takes one source or spec", verb);
    if (output && strcmp(output, "-") != 0 && !ends_in(output, ".svg"))
        return error_set(error, ERROR_INVALID, "%s: a picture is an .svg file", output);
    if (!output && isatty(STDOUT_FILENO) && !arguments_flag(&client->arguments, "json"))
        return error_set(error, ERROR_INVALID, "data plot: -o says where to: an .svg file");
    return plot_request(&client->arguments, &request, error) &&
           answer_with(client, "trace", request, draw_plot, error);
}

bool data_drift_run(struct client *client, const char *verb, struct error *error)
{
    const char *output = arguments_text(&client->arguments, "output", NULL);
    scoped(json_free) cJSON *request = NULL;
    bool picture = output && ends_in(output, ".svg");

    if (client->arguments.n_arguments != 2)
        return error_set(error, ERROR_INVALID, "data %s: takes one spec", verb);
    if (output && strcmp(output, "-") != 0 && !picture && !ends_in(output, ".csv"))
        return error_set(error, ERROR_INVALID, "%s: expected a .csv or .svg file", output);
    return drift_request(&client->arguments, &request, error) &&
           answer_with(client, "drift", request, picture ? draw_drift : write_drift, error);
}
