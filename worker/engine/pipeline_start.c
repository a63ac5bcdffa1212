/* What a spec takes from other experiments: the weights it begins with, snapshots to measure. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/file.h"
#include "common/owner.h"
#include "common/spec/spec.h"
#include "worker/engine/model/ensemble.h"
#include "worker/engine/pipeline.h"
#include "worker/engine/report.h"

#define START_PATH "train.start.model"
#define RUNS_MAX 100000 /* of an experiment; far beyond what retries make */

static bool is_folder(const char *path)
{
    struct stat status;

    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static bool is_number(const char *text)
{
    return *text && strspn(text, "0123456789") == strlen(text);
}

/* The last run that left a model. */
static bool find_in_experiment(const char *folder, const char *place, struct buffer *ret,
                               struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    int found = 0;

    for (int run = 1; run <= RUNS_MAX; run++) {
        buffer_clear(&path);
        if (!buffer_append_format(&path, error, "%s/%d", folder, run))
            return false;
        if (!is_folder(path.data))
            break;
        if (!buffer_append_text(&path, "/artifacts/model.h5", error))
            return false;
        if (file_exists(AT_FDCWD, path.data))
            found = run;
    }
    if (found == 0)
        return error_set_at(error, ERROR_INVALID, place, "%s has no model", folder);
    return buffer_append_format(ret, error, "%s/%d/artifacts/model.h5", folder, found);
}

bool pipeline_find_model(const char *given, const char *cwd, const char *runs, const char *place,
                         struct buffer *ret, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0}, inside = {0};
    bool named = is_number(given);

    if (!(named || *given == '/' || !cwd
              ? buffer_append_format(&path, error, "%s%s%s", named ? runs : "", named ? "/" : "",
                                     given)
              : buffer_append_format(&path, error, "%s/%s", cwd, given)))
        return false;
    if (!is_folder(path.data)) {
        if (file_exists(AT_FDCWD, path.data))
            return buffer_append_text(ret, path.data, error);
        return error_set_at(error, ERROR_INVALID, place, "%s: there is no such model", path.data);
    }
    if (!buffer_append_format(&inside, error, "%s/artifacts/model.h5", path.data))
        return false;
    if (file_exists(AT_FDCWD, inside.data))
        return buffer_append_text(ret, inside.data, error);
    return find_in_experiment(path.data, place, ret, error);
}

bool pipeline_start(const struct train_config *config, const char *cwd, const char *runs,
                    struct model *model, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    int64_t taken, all;

    if (!config->start.model)
        return true;
    if (!pipeline_find_model(config->start.model, cwd, runs, START_PATH, &path, error) ||
        !model_file_take(path.data, &config->start, model, &taken, &all, error))
        return false;
    if (taken == 0)
        return error_set_at(error, ERROR_INVALID, "train.start.match",
                            "the model has no parameter %s", config->start.match);
    return report_note(error, "%lld of %lld parameters begin with those of %s", (long long)taken,
                       (long long)all, path.data);
}

/* ---- snapshots --------------------------------------------------------------------------------*/

#define SNAPSHOTS_PATH "evaluate.snapshots"

void model_files_release(struct model_files *files)
{
    for (int64_t i = 0; i < files->n; i++)
        free(files->path[i]);
    free(files->path);
    *files = (struct model_files){0};
}

bool model_files_add(struct model_files *files, const char *name, struct error *error)
{
    char **path = reallocarray(files->path, (size_t)files->n + 1, sizeof(*path));

    if (path)
        files->path = path;
    if (!path || !(path[files->n] = strdup(name)))
        return error_set(error, ERROR_NO_MEMORY, "listing models");
    files->n++;
    return true;
}

static int is_model_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 3 && strcmp(entry->d_name + length - 3, ".h5") == 0;
}

/* Names are in the order of epochs and batches. Adds nothing where there is no such folder. */
static bool list_folder(const char *folder, struct model_files *list, struct error *error)
{
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, is_model_file, alphasort);
    bool added = true;

    for (int i = 0; i < n; i++) {
        scoped(buffer_release) struct buffer path = {0};

        added = added && buffer_append_format(&path, error, "%s/%s", folder, entry[i]->d_name) &&
                model_files_add(list, path.data, error);
        free(entry[i]);
    }
    free(entry);
    return added;
}

/* Where snapshots may lie below what was given: the later runs of an experiment count. */
static bool list_below(const char *base, struct model_files *list, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    int run = 0;

    if (!list_folder(base, list, error))
        return false;
    if (list->n > 0)
        return true;
    if (!buffer_append_format(&path, error, "%s/artifacts/snapshots", base) ||
        !list_folder(path.data, list, error))
        return false;
    do {
        buffer_clear(&path);
        if (!buffer_append_format(&path, error, "%s/%d", base, ++run))
            return false;
    } while (run < RUNS_MAX && is_folder(path.data));
    while (list->n == 0 && --run > 0) {
        buffer_clear(&path);
        if (!buffer_append_format(&path, error, "%s/%d/artifacts/snapshots", base, run) ||
            !list_folder(path.data, list, error))
            return false;
    }
    return true;
}

