#include "worker/engine/prepared/paces.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/kernel/kernel.h"

#define PACES_LIMIT ((size_t)1 << 20) /* then the older half goes */
#define FARTHEST 10.0                 /* in parameters */
#define NAME_SIZE 64

struct pace { /* a line */
    char machine[NAME_SIZE], kernel[NAME_SIZE];
    struct pace_work work;
    int64_t experiment;
    double epoch_s, rest_s;
};

static void name_machine(char name[NAME_SIZE])
{
    if (gethostname(name, NAME_SIZE) != 0 || !name[0])
        (void)snprintf(name, NAME_SIZE, "unknown");
    name[NAME_SIZE - 1] = '\0';
    for (char *at = name; (at = strpbrk(at, " \t\n"));)
        *at = '_';
}

/* ---- writing ----------------------------------------------------------------------------------*/

static bool shorten(const char *path, struct error *error)
{
    scoped(memory_free) char *text = NULL;
    const char *half;
    size_t size;

    if (!file_read(AT_FDCWD, path, 2 * PACES_LIMIT, &text, &size, error))
        return false;
    if (size < PACES_LIMIT)
        return true;
    half = strchr(text + size / 2, '\n');
    half = half ? half + 1 : text + size;
    return file_replace_fast(AT_FDCWD, path, half, (size_t)(text + size - half), error);
}

bool paces_add(const char *folder, const struct pace_work *work, int64_t experiment, double epoch_s,
               double rest_s, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0}, line = {0};
    scoped(descriptor_close) int fd = -1;
    char machine[NAME_SIZE];

    name_machine(machine);
    return file_make_folders(folder, error) &&
           buffer_append_format(&path, error, "%s/paces", folder) &&
           buffer_append_format(&line, error,
                                "%s %s %016" PRIx64 " %" PRId64 " %" PRId64 " %" PRId64 " %" PRId64
                                " %" PRId64 " %" PRId64 " %.6g %.6g\n",
                                machine, kernel_pick()->name, work->kinds, work->steps, work->width,
                                work->rows, work->batch, work->parameters, experiment, epoch_s,
                                rest_s) &&
           file_open(AT_FDCWD, path.data, O_WRONLY | O_CREAT | O_APPEND, &fd, error) &&
           file_write_line(fd, line.data, line.size, error) && shorten(path.data, error);
}

/* ---- reading ----------------------------------------------------------------------------------*/

/* False where it is no whole line. */
static bool read_line(const char *line, struct pace *ret)
{
    struct pace_work *work = &ret->work;
    int size = 0;

    /* NOLINTNEXTLINE(cert-err34-c): what is out of range is no line of ours */
    return sscanf(line,
                  "%63s %63s %16" SCNx64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64
                  " %" SCNd64 " %lf %lf%n",
                  ret->machine, ret->kernel, &work->kinds, &work->steps, &work->width, &work->rows,
                  &work->batch, &work->parameters, &ret->experiment, &ret->epoch_s, &ret->rest_s,
                  &size) == 11 &&
           line[size] == '\0' && ret->experiment > 0 && work->rows > 0 && work->batch > 0 &&
           work->width > 0 && ret->epoch_s >= 0 && ret->rest_s >= 0;
}

static double factor(int64_t now, int64_t then)
{
    return now > 0 && then > 0 ? (double)now / (double)then : 1;
}

/* 0: it does the same; INFINITY: it says nothing. */
static double distance(const struct pace *pace, const struct pace_work *work, const char *machine)
{
    const struct pace_work *then = &pace->work;
    double parameters = fabs(log(factor(work->parameters, then->parameters)));

    if (then->kinds != work->kinds || then->steps != work->steps ||
        strcmp(pace->machine, machine) != 0 || strcmp(pace->kernel, kernel_pick()->name) != 0 ||
        parameters > log(FARTHEST))
        return (double)INFINITY;
    return parameters + fabs(log(factor(work->batch, then->batch))) +
           fabs(log(factor(work->width, then->width))) / 4 +
           fabs(log(factor(work->rows, then->rows))) / 4;
}

static void guess_from(const struct pace *pace, const struct pace_work *work,
                       struct pace_guess *guess)
{
    double parameters = factor(work->parameters, pace->work.parameters);
    double rows = factor(work->rows, pace->work.rows);

    *guess = (struct pace_guess){.experiment = pace->experiment,
                                 .epoch_s = pace->epoch_s * rows * parameters,
                                 .rest_s = pace->rest_s,
                                 .parameters = parameters,
                                 .rows = rows};
}

bool paces_guess(const char *folder, const struct pace_work *work, struct pace_guess *ret_guess,
                 struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    scoped(memory_free) char *text = NULL;
    double nearest = (double)INFINITY;
    char machine[NAME_SIZE], *rest, *line;
    size_t size;

    *ret_guess = (struct pace_guess){0};
    if (!buffer_append_format(&path, error, "%s/paces", folder))
        return false;
    if (!file_exists(AT_FDCWD, path.data))
        return true;
    if (!file_read(AT_FDCWD, path.data, 2 * PACES_LIMIT, &text, &size, error))
        return false;
    name_machine(machine);
    rest = text;
    while ((line = strsep(&rest, "\n")) && rest) {
        struct pace pace = {0};
        double far = read_line(line, &pace) ? distance(&pace, work, machine) : (double)INFINITY;

        if (isinf(far) || far > nearest)
            continue;
        nearest = far;
        guess_from(&pace, work, ret_guess);
    }
    return true;
}

const char *pace_text(const struct pace_guess *guess, char text[PACE_TEXT_SIZE])
{
    bool parameters = fabs(guess->parameters - 1) > 0.005, rows = fabs(guess->rows - 1) > 0.005;
    size_t used;

    if (!parameters && !rows) {
        (void)snprintf(text, PACE_TEXT_SIZE, "experiment %" PRId64 " took that", guess->experiment);
        return text;
    }
    used = (size_t)snprintf(text, PACE_TEXT_SIZE, "scaled from experiment %" PRId64 ", by",
                            guess->experiment);
    if (parameters)
        used += (size_t)snprintf(text + used, PACE_TEXT_SIZE - used, " %.3g in parameters%s",
                                 guess->parameters, rows ? " and" : "");
    if (rows)
        (void)snprintf(text + used, PACE_TEXT_SIZE - used, " %.3g in rows", guess->rows);
    return text;
}
