#include "worker/engine/pipeline.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/order.h"
#include "worker/engine/output_place.h"
#include "worker/engine/prepared/store.h"
#include "worker/engine/question.h"
#include "worker/engine/sample_output.h"

#define FORGOTTEN_VALUES ((int64_t)8 * 1024 * 1024) /* read between two dataset_forget_pages() */

struct exporting {
    cJSON *request; /* owned */
    cJSON *root;    /* borrowed from it: the spec */
    const char *cwd, *path;
    bool shuffle;
    bool part[SPLIT_PART_COUNT]; /* that are wanted */
    uint64_t seed;
    struct engine_spec spec;
    struct warning_list warnings;
    struct dataset *dataset; /* owned */
    struct prepared_rows rows;
    struct sample_output *output; /* owned */
    int64_t n_forgotten;          /* samples since pages were given back */
};

static void exporting_free(struct exporting **exporting)
{
    struct exporting *gone = *exporting;

    if (!gone)
        return;
    sample_output_free(&gone->output);
    prepared_rows_release(&gone->rows);
    dataset_free(&gone->dataset);
    engine_spec_release(&gone->spec);
    json_free(&gone->request);
    free(take(exporting));
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "exporting samples");
}

/* ---- what is asked ----------------------------------------------------------------------------*/

static bool read_part(struct exporting *at, struct error *error)
{
    const char *name = json_text(at->request, "part", "all");
    bool known = false;

    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        at->part[i] = strcmp(name, "all") == 0 || strcmp(name, split_part_name[i]) == 0;
        known = known || at->part[i];
    }
    return known || error_set(error, ERROR_INVALID, "there is no part '%s'", name);
}

static bool read_request(struct exporting *at, FILE *in, struct error *error)
{
    const char *folder;

    if (!question_read(in, &at->request, error) ||
        !question_spec(at->request, &at->root, &folder, error))
        return false;
    at->cwd = json_text(at->request, "cwd", NULL);
    at->path = json_text(at->request, "output", NULL);
    at->shuffle = json_boolean(at->request, "shuffle", false);
    if (!at->path)
        return error_set(error, ERROR_INVALID, "nothing that can be done is asked");
    at->seed = (uint64_t)json_integer(at->root, "seed", 0);
    return read_part(at, error) && engine_spec_parse_data(at->root, &at->spec, error) &&
           output_place_spares_data(at->path, &at->spec.data, at->cwd, error);
}

/* ---- samples ----------------------------------------------------------------------------------*/

/* As training goes through them: of a subset, with classes balanced. */
static const struct row_list *rows_of(const struct exporting *at, int part)
{
    return &at->rows.training.part[part];
}

static int64_t count(const struct exporting *at)
{
    int64_t n = 0;

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        n += at->part[i] ? rows_of(at, i)->n : 0;
    return n;
}

static cJSON *describe(const struct exporting *at)
{
    scoped(json_free) cJSON *meta = cJSON_CreateObject();
    cJSON *fitted = preparation_json(at->rows.preparation);

    if (!json_add_text(meta, "version", NIGHTJAR_VERSION) ||
        !json_add_text(meta, "source", at->dataset->path) ||
        !json_add_text(meta, "data", at->dataset->key) ||
        !json_add_integer(meta, "seed", (int64_t)at->seed) ||
        !json_add_boolean(meta, "shuffled", at->shuffle) ||
        !json_add_text(meta, "leak", at->rows.preparation->leak) ||
        !json_add_integer(meta, "shared_rows", at->rows.split.n_shared_rows) ||
        !json_add_text(meta, "sampling", at->rows.sampling.data ? at->rows.sampling.data : "") ||
        !json_add_item(meta, "preparation", &fitted)) {
        json_free(&fitted);
        return NULL;
    }
    return take(&meta);
}

static void forget(struct exporting *at, int64_t n)
{
    at->n_forgotten += n;
    if (at->n_forgotten * (at->dataset->n_features + 1) < FORGOTTEN_VALUES)
        return;
    dataset_forget_pages(at->dataset);
    at->n_forgotten = 0;
}