bool pipeline_list_snapshots(const char *given, const char *cwd, const char *runs,
                             struct model_files *ret_list, struct error *error)
{
    scoped(model_files_release) struct model_files list = {0};
    scoped(buffer_release) struct buffer base = {0};
    bool absolute = *given == '/' || !cwd;

    if (!(is_number(given) ? buffer_append_format(&base, error, "%s/%s", runs, given)
                           : buffer_append_format(&base, error, "%s%s%s", absolute ? "" : cwd,
                                                  absolute ? "" : "/", given)) ||
        !list_below(base.data, &list, error))
        return false;
    if (list.n == 0)
        return error_set_at(error, ERROR_INVALID, SNAPSHOTS_PATH, "%s has no snapshots", base.data);
    *ret_list = list;
    list = (struct model_files){0};
    return true;
}

/* ---- before it runs ---------------------------------------------------------------------------*/

/* Whether one of the references may mean the experiment: what a batch holds and which is the last
 * one is known to the queue alone. */
static bool is_meant(const struct setting_texts *list, int64_t experiment)
{
    struct spec_reference reference;

    for (size_t i = 0; i < list->n; i++)
        if (spec_reference_parse(list->item[i], &reference) &&
            (reference.batch || reference.last ||
             (reference.first <= experiment && experiment <= reference.last_id)))
            return true;
    return false;
}

/* Whose spec it is, and where what it names is found. */
struct looking {
    const cJSON *root; /* of a spec that has not run; NULL: it runs, or has run */
    const char *cwd, *runs;
    struct model_files *files;
};

/* Whether there is something to look at now, and not only when the spec has waited for it. */
static bool is_due(const struct looking *at, const char *given)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct common_config config = {0};
    int64_t experiment;
    bool due;

    if (!given || !is_number(given) || !at->root)
        return given != NULL;
    if (!at->runs)
        return false;
    experiment = strtoll(given, NULL, 10);
    due = !spec_parse_common(at->root, &config, &diagnostics) ||
          (!is_meant(&config.queue.after, experiment) &&
           !is_meant(&config.queue.after_ok, experiment));
    settings_release(common_settings, &config);
    return due;
}

static bool wrap_number(const struct looking *at, const char *given, struct error *error)
{
    if (at->root && is_number(given))
        return error_wrap(error, "experiment %s, for which queue.after does not wait", given);
    return false;
}

static bool add_model(const struct looking *at, const char *given, const char *place,
                      struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};

    if (!is_due(at, given))
        return true;
    if (!pipeline_find_model(given, at->cwd, at->runs, place, &path, error))
        return wrap_number(at, given, error);
    return model_files_add(at->files, path.data, error);
}

/* They are of one run: what one was trained on the others were, too. */
static bool add_snapshots(const struct looking *at, const char *given, struct error *error)
{
    scoped(model_files_release) struct model_files list = {0};

    if (!is_due(at, given))
        return true;
    if (!pipeline_list_snapshots(given, at->cwd, at->runs, &list, error))
        return wrap_number(at, given, error);
    return model_files_add(at->files, list.path[0], error);
}

static bool add_members(const struct looking *at, const struct ensemble_config *config,
                        struct error *error)
{
    for (size_t i = 0; i < config->of.n; i++)
        for (int64_t k = 0; k < ensemble_count(config->of.item[i]); k++) {
            scoped(memory_free) char *name = NULL;

            if (!ensemble_name(config->of.item[i], k, &name, error) ||
                !add_model(at, name, "model[0].of", error))
                return false;
        }
    return true;
}

const char *pipeline_others_place(const struct engine_spec *spec)
{
    if (model_kind_of(&spec->model) == &model_ensemble)
        return "model";
    return spec->evaluate.snapshots ? SNAPSHOTS_PATH : START_PATH;
}

bool pipeline_find_others(const struct engine_spec *spec, const cJSON *root, const char *cwd,
                          const char *runs, struct model_files *files, struct error *error)
{
    const struct looking at = {.root = root, .cwd = cwd, .runs = runs, .files = files};

    if (model_kind_of(&spec->model) == &model_ensemble)
        return add_members(&at, spec->model.item[0].config, error);
    if (spec->evaluate.snapshots)
        return add_snapshots(&at, spec->evaluate.snapshots, error);
    return add_model(&at, spec->train.start.model, START_PATH, error);
}
