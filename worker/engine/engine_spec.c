#include "worker/engine/engine_spec.h"

#include <stdio.h>
#include <string.h>

#include "common/owner.h"
#include "common/spec/spec.h"
#include "worker/engine/dataset/window.h"
#include "worker/engine/layer/recurrent.h"
#include "worker/engine/metric/metric.h"
#include "worker/engine/model/model.h"
#include "worker/engine/model/network.h"
#include "worker/engine/sampling/sampling.h"
#include "worker/engine/transform/transform.h"

#define LIST_MAX 1000

static const struct setting evaluate_settings[] = {
    SETTING_KINDS(struct evaluate_config, metrics, &metric_registry, 0, LIST_MAX, SETTING_SCALAR_OK,
                  "What is measured on every part. Left out: accuracy, balanced_accuracy, "
                  "confusion and log_loss for classes; mae, r2 and rmse for values."),
    SETTING_BOOLEAN(struct evaluate_config, predictions, true,
                    "Write predictions.csv for the test part (without one for the validation "
                    "part)."),
    SETTING_BOOLEAN(struct evaluate_config, logits, false,
                    "Write logits.csv beside it: a network's outputs before they become "
                    "probabilities; of two classes with one output the first has 0."),
    SETTING_INTEGER(struct evaluate_config, bootstrap, 0, 0, 100000, "",
                    "How often the test rows are drawn again for the table test.intervals; fewer "
                    "where there are very many rows; 0: no intervals."),
    SETTING_BOOLEAN(struct evaluate_config, balanced, false,
                    "Also measure rows of which each class has as many, the rarest's number: "
                    "test.balanced.accuracy beside test.accuracy."),
    SETTING_BOOLEAN(struct evaluate_config, test, true,
                    "Measure and predict the test part. false keeps it closed while one searches: "
                    "nj evaluate opens it, and says how often it was looked at."),
    SETTING_TEXT(struct evaluate_config, snapshots, NULL, 0,
                 "Train nothing, but measure each snapshot of an experiment (its number), a run or "
                 "a folder; steps are their numbers, in order."),
    {0},
};

const struct setting engine_settings[] = {
    SETTING_NESTED(struct engine_spec, data, struct data_config, data_settings,
                   "Where the rows come from, what their columns mean, how they are split."),
    SETTING_KINDS(struct engine_spec, prepare, &transform_registry, 0, LIST_MAX, SETTING_SCALAR_OK,
                  "Transforms of the features, in order, fitted on the training rows only."),
    SETTING_KINDS(
        struct engine_spec, model, &model_registry, 1, LIST_MAX, SETTING_REQUIRED,
        "The network's layers, from the first to the last; or a model that stands alone."),
    SETTING_NESTED(struct engine_spec, train, struct train_config, train_settings,
                   "How the model is trained."),
    SETTING_NESTED(struct engine_spec, evaluate, struct evaluate_config, evaluate_settings,
                   "What is measured and written at the end."),
    {0},
};

void engine_spec_release(struct engine_spec *spec)
{
    settings_release(engine_settings, spec);
}

/* A view of the engine's keys: members are borrowed. */
static cJSON *engine_part(const cJSON *root)
{
    scoped(json_free) cJSON *part = cJSON_CreateObject();
    cJSON *member;

    cJSON_ArrayForEach(member, root)
    {
        if (spec_owner_of(member->string) == SPEC_OWNER_ENGINE &&
            !(part && cJSON_AddItemReferenceToObject(part, member->string, member)))
            return NULL;
    }
    return take(&part);
}

/* A model that stands alone reads little of train; the rest would be ignored silently. */
static void check_train(const struct kind_choices *model, const cJSON *train,
                        struct diagnostics *diagnostics)
{
    static const char *const read[] = {"checkpoint",     "epochs", "restore_best",
                                       "early_stopping", "limit",  NULL};
    static const char *const read_once[] = {"checkpoint", "precision", NULL};
    const struct model_kind *kind = model_kind_of(model);
    const cJSON *member;

    if (!kind->whole)
        return;
    cJSON_ArrayForEach(member, train)
    {
        char path[96];
        bool known = false;

        for (const char *const *name = kind->single ? read_once : read; *name; name++)
            known = known || strcmp(member->string, *name) == 0;
        (void)snprintf(path, sizeof(path), "train.%s", member->string);
        if (!known)
            diagnostics_add(diagnostics, path, "is not read by %s", kind->kind.name);
    }
}

