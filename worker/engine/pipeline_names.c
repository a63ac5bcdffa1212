/* Whether a model that a spec takes weights from means the same by the places of its features,
 * classes and targets. */
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/model/ensemble.h"
#include "worker/engine/pipeline.h"

struct names { /* of what a model knows by its place */
    const char *what, *all;
    const char **item; /* owned, the names borrowed */
    int64_t n;
};

static void names_release(struct names *names)
{
    free(names->item);
}

enum named { NAMED_FEATURES, NAMED_COLUMNS, NAMED_CLASSES, NAMED_TARGETS, NAMED_COUNT };

static int64_t count_names(const struct preparation *preparation, enum named which)
{
    const int64_t n[] = {[NAMED_FEATURES] = preparation->n_features,
                         [NAMED_COLUMNS] = preparation->width,
                         [NAMED_CLASSES] = preparation->n_classes,
                         [NAMED_TARGETS] = preparation->n_targets};

    return n[which];
}

static const char *name_at(const struct preparation *preparation, enum named which, int64_t i)
{
    switch (which) {
    case NAMED_FEATURES:
        return preparation->feature[i].name;
    case NAMED_COLUMNS:
        return preparation->column[i].name;
    case NAMED_CLASSES:
        return preparation->class_name[i];
    default:
        return preparation->target_name[i];
    }
}

static bool list_names(const struct preparation *preparation, enum named which, struct names *ret,
                       struct error *error)
{
    static const char *const what[] = {"feature", "column", "class", "target"};
    static const char *const all[] = {"features", "columns", "classes", "targets"};

    *ret = (struct names){
        .what = what[which], .all = all[which], .n = count_names(preparation, which)};
    ret->item = calloc((size_t)ret->n + 1, sizeof(*ret->item));
    if (!ret->item)
        return error_set(error, ERROR_NO_MEMORY, "comparing names");
    for (int64_t i = 0; i < ret->n; i++)
        ret->item[i] = name_at(preparation, which, i);
    return true;
}

static int by_name(const void *left, const void *right)
{
    return strcmp(*(const char *const *)left, *(const char *const *)right);
}

/* -1: they are the same, as far as both go. */
static int64_t first_other(const struct names *own, const struct names *theirs)
{
    for (int64_t i = 0; i < own->n && i < theirs->n; i++)
        if (strcmp(own->item[i], theirs->item[i]) != 0)
            return i;
    return -1;
}

/* *ret_same: nothing is at another place. */
static bool compare(const struct preparation *own, const struct preparation *theirs,
                    enum named which, const char *place, struct warning_list *warnings,
                    bool *ret_same, struct error *error)
{
    scoped(names_release) struct names here = {0}, there = {0};
    const char *name, *other;
    bool only_order;
    int64_t first;

    if (!list_names(own, which, &here, error) || !list_names(theirs, which, &there, error))
        return false;
    first = first_other(&here, &there);
    *ret_same = first < 0;
    if (*ret_same)
        return true;
    name = here.item[first];
    other = there.item[first];
    qsort(here.item, (size_t)here.n, sizeof(*here.item), by_name);
    qsort(there.item, (size_t)there.n, sizeof(*there.item), by_name);
    only_order = here.n == there.n && first_other(&here, &there) < 0;
    if (only_order || which != NAMED_TARGETS) /* to learn another target from there is usual */
        warning_add(warnings, place, (double)first + 1,
                    "%s %lld is '%.60s' and the model's is '%.60s': %s; weights go by place, not "
                    "by name",
                    here.what, (long long)first + 1, name, other,
                    only_order ? "they are the same in another order" : "they are others");
    return true;
}

bool pipeline_compare_names(const struct engine_spec *spec, const struct model_files *others,
                            const struct preparation *preparation, struct warning_list *warnings,
                            struct error *error)
{
    scoped(stored_model_release) struct stored_model stored = {0};
    scoped(memory_free) char *source = NULL;
    const char *place = pipeline_others_place(spec);
    struct error missing = {0};
    bool same = true;

    if (others->n == 0 || model_kind_of(&spec->model) == &model_ensemble ||
        !model_file_read_origin(others->path[0], &stored, &source, &missing))
        return true; /* weights of another program have no names */
    for (int i = NAMED_FEATURES; i < NAMED_COUNT; i++) {
        enum named which = (enum named)i;

        /* what is not as many is not taken, or of another shape, which is an error */
        if (which == NAMED_FEATURES || which == NAMED_COLUMNS
                ? preparation->width != stored.preparation->width || !same
                : count_names(preparation, which) != count_names(stored.preparation, which))
            continue;
        if (!compare(preparation, stored.preparation, which, place, warnings, &same, error))
            return false;
    }
    return true;
}
