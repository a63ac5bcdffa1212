#include "client/curves.h"

#include "client/picture.h"
#include "common/buffer.h"
#include "common/file.h"
#include "common/owner.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PANELS_MAX 64
#define EXPERIMENTS_MAX 12 /* colours that one can tell apart */
#define SMOOTHED_PART 20   /* of a series, where --smooth does not say */

struct curves {
    const struct arguments *arguments;
    cJSON *history[EXPERIMENTS_MAX]; /* owned */
    int64_t id[EXPERIMENTS_MAX];
    int n;
    const char *metric[PANELS_MAX]; /* borrowed */
    int n_metrics;
};

static void curves_release(struct curves *curves)
{
    for (int i = 0; i < curves->n; i++)
        json_free(&curves->history[i]);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "drawing");
}

/* ---- what there is ----------------------------------------------------------------------------*/

static bool add_names(const struct arguments *arguments, cJSON *params, struct error *error)
{
    cJSON *names = json_add_array(params, "names");
    const char *metric;

    for (size_t at = 0; (metric = arguments_next(arguments, "metric", &at));)
        if (!names || !cJSON_AddItemToArray(names, cJSON_CreateString(metric)))
            return no_memory(error);
    return names || no_memory(error);
}

static bool ask(struct client *client, int64_t id, struct curves *curves, struct error *error)
{
    scoped(json_free) cJSON *params = NULL;

    if (!client_object(&params, error))
        return false;
    if (!json_add_integer(params, "id", id))
        return no_memory(error);
    if (!add_names(&client->arguments, params, error) ||
        !client_call(client, "history", &params, &curves->history[curves->n], error))
        return false;
    curves->id[curves->n++] = id;
    return true;
}

/* Of single values there is nothing to draw. */
static bool list_metrics(struct curves *curves, struct error *error)
{
    for (int i = 0; i < curves->n; i++) {
        const cJSON *series;

        cJSON_ArrayForEach(series, json_member(curves->history[i], "metrics"))
        {
            bool known = cJSON_GetArraySize(series) < 2;

            for (int k = 0; k < curves->n_metrics; k++)
                known = known || strcmp(curves->metric[k], series->string) == 0;
            if (known)
                continue;
            if (curves->n_metrics == PANELS_MAX)
                return error_set(error, ERROR_INVALID,
                                 "more than %d series; --metric says which ones", PANELS_MAX);
            curves->metric[curves->n_metrics++] = series->string;
        }
    }
    return curves->n_metrics > 0 ||
           error_set(error, ERROR_NOT_FOUND, "no such series: nothing was reported by steps");
}

/* ---- drawing ----------------------------------------------------------------------------------*/

/* The mean of the last `length` values, of fewer at the beginning; what is missing does not count.
 */
static void smooth(const double *y, size_t n, size_t length, double *ret)
{
    for (size_t i = 0; i < n; i++) {
        size_t from = i + 1 > length ? i + 1 - length : 0, seen = 0;
        double sum = 0;

        for (size_t k = from; k <= i; k++)
            if (isfinite(y[k])) {
                sum += y[k];
                seen++;
            }
        ret[i] = seen > 0 ? sum / (double)seen : (double)NAN;
    }
}

static bool draw(const struct curves *curves, int panel, int experiment, struct picture *picture,
                 struct error *error)
{
    const cJSON *series = json_member(json_member(curves->history[experiment], "metrics"),
                                      curves->metric[panel]),
                *point;
    size_t n = (size_t)cJSON_GetArraySize(series), i = 0, length = n / SMOOTHED_PART;
    scoped(memory_free) double *x = calloc(3 * n + 1, sizeof(*x));
    double *y = x ? x + n : NULL, *mean = x ? y + n : NULL;

    if (!x)
        return no_memory(error);
    cJSON_ArrayForEach(point, series)
    {
        const cJSON *value = cJSON_GetArrayItem(point, 1);

        x[i] = cJSON_GetArrayItem(point, 0)->valuedouble;
        y[i++] = cJSON_IsNumber(value) ? value->valuedouble : (double)NAN;
    }
    length =
        (size_t)arguments_number(curves->arguments, "smooth", (double)(length > 1 ? length : 1));
    smooth(y, n, length, mean);
    if (length > 1)
        picture_add(
            picture, panel, 0,
            &(struct picture_line){.x = x, .y = y, .same = experiment, .faint = true, .n = n});
    picture_add(picture, panel, 0,
                &(struct picture_line){.x = x, .y = mean, .same = experiment, .n = n});
    return true;
}

static bool draw_all(const struct curves *curves, struct buffer *ret, struct error *error)
{
    scoped(picture_free) struct picture *picture = picture_new("", curves->n_metrics, 1);
    char name[32];

    if (!picture)
        return no_memory(error);
    picture_name_x(picture, "step; faint: as reported, over it the mean of the last steps");
    for (int i = 0; i < curves->n; i++) {
        (void)snprintf(name, sizeof(name), "experiment %lld", (long long)curves->id[i]);
        picture_name_color(picture, i, name);
    }
    for (int panel = 0; panel < curves->n_metrics; panel++) {
        picture_name_row(picture, panel, curves->metric[panel]);
        for (int i = 0; i < curves->n; i++)
            if (!draw(curves, panel, i, picture, error))
                return false;
    }
    return picture_print(picture, ret, error);
}

bool curves_draw(struct client *client, const struct id_list *ids, const char *path,
                 struct error *error)
{
    scoped(curves_release) struct curves curves = {.arguments = &client->arguments};
    scoped(buffer_release) struct buffer text = {0};
    size_t size = strlen(path);

    if (size < 5 || strcmp(path + size - 4, ".svg") != 0)
        return error_set(error, ERROR_INVALID, "%s: a picture is an .svg file", path);
    if (ids->n > EXPERIMENTS_MAX)
        return error_set(error, ERROR_INVALID, "%zu experiments are more than %d colours", ids->n,
                         EXPERIMENTS_MAX);
    for (size_t i = 0; i < ids->n; i++)
        if (!ask(client, ids->item[i], &curves, error))
            return false;
    return list_metrics(&curves, error) && draw_all(&curves, &text, error) &&
           file_replace(AT_FDCWD, path, text.data, text.size, error);
}