/* Weights of several predictions are found about the targets' mean, in their own units. */
static void check_targets(const struct engine_spec *spec, struct diagnostics *diagnostics)
{
    int transform = spec->data.target_transform;

    if (model_kind_of(&spec->model)->single &&
        (transform == TARGET_TRANSFORM_LOG || transform == TARGET_TRANSFORM_LOG_STANDARD))
        diagnostics_add(diagnostics, "data.target_transform",
                        "an ensemble learns no logarithms; its members may");
}

/* What takes samples out of their order. */
static void check_order(const struct engine_spec *spec, const char *layer,
                        struct diagnostics *diagnostics)
{
    const struct subset_config *subset = sampling_find(&spec->prepare, &transform_subset);
    const struct balance_config *balance = sampling_find(&spec->prepare, &transform_balance);

    if (spec->train.shuffle)
        diagnostics_add(diagnostics, "train.shuffle",
                        "has to be false: %s.stateful carries state from one batch to the next",
                        layer);
    if (spec->train.last_batch == LAST_BATCH_PAD)
        diagnostics_add(diagnostics, "train.last_batch",
                        "pad repeats samples, which %s.stateful goes through in their order",
                        layer);
    if ((subset && subset->by != SUBSET_HEAD) || (balance && balance->by != BALANCE_WEIGHTS))
        diagnostics_add(diagnostics, "prepare",
                        "takes samples out of their order, in which %s.stateful goes through them",
                        layer);
}

static void check_stateful(const struct engine_spec *spec, struct diagnostics *diagnostics)
{
    const struct window_config *window = window_find(&spec->prepare);
    char layer[64], path[80];

    for (size_t i = 0; i < spec->model.n; i++) {
        if (model_kind_of(&spec->model) != &model_network ||
            !recurrent_is_stateful(&spec->model.item[i]))
            continue;
        (void)snprintf(layer, sizeof(layer), "model[%zu]", i);
        (void)snprintf(path, sizeof(path), "%s.stateful", layer);
        if (!window || !window_follows(window))
            diagnostics_add(diagnostics, path,
                            "samples have to follow one another: prepare needs a window whose "
                            "stride is its length");
        check_order(spec, layer, diagnostics);
        return;
    }
}

bool engine_spec_parse(const cJSON *root, bool stored, struct engine_spec *spec,
                       struct diagnostics *diagnostics)
{
    scoped(json_free) cJSON *part = cJSON_IsObject(root) ? engine_part(root) : NULL;
    const struct window_config *window;
    struct error error = {0};

    if (!cJSON_IsObject(root)) {
        diagnostics_add(diagnostics, "", "expected a mapping of settings");
        return false;
    }
    if (!part) {
        diagnostics_add(diagnostics, "", "out of memory");
        return false;
    }
    if (!settings_parse(engine_settings, part, "", spec, diagnostics))
        return false;
    window = window_find(&spec->prepare);
    spec->data.foretells = window && window->horizon > 0;
    if (!stored) {
        data_check(&spec->data, json_member(part, "data"), diagnostics);
        if (!window_check(&spec->prepare, &spec->data, &error))
            diagnostics_add(diagnostics, error.path, "%s", error.message);
        check_train(&spec->model, json_member(part, "train"), diagnostics);
        check_targets(spec, diagnostics);
        check_stateful(spec, diagnostics);
    }
    return diagnostics->n == 0;
}

/* Nothing is built of it. */
static bool complete_model(cJSON *root)
{
    cJSON *list = json_member(root, "model") ? NULL : json_add_array(root, "model");

    return json_member(root, "model") &&
           (!list || cJSON_AddItemToArray(list, cJSON_CreateString("flatten")));
}

bool engine_spec_parse_data(cJSON *root, struct engine_spec *spec, struct error *error)
{
    scoped(diagnostics_release) struct diagnostics diagnostics = {0};

    if (complete_model(root) && engine_spec_parse(root, false, spec, &diagnostics))
        return true;
    return diagnostics.n > 0 ? error_set_at(error, ERROR_INVALID, diagnostics.item[0].path, "%s",
                                            diagnostics.item[0].message)
                             : error_set(error, ERROR_NO_MEMORY, "reading a spec");
}
