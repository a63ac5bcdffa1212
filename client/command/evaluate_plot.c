#include "client/command/evaluate_plot.h"

#include "client/command/data_request.h"
#include "client/engine.h"
#include "client/picture.h"
#include "common/file.h"
#include "common/owner.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACTUAL_COLOR 0
#define SCATTER_HEIGHT 480.0
#define MEANS_HEIGHT 260.0
#define NAMES_SIZE 120 /* characters below a picture */
#define BESIDE 0.12    /* of the way to the next output: where a file's mean is drawn */

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "drawing");
}

/* ---- what is asked ----------------------------------------------------------------------------*/

/* What the run predicted of its test rows. */
static bool add_run(struct client *client, cJSON *files, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};

    if (!engine_find_run(client, &path, error) ||
        !buffer_append_text(&path, "/artifacts/predictions.csv", error))
        return false;
    if (!file_exists(AT_FDCWD, path.data))
        return error_set(error, ERROR_NOT_FOUND,
                         "%s: the run has left no predictions (evaluate.predictions, a test or "
                         "validation part)",
                         path.data);
    return cJSON_AddItemToArray(files, cJSON_CreateString(path.data)) || no_memory(error);
}

static bool plot_request(struct client *client, cJSON **ret, struct error *error)
{
    const char *target = arguments_text(&client->arguments, "target", NULL), *file;
    scoped(json_free) cJSON *request = cJSON_CreateObject();
    cJSON *files = json_add_array(request, "files");

    if (!files || (target && !json_add_text(request, "target", target)))
        return no_memory(error);
    for (size_t at = 0; (file = arguments_next(&client->arguments, "predictions", &at));)
        if (!cJSON_AddItemToArray(files, cJSON_CreateString(file)))
            return no_memory(error);
    if (!files->child && !add_run(client, files, error))
        return false;
    *ret = take(&request);
    return true;
}

/* ---- predicted against true -------------------------------------------------------------------*/

static void widen(double range[2], double value)
{
    range[0] = value < range[0] ? value : range[0];
    range[1] = value > range[1] ? value : range[1];
}

static bool draw_points(const cJSON *file, int color, double range[2], struct picture *picture,
                        struct error *error)
{
    const cJSON *points = json_member(file, "points"), *pair;
    size_t n = (size_t)cJSON_GetArraySize(points), i = 0;
    scoped(memory_free) double *x = calloc(2 * n + 1, sizeof(*x));
    double *y = x ? x + n : NULL;

    if (!x)
        return no_memory(error);
    cJSON_ArrayForEach(pair, points)
    {
        x[i] = cJSON_GetArrayItem(pair, 0)->valuedouble;
        y[i] = cJSON_GetArrayItem(pair, 1)->valuedouble;
        widen(range, x[i]);
        widen(range, y[i++]);
    }
    picture_add(picture, 0, 0,
                &(struct picture_line){.x = x, .y = y, .same = color, .dots = true, .n = n});
    return true;
}

static bool draw_scatter(const cJSON *answer, struct picture *picture, struct error *error)
{
    double range[2] = {(double)INFINITY, -(double)INFINITY};
    int points = cJSON_GetArraySize(json_member(json_member(answer, "files")->child, "points"));
    int color = ACTUAL_COLOR + 1;
    const cJSON *file;
    char name[128];

    cJSON_ArrayForEach(file, json_member(answer, "files"))
    {
        if (!draw_points(file, color++, range, picture, error))
            return false;
    }
    picture_add(picture, 0, 0,
                &(struct picture_line){.x = range, .y = range, .same = PICTURE_NO_COLOR, .n = 2});
    (void)snprintf(name, sizeof(name), "%s, true; %d of %.0f rows", json_text(answer, "target", ""),
                   points, json_number(answer, "rows", 0));
    picture_name_x(picture, name);
    picture_name_row(picture, 0, "predicted");
    picture_set_height(picture, SCATTER_HEIGHT);
    return true;
}

/* ---- means of each output ---------------------------------------------------------------------*/

/* Where an output lies: by the number that its name ends in, as in 1450 or wl_12 (true); without
 * that in all of them, growing, by its place (false). */
static bool place_outputs(const cJSON *names, double *ret_x)
{
    const cJSON *name;
    bool numbers = true;
    int i = 0;

    cJSON_ArrayForEach(name, names)
    {
        const char *digit = strpbrk(name->valuestring, "0123456789");
        char *end = NULL;

        ret_x[i] = digit ? strtod(digit, &end) : 0;
        numbers = numbers && digit && !*end && (i == 0 || ret_x[i] > ret_x[i - 1]);
        i++;
    }
    for (int k = 0; !numbers && k < i; k++)
        ret_x[k] = k;
    return numbers;
}

/* What places mean, as far as there is room: "0 a, 1 b". */
static void name_outputs(const cJSON *names, const double *x, struct picture *picture)
{
    char text[NAMES_SIZE + 80] = "output: ";
    size_t used = strlen(text);
    const cJSON *name;
    int i = 0;

    cJSON_ArrayForEach(name, names)
    {
        char item[80];
        int size =
            snprintf(item, sizeof(item), "%s%g %s", i > 0 ? ", " : "", x[i], name->valuestring);

        if (size >= (int)sizeof(item) || used + (size_t)size > NAMES_SIZE) {
            (void)snprintf(text + used, sizeof(text) - used, " ...");
            break;
        }
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s", item);
        i++;
    }
    picture_name_x(picture, text);
}

