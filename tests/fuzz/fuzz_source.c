/*
 * Any bytes as a file of some format. Profiling and reading end; what is read has as many rows and
 * series as the profile says, and codes of texts are those of the chunk's dictionaries.
 *
 * Input: the first byte chooses the format, the rest is the file.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/owner.h"
#include "worker/engine/dataset/source/kinds.h"
#include "worker/engine/dataset/source/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct counting {
    const struct source *source;
    int64_t n_rows, n_series;
};

static void must(bool condition)
{
    if (!condition)
        abort();
}

static bool count_chunk(void *context, const struct source_chunk *chunk, struct error *error)
{
    struct counting *counting = context;
    const struct table_profile *profile = &counting->source->profile;
    int64_t n = 0;

    (void)error;
    must(chunk->first_row == counting->n_rows && chunk->first_series == counting->n_series);
    for (int64_t i = 0; i < chunk->n_series; i++)
        n += chunk->length[i];
    must(profile->n_series == 0 || n == chunk->n_rows);
    for (int64_t i = 0; i < profile->n_columns; i++) {
        const struct column *column = &chunk->column[i];
        int64_t values = profile->column[i].of_series ? chunk->n_series : chunk->n_rows;

        for (int64_t j = 0; column->form == FORM_TEXT && j < values; j++)
            must(column->code[j] >= -1 && column->code[j] < column->dictionary.n);
    }
    counting->n_rows += chunk->n_rows;
    counting->n_series += chunk->n_series;
    return true;
}

static void read_all(struct source *source)
{
    const struct table_profile *profile = &source->profile;
    scoped(memory_free) enum column_form *form =
        calloc((size_t)profile->n_columns + 1, sizeof(*form));
    struct counting counting = {.source = source};
    const struct source_sink sink = {.context = &counting, .take = count_chunk};
    struct error error;

    must(form != NULL);
    for (int64_t i = 0; i < profile->n_columns; i++)
        form[i] = profile->column[i].type == COLUMN_TEXT ? FORM_TEXT : FORM_REAL;
    if (source_read(source, form, &sink, &error))
        must(counting.n_rows == profile->n_rows && counting.n_series == profile->n_series);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct source_kind *const kind[] = {&source_ts, &source_arff, &source_npy,
                                                     &source_csv};
    scoped(descriptor_close) int fd = memfd_create("fuzz", MFD_CLOEXEC);
    scoped(source_free) struct source *source = NULL;
    scoped(memory_free) void *config = NULL;
    struct source_request request;
    struct error error;
    char path[64];

    if (size == 0)
        return 0;
    must(fd >= 0 && write(fd, data + 1, size - 1) == (ssize_t)size - 1);
    (void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    request = (struct source_request){.path = path, .kind.kind = &kind[data[0] % 4]->kind};
    config = calloc(1, request.kind.kind->config_size + 1);
    must(config != NULL);
    request.kind.config = config;
    if (source_open(&request, &source, &error) && source_profile(source, &error))
        read_all(source);
    return 0;
}
