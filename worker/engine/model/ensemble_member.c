/* One stored model of an ensemble. */
#include "worker/engine/model/ensemble.h"

#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/owner.h"
#include "common/spec/spec.h"
#include "worker/engine/dataset/window.h"

#define MODEL_LIMIT ((size_t)1 << 34)
#define PLACE "model[0].of"

void member_release(struct member *member)
{
    samples_free(&member->samples);
    stored_model_release(&member->stored);
    buffer_release(&member->bytes);
    free(member->name);
    free(member->path);
    free(member->column);
}

int64_t ensemble_count(const char *item)
{
    struct spec_reference reference;

    if (!spec_reference_parse(item, &reference) || reference.batch || reference.last)
        return 1;
    return reference.last_id - reference.first + 1;
}

bool ensemble_name(const char *item, int64_t k, char **ret, struct error *error)
{
    struct spec_reference reference;
    bool number = spec_reference_parse(item, &reference) && !reference.batch && !reference.last;

    if ((number ? asprintf(ret, "%" PRId64, reference.first + k) : asprintf(ret, "%s", item)) >= 0)
        return true;
    *ret = NULL;
    return error_set(error, ERROR_NO_MEMORY, "making an ensemble");
}

/* ---- opening ----------------------------------------------------------------------------------*/

static bool find(const struct ensemble *ensemble, struct member *member, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0};
    scoped(memory_free) char *data = NULL;
    size_t size;

    if (!pipeline_find_model(member->name, ensemble->plan.cwd, ensemble->plan.runs, PLACE, &path,
                             error) ||
        !file_read(AT_FDCWD, path.data, MODEL_LIMIT, &data, &size, error) ||
        !buffer_append(&member->bytes, data, size, error))
        return false;
    member->path = buffer_take(&path);
    return member->path || error_set(error, ERROR_NO_MEMORY, "making an ensemble");
}

static const char *const *names_of(const struct preparation *preparation, int64_t *ret_n)
{
    bool classes = preparation->task == TASK_CLASSIFICATION;

    *ret_n = classes ? preparation->n_classes : preparation->n_targets;
    return (const char *const *)(classes ? preparation->class_name : preparation->target_name);
}

/* Targets and classes are known by their names. */
bool member_match(struct member *member, const struct sample_set *set, struct error *error)
{
    const struct preparation *preparation = member->stored.preparation;
    bool classes = set->task == TASK_CLASSIFICATION;
    int64_t n = classes ? set->n_classes : set->n_targets, n_own;
    const char *const *wanted = classes ? set->class_name : set->target_name;
    const char *const *own = names_of(preparation, &n_own);
    bool any = false;

    if (preparation->task != set->task)
        return error_set_at(error, ERROR_INVALID, PLACE, "%s predicts %s", member->name,
                            classes ? "numbers, and the target is classes"
                                    : "classes, and the target is numbers");
    member->column = calloc((size_t)n + 1, sizeof(*member->column));
    if (!member->column)
        return error_set(error, ERROR_NO_MEMORY, "making an ensemble");
    for (int64_t i = 0; i < n; i++) {
        member->column[i] = -1;
        for (int64_t k = 0; k < n_own; k++)
            if (strcmp(wanted[i], own[k]) == 0)
                member->column[i] = k;
        any = any || member->column[i] >= 0;
    }
    return any || error_set_at(error, ERROR_INVALID, PLACE, "%s predicts none of the %s",
                               member->name, classes ? "classes" : "targets");
}

bool member_open(const struct ensemble *ensemble, struct member *member, struct error *error)
{
    if (member->opened)
        return true;
    if (member->bytes.size == 0 && !find(ensemble, member, error))
        return false;
    member->opened = model_bytes_read(member->name, member->bytes.data, member->bytes.size,
                                      &member->stored, error);
    if (member->opened && member->stored.model->stateful)
        return error_set_at(error, ERROR_INVALID, PLACE,
                            "%s is stateful: what it predicts depends on samples before, and an "
                            "ensemble asks about some at a time",
                            member->name);
    return member->opened;
}

bool member_take_dataset(struct member *member, const struct dataset *dataset, struct error *error)
{
    samples_free(&member->samples);
    if (!pipeline_check_features(member->stored.preparation, dataset, error) ||
        !samples_make(dataset, member->stored.preparation,
                      window_find(&member->stored.spec.prepare), NULL, &member->samples, error))
        return error_wrap(error, "the model of %s", member->name);
    return !member->samples->set.truth ||
           error_set_at(error, ERROR_INVALID, PLACE,
                        "%s predicts each step of a window, and an ensemble one thing a sample",
                        member->name);
}

/* ---- what its run left ------------------------------------------------------------------------*/

bool member_score(const struct member *member, const char *metric, double *ret, struct error *error)
{
    scoped(memory_free) char *text = NULL;
    struct error missing = {0};
    char *rest, *line;
    size_t size;

    *ret = NAN;
    if (!member->path ||
        !pipeline_read_beside(member->path, "../reported.jsonl", &text, &size, &missing))
        return error_set_at(error, ERROR_INVALID, PLACE, "%s: the model's run is not there",
                            member->name);
    rest = text;
    while ((line = strsep(&rest, "\n"))) {
        scoped(json_free) cJSON *event = NULL;

        if (strstr(line, metric) && json_parse(line, strlen(line), &event, &missing) &&
            strcmp(json_text(event, "event", ""), "metric") == 0 && !json_member(event, "step") &&
            strcmp(json_text(event, "name", ""), metric) == 0)
            *ret = json_number(event, "value", NAN);
    }
    return isfinite(*ret) || error_set_at(error, ERROR_INVALID, "model[0].metric", "%s has no %s",
                                          member->name, metric);
}