/* Means as a line, and through each of them a bar as long as two standard deviations. */
static bool draw_means(const cJSON *of, const double *x, int n, int color, double shift,
                       struct picture *picture, struct error *error)
{
    const cJSON *mean = json_member(of, "mean")->child, *sd = json_member(of, "sd")->child;
    scoped(memory_free) double *at = calloc(8 * (size_t)n + 1, sizeof(*at));
    double *y = at ? at + n : NULL, *bar_x = at ? y + n : NULL, *bar_y = at ? bar_x + 3 * n : NULL;

    if (!at)
        return no_memory(error);
    for (int i = 0; i < n && mean && sd; i++, mean = mean->next, sd = sd->next) {
        at[i] = x[i] + shift;
        y[i] = mean->valuedouble;
        bar_x[3 * i] = bar_x[3 * i + 1] = at[i];
        bar_y[3 * i] = y[i] - sd->valuedouble;
        bar_y[3 * i + 1] = y[i] + sd->valuedouble;
        bar_x[3 * i + 2] = bar_y[3 * i + 2] = (double)NAN;
    }
    picture_add(picture, 0, 0,
                &(struct picture_line){
                    .x = bar_x, .y = bar_y, .same = color, .faint = true, .n = 3 * (size_t)n});
    picture_add(picture, 0, 0,
                &(struct picture_line){.x = at, .y = y, .same = color, .n = (size_t)n});
    return true;
}

static bool draw_errors(const cJSON *file, const double *x, int n, int color,
                        struct picture *picture, struct error *error)
{
    scoped(memory_free) double *y = calloc((size_t)n + 1, sizeof(*y));
    const cJSON *rmse = json_member(file, "rmse")->child;

    if (!y)
        return no_memory(error);
    for (int i = 0; i < n && rmse; i++, rmse = rmse->next)
        y[i] = rmse->valuedouble;
    picture_add(picture, 1, 0,
                &(struct picture_line){.x = x, .y = y, .same = color, .n = (size_t)n});
    return true;
}

static bool draw_outputs(const cJSON *answer, struct picture *picture, struct error *error)
{
    const cJSON *names = json_member(answer, "outputs"), *file;
    int n = cJSON_GetArraySize(names), color = ACTUAL_COLOR;
    scoped(memory_free) double *x = calloc((size_t)n + 1, sizeof(*x));
    double nearest = (double)INFINITY;
    bool numbers;

    if (!x)
        return no_memory(error);
    numbers = place_outputs(names, x);
    for (int i = 1; i < n; i++)
        nearest = x[i] - x[i - 1] < nearest ? x[i] - x[i - 1] : nearest;
    if (!draw_means(json_member(answer, "actual"), x, n, color, 0, picture, error))
        return false;
    cJSON_ArrayForEach(file, json_member(answer, "files"))
    {
        color++;
        if (!draw_means(file, x, n, color, BESIDE * nearest * color, picture, error) ||
            !draw_errors(file, x, n, color, picture, error))
            return false;
    }
    if (numbers)
        picture_name_x(picture, "output, by the number in its name");
    else
        name_outputs(names, x, picture);
    picture_name_row(picture, 0,
                     cJSON_IsTrue(json_member(answer, "classes")) ? "share, mean p; bars: 1 sd"
                                                                  : "mean; bars: 1 sd");
    picture_name_row(picture, 1, "rmse");
    picture_set_height(picture, MEANS_HEIGHT);
    return true;
}

/* ---- the whole --------------------------------------------------------------------------------*/

/* Of a run's own file the name says nothing. */
static void name_colors(const cJSON *answer, bool run, bool scatter, struct picture *picture)
{
    int color = ACTUAL_COLOR;
    const cJSON *file;

    if (!scatter)
        picture_name_color(picture, color, "true");
    cJSON_ArrayForEach(file, json_member(answer, "files"))
    {
        picture_name_color(picture, ++color, run ? "predicted" : json_text(file, "path", ""));
    }
}

static bool draw(const cJSON *answer, bool run, struct buffer *ret, struct error *error)
{
    bool scatter = json_member(answer, "target") != NULL;
    scoped(picture_free) struct picture *picture = NULL;
    char title[64];

    (void)snprintf(title, sizeof(title), "predictions of %.0f rows",
                   json_number(answer, "rows", 0));
    picture = picture_new(title, scatter ? 1 : 2, 1);
    if (!picture)
        return no_memory(error);
    name_colors(answer, run, scatter, picture);
    return (scatter ? draw_scatter(answer, picture, error)
                    : draw_outputs(answer, picture, error)) &&
           picture_print(picture, ret, error);
}

bool evaluate_plot(struct client *client, const char *path, struct error *error)
{
    scoped(json_free) cJSON *request = NULL;
    scoped(json_free) cJSON *answer = NULL;
    scoped(buffer_release) struct buffer text = {0};
    size_t first = 0, size = strlen(path);

    if (size < 5 || strcmp(path + size - 4, ".svg") != 0)
        return error_set(error, ERROR_INVALID, "%s: a picture is an .svg file", path);
    if (!plot_request(client, &request, error) ||
        !data_request_ask(client, "outputs", request, &answer, error))
        return false;
    return !answer || (draw(answer, !arguments_next(&client->arguments, "predictions", &first),
                            &text, error) &&
                       file_replace(AT_FDCWD, path, text.data, text.size, error));
}
