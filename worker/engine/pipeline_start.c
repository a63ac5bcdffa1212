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

bool pipeline_start(const struct train_config *config, const char *cwd, const char *folder,
                    struct model *model, struct error *error)
{
    scoped(buffer_release) struct buffer runs = {0}, path = {0};
    int64_t taken, all;

    if (!config->start.model)
        return true;
    if (!buffer_append_format(&runs, error, "%s/../..", folder) ||
        !pipeline_find_model(config->start.model, cwd, runs.data, START_PATH, &path, error) ||
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

void snapshot_list_release(struct snapshot_list *list)
{
    for (int64_t i = 0; i < list->n; i++)
        free(list->path[i]);
    free(list->path);
    *list = (struct snapshot_list){0};
}

static int is_model_file(const struct dirent *entry)
{
    size_t length = strlen(entry->d_name);

    return length > 3 && strcmp(entry->d_name + length - 3, ".h5") == 0;
}

static bool add_path(struct snapshot_list *list, const char *folder, const char *name)
{
    char **path = reallocarray(list->path, (size_t)list->n + 1, sizeof(*path));

    if (!path)
        return false;
    list->path = path;
    if (asprintf(&path[list->n], "%s/%s", folder, name) < 0)
        return false;
    list->n++;
    return true;
}

/* Names are in the order of epochs and batches. Adds nothing where there is no such folder. */
static bool list_folder(const char *folder, struct snapshot_list *list, struct error *error)
{
    struct dirent **entry = NULL;
    int n = scandir(folder, &entry, is_model_file, alphasort);
    bool added = true;

    for (int i = 0; i < n; i++) {
        added = added && add_path(list, folder, entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return added || error_set(error, ERROR_NO_MEMORY, "listing %s", folder);
}

/* Where snapshots may lie below what was given: the later runs of an experiment count. */
static bool list_below(const char *base, struct snapshot_list *list, struct error *error)
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
                             struct snapshot_list *ret_list, struct error *error)
{
    scoped(snapshot_list_release) struct snapshot_list list = {0};
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
    list = (struct snapshot_list){0};
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

/* Whether there is something to look at now, and not only when the spec has waited for it. */
static bool is_due(const cJSON *root, const char *given, const char *runs)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};
    struct common_config config = {0};
    int64_t experiment;
    bool due;

    if (!given || !is_number(given))
        return given != NULL;
    if (!runs)
        return false;
    experiment = strtoll(given, NULL, 10);
    due = !spec_parse_common(root, &config, &diagnostics) ||
          (!is_meant(&config.queue.after, experiment) &&
           !is_meant(&config.queue.after_ok, experiment));
    settings_release(common_settings, &config);
    return due;
}

static bool wrap_number(const char *given, struct error *error)
{
    if (is_number(given))
        return error_wrap(error, "experiment %s, for which queue.after does not wait", given);
    return false;
}

static bool check_ensemble(const struct engine_spec *spec, const cJSON *root, const char *cwd,
                           const char *runs, struct error *error)
{
    const struct ensemble_config *config = spec->model.item[0].config;

    for (size_t i = 0; i < config->of.n; i++)
        for (int64_t k = 0; k < ensemble_count(config->of.item[i]); k++) {
            scoped(memory_free) char *name = NULL;
            scoped(buffer_release) struct buffer path = {0};

            if (!ensemble_name(config->of.item[i], k, &name, error))
                return false;
            if (is_due(root, name, runs) &&
                !pipeline_find_model(name, cwd, runs, "model[0].of", &path, error))
                return wrap_number(name, error);
        }
    return true;
}

bool pipeline_check_others(const struct engine_spec *spec, const cJSON *root, const char *cwd,
                           const char *runs, struct error *error)
{
    scoped(snapshot_list_release) struct snapshot_list list = {0};
    scoped(buffer_release) struct buffer path = {0};
    const char *model = spec->train.start.model, *snapshots = spec->evaluate.snapshots;

    if (is_due(root, model, runs) &&
        !pipeline_find_model(model, cwd, runs, START_PATH, &path, error))
        return wrap_number(model, error);
    if (is_due(root, snapshots, runs) &&
        !pipeline_list_snapshots(snapshots, cwd, runs, &list, error))
        return wrap_number(snapshots, error);
    return model_kind_of(&spec->model) != &model_ensemble ||
           check_ensemble(spec, root, cwd, runs, error);
}
