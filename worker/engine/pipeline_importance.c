/* importances.csv: what each input did for a model that can tell. */
#include <fcntl.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/model/flat_rows.h"
#include "worker/engine/pipeline.h"

struct importance {
    int64_t input;
    double gain, splits;
};

static int by_gain(const void *a, const void *b)
{
    const struct importance *x = a, *y = b;

    if (x->gain != y->gain)
        return x->gain < y->gain ? 1 : -1;
    return x->input < y->input ? -1 : 1;
}

/* "target", or "target=y1" where each has a place of its own. */
static bool append_asked(const struct samples *samples, int64_t number, int64_t n,
                         struct buffer *ret, struct error *error)
{
    return buffer_append_text(ret, "target", error) &&
           (n == 1 || buffer_append_format(ret, error, "=%s", samples->set.target_name[number]));
}

/* "age", "workclass=Private"; of a sequence "ecg[3]"; of several inputs "image.17". */
static bool append_name(const struct samples *samples, int64_t number, int64_t n_asked,
                        struct buffer *ret, struct error *error)
{
    const struct sample_input *input = samples->set.input;
    int64_t width = flat_width(input, samples->set.n_inputs), step;

    if (number >= width)
        return append_asked(samples, number - width, n_asked, ret, error);
    if (samples->set.n_inputs > 1) {
        while (number >= input->shape.steps * input->shape.width) {
            number -= input->shape.steps * input->shape.width;
            input++;
        }
        return buffer_append_format(ret, error, "%s.%lld", input->name, (long long)number);
    }
    step = number / input->shape.width;
    return buffer_append_text(ret, samples->preparation->column[number % input->shape.width].name,
                              error) &&
           (input->shape.steps == 1 || buffer_append_format(ret, error, "[%lld]", (long long)step));
}

static bool write_table(const struct samples *samples, const struct importance *item, int64_t n,
                        int64_t n_asked, struct buffer *out, struct error *error)
{
    double total = 0;

    for (int64_t i = 0; i < n; i++)
        total += item[i].gain;
    if (!buffer_append_text(out, "feature,share,gain,splits\n", error))
        return false;
    for (int64_t i = 0; i < n; i++) {
        scoped(buffer_release) struct buffer name = {0};

        if (!append_name(samples, item[i].input, n_asked, &name, error) ||
            !csv_write_field(out, name.data, true, error) ||
            !buffer_append_format(out, error, ",%.6g,%.9g,%.0f\n",
                                  total > 0 ? item[i].gain / total : 0, item[i].gain,
                                  item[i].splits))
            return false;
    }
    return true;
}

static bool fill(struct model *model, struct importance *item, int64_t n, struct error *error)
{
    scoped(memory_free) double *gain = calloc((size_t)n * 2 + 1, sizeof(*gain));

    if (!gain)
        return error_set(error, ERROR_NO_MEMORY, "the importance of %lld inputs", (long long)n);
    if (!model->kind->importance(model, gain, gain + n, error))
        return false;
    for (int64_t i = 0; i < n; i++)
        item[i] = (struct importance){i, gain[i], gain[n + i]};
    qsort(item, (size_t)n, sizeof(*item), by_gain);
    return true;
}

bool pipeline_write_importances(struct model *model, const struct samples *samples,
                                struct buffer *out, struct error *error)
{
    int64_t n = flat_width(samples->set.input, samples->set.n_inputs) + model->n_asked;
    scoped(memory_free) struct importance *item = calloc((size_t)n + 1, sizeof(*item));

    if (!item)
        return error_set(error, ERROR_NO_MEMORY, "the importance of %lld inputs", (long long)n);
    return fill(model, item, n, error) && write_table(samples, item, n, model->n_asked, out, error);
}
