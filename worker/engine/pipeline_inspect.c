/* What a stored model is made of: layers, shapes, parameters, memory. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/owner.h"
#include "worker/engine/model/long_targets.h"
#include "worker/engine/model/network.h"
#include "worker/engine/pipeline.h"

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "looking at a model");
}

static bool add_sizes(cJSON *object, const char *name, const double *size, int n)
{
    cJSON *sizes = cJSON_CreateDoubleArray(size, n);

    return json_add_item(object, name, &sizes);
}

static bool add_shape(cJSON *object, const char *name, const struct shape *shape)
{
    const double size[] = {(double)shape->steps, (double)shape->width};

    return shape->steps > 1 ? add_sizes(object, name, size, 2)
                            : add_sizes(object, name, size + 1, 1);
}

static bool add_array(cJSON *list, const struct parameter *parameter)
{
    const double size[] = {(double)parameter->rows, (double)parameter->columns};
    const char *dot = strchr(parameter->name, '.');

    return add_sizes(list, dot ? dot + 1 : parameter->name, size, parameter->is_vector ? 1 : 2);
}

static bool add_arrays(cJSON *item, const struct layer *layer)
{
    cJSON *list = json_add_object(item, "weights");
    int64_t n = 0;

    for (int i = 0; list && i < layer->n_parameters; i++) {
        n += layer->parameter[i].rows * layer->parameter[i].columns;
        if (!add_array(list, &layer->parameter[i]))
            return false;
    }
    return list && json_add_integer(item, "parameters", n);
}

static bool add_layers(cJSON *answer, const struct network *network)
{
    cJSON *list = json_add_array(answer, "layers");

    for (int i = 0; list && i < network->n_layers; i++) {
        const struct layer *layer = &network->layer[i];
        cJSON *item = cJSON_CreateObject();

        if (!item || !cJSON_AddItemToArray(list, item)) {
            json_free(&item);
            return false;
        }
        if (!json_add_text(item, "name", layer->name) ||
            !json_add_text(item, "place", layer->path) || !add_shape(item, "output", &layer->out) ||
            !add_arrays(item, layer))
            return false;
    }
    return list != NULL;
}

static bool add_inputs(cJSON *answer, const struct preparation *preparation)
{
    cJSON *list = json_add_object(answer, "inputs");

    for (int i = 0; list && i < preparation->n_inputs; i++)
        if (!add_shape(list, preparation->input[i].name, &preparation->input[i].shape))
            return false;
    return list != NULL;
}

/* Bytes of a process' model while it predicts, and while it is trained. */
static bool add_memory(cJSON *answer, const struct stored_model *stored, struct error *error)
{
    struct model_plan plan = pipeline_plan(&stored->spec, stored->preparation, 0, true);
    int64_t parameters, training;

    if (!model_measure(&plan, &parameters, &training, error))
        return false;
    return (json_add_text(answer, "precision", plan.doubled ? "float64" : "float32") &&
            json_add_integer(answer, "parameters", stored->model->n_parameters) &&
            json_add_integer(answer, "predicting_bytes", stored->model->memory) &&
            json_add_integer(answer, "training_bytes", training)) ||
           no_memory(error);
}

static bool describe(const struct stored_model *stored, cJSON **ret, struct error *error)
{
    const struct model *model = long_targets_inner(stored->model);
    bool network = model->kind == &model_network;
    scoped(json_free) cJSON *answer = cJSON_CreateObject();

    if (!json_add_text(answer, "model", network ? "network" : model->kind->kind.name) ||
        !add_inputs(answer, stored->preparation) ||
        (network ? !add_layers(answer, (const struct network *)model)
                 : !json_add_integer(answer, "pieces", model->n_pieces)))
        return no_memory(error);
    if (!add_memory(answer, stored, error))
        return false;
    *ret = take(&answer);
    return true;
}

/* ---- for a person -----------------------------------------------------------------------------*/

static const char *shape_text(const cJSON *shape, char *text, size_t size)
{
    const cJSON *number;
    size_t used = 0;

    text[0] = '\0';
    cJSON_ArrayForEach(number, shape)
    {
        if (used < size)
            used += (size_t)snprintf(text + used, size - used, "%s%.0f",
                                     number == shape->child ? "" : " x ", number->valuedouble);
    }
    return text;
}

static const char *bytes_text(double bytes, char *text, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB"};
    int unit = 0;

    for (; bytes >= 1024 && unit < 3; unit++)
        bytes /= 1024;
    (void)snprintf(text, size, "%.3g %s", bytes, units[unit]);
    return text;
}

static void print_layer(const cJSON *layer, FILE *out)
{
    const cJSON *weight;
    char text[64];

    (void)fprintf(out, "%-20s %-14s %12.0f ", json_text(layer, "name", ""),
                  shape_text(json_member(layer, "output"), text, sizeof(text)),
                  json_number(layer, "parameters", 0));
    cJSON_ArrayForEach(weight, json_member(layer, "weights"))
    {
        (void)fprintf(out, " %s %s%s", weight->string, shape_text(weight, text, sizeof(text)),
                      weight->next ? "," : "");
    }
    (void)fprintf(out, "\n");
}

static void print(const cJSON *answer, FILE *out)
{
    const char *precision = json_text(answer, "precision", "float32");
    const cJSON *item;
    char text[64], more[64];

    cJSON_ArrayForEach(item, json_member(answer, "inputs"))
    {
        (void)fprintf(out, "input %-14s %s\n", item->string, shape_text(item, text, sizeof(text)));
    }
    if (json_member(answer, "layers"))
        (void)fprintf(out, "%-20s %-14s %12s  weights\n", "layer", "output", "parameters");
    cJSON_ArrayForEach(item, json_member(answer, "layers"))
    {
        print_layer(item, out);
    }
    if (json_member(answer, "pieces"))
        (void)fprintf(out, "%s of %.0f\n", json_text(answer, "model", ""),
                      json_number(answer, "pieces", 0));
    (void)fprintf(out, "%.0f parameters%s; %s to predict, %s to train\n",
                  json_number(answer, "parameters", 0),
                  strcmp(precision, "float32") == 0 ? "" : " of float64",
                  bytes_text(json_number(answer, "predicting_bytes", 0), text, sizeof(text)),
                  bytes_text(json_number(answer, "training_bytes", 0), more, sizeof(more)));
}

static bool inspect(const char *path, bool json, FILE *out, struct error *error)
{
    scoped(stored_model_release) struct stored_model stored = {0};
    scoped(json_free) cJSON *answer = NULL;
    scoped(buffer_release) struct buffer text = {0};

    if (!model_file_read(path, &stored, error) || !describe(&stored, &answer, error))
        return false;
    if (!json) {
        print(answer, out);
        return true;
    }
    return json_print(answer, &text, error) && fprintf(out, "%s\n", text.data) > 0;
}

bool pipeline_inspect(const char *model, bool json, FILE *out, struct error *error)
{
    scoped(memory_free) char *path = NULL;
    scoped(memory_free) char *temporary = NULL;
    bool done =
        pipeline_stored_model(model, &path, &temporary, error) && inspect(path, json, out, error);

    if (temporary)
        (void)unlink(temporary);
    return done;
}