static bool write_part(struct exporting *at, int part, struct error *error)
{
    scoped(order_release) struct order order = {.list = rows_of(at, part),
                                                .batch = sample_output_batch(at->output),
                                                .last = LAST_BATCH_KEEP,
                                                .shuffle = at->shuffle,
                                                .seed = at->seed};
    scoped(memory_free) int64_t *row = calloc((size_t)order.batch, sizeof(*row));

    if (!row)
        return no_memory(error);
    if (!order_prepare(&order, error))
        return false;
    for (int64_t batch = 0; batch < order_steps(&order); batch++) {
        int64_t n = order_fill(&order, 0, batch, row);

        if (!sample_output_put(at->output, row, n, part, error))
            return false;
        forget(at, n);
    }
    return true;
}

static bool prepare(struct exporting *at, struct error *error)
{
    bool built;

    return store_open(json_text(at->request, "folder", NULL), &at->spec.data, at->cwd, &at->dataset,
                      &built, &at->warnings, error) &&
           prepared_rows_make(&at->spec, at->cwd, at->dataset, at->seed, &at->rows, &at->warnings,
                              error) &&
           (count(at) > 0 ||
            error_set_at(error, ERROR_INVALID, "data.split", "there is no such part to export"));
}

/* An array holds numbers. */
static void warn_of_text_ids(struct exporting *at)
{
    for (int64_t i = 0; i < at->dataset->n_ids; i++)
        if (!sample_output_is_text(at->path) && !at->dataset->id[i].integer)
            warning_add(&at->warnings, at->dataset->id[i].name, NAN,
                        "ids are texts, which a .csv file can hold: /id has the rows' numbers");
}

static void tell_warnings(const struct exporting *at)
{
    for (int i = 0; i < at->warnings.n; i++)
        (void)fprintf(stderr, "warning: %s%s%s\n", at->warnings.item[i].where,
                      at->warnings.item[i].where[0] ? ": " : "", at->warnings.item[i].text);
}

/* ---- the answer -------------------------------------------------------------------------------*/

static bool add_inputs(const struct exporting *at, cJSON *answer)
{
    const struct sample_set *set = &at->rows.samples->set;
    cJSON *inputs = json_add_object(answer, "inputs");

    for (int i = 0; inputs && i < set->n_inputs; i++) {
        const int shape[] = {(int)set->input[i].shape.steps, (int)set->input[i].shape.width};
        cJSON *item = cJSON_CreateIntArray(shape, 2);

        if (!json_add_item(inputs, set->input[i].name, &item))
            return false;
    }
    return inputs != NULL;
}

static bool print_answer(const struct exporting *at, int64_t bytes, FILE *out, struct error *error)
{
    scoped(json_free) cJSON *answer = cJSON_CreateObject();
    scoped(buffer_release) struct buffer text = {0};

    if (!json_add_text(answer, "output", at->path) ||
        !json_add_integer(answer, "samples", count(at)) || !add_inputs(at, answer) ||
        !json_add_integer(answer, "bytes", bytes))
        return no_memory(error);
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (at->part[i] && !json_add_integer(answer, split_part_name[i], rows_of(at, i)->n))
            return no_memory(error);
    if (!json_print(answer, &text, error))
        return false;
    return (fprintf(out, "%s\n", text.data) > 0 && fflush(out) == 0) ||
           error_set_errno(error, errno, "writing the answer");
}

bool pipeline_export(FILE *in, FILE *out, struct error *error)
{
    scoped(exporting_free) struct exporting *at = calloc(1, sizeof(*at));
    scoped(json_free) cJSON *meta = NULL;
    int64_t bytes;

    if (!at)
        return no_memory(error);
    if (!read_request(at, in, error) || !prepare(at, error))
        return false;
    warn_of_text_ids(at);
    tell_warnings(at);
    meta = describe(at);
    if (!meta)
        return no_memory(error);
    if (!sample_output_open(at->path, at->rows.samples, count(at), &meta, &at->output, error))
        return false;
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (at->part[i] && !write_part(at, i, error))
            return false;
    return sample_output_commit(at->output, &bytes, error) && print_answer(at, bytes, out, error);
}
