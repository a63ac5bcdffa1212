/*
 * <folder>/<data>-<key>.fit: a line of the preparation (transform/preparation_json.c), then one for
 * each warning that fitting gave. The first key is that of the data, the other a hash of the data,
 * the rows and the settings; a file that cannot be read is written again.
 */
#include "worker/engine/prepared/fitted.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/dataset/window.h"

#define FITTED_VERSION 6
#define FITTED_LIMIT ((size_t)256 * 1024 * 1024)

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "fitting transforms");
}

static bool append_split(const struct split *split, struct buffer *text, struct error *error)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!buffer_append_format(text, error, " %016llx",
                                  (unsigned long long)row_list_hash(&split->part[i])))
            return false;
    return true;
}

/* All that decides what comes of fitting. */
static bool fitted_path(const struct dataset *dataset, const struct split *rows,
                        const struct split *windows, const struct engine_spec *spec,
                        struct buffer *ret, struct error *error)
{
    scoped(json_free) cJSON *settings = settings_json(engine_settings, spec);
    scoped(buffer_release) struct buffer text = {0};
    char key[HASH_TEXT_SIZE];

    if (!settings)
        return no_memory(error);
    if (!buffer_append_format(&text, error, "%d %zu %s %s %lld %d %.17g ", FITTED_VERSION,
                              sizeof(real), NIGHTJAR_VERSION, dataset->key,
                              (long long)spec->data.max_categories, spec->data.target_transform,
                              spec->data.rate) ||
        (json_member(settings, "prepare") &&
         !json_print(json_member(settings, "prepare"), &text, error)))
        return false;
    if (!append_split(rows, &text, error) || !append_split(windows, &text, error))
        return false;
    return buffer_append_format(ret, error, "%s/%s-%s.fit", dataset->folder, dataset->key,
                                hash_text(text.data, text.size, key));
}

static bool read_fitted(const char *path, struct preparation **ret_preparation,
                        struct warning_list *warnings, struct error *error)
{
    scoped(memory_free) char *text = NULL;
    scoped(json_free) cJSON *json = NULL;
    char *end;
    size_t size;

    if (!file_read(AT_FDCWD, path, FITTED_LIMIT, &text, &size, error))
        return false;
    end = strchr(text, '\n');
    if (!end)
        return error_set(error, ERROR_CORRUPT, "%s: no whole line", path);
    return json_parse(text, (size_t)(end - text), &json, error) &&
           preparation_parse(json, ret_preparation, error) &&
           warnings_parse(end + 1, warnings, error);
}

static bool write_fitted(const char *path, const struct preparation *preparation,
                         const struct warning_list *warnings, struct error *error)
{
    scoped(json_free) cJSON *json = preparation_json(preparation);
    scoped(buffer_release) struct buffer text = {0};

    if (!json)
        return no_memory(error);
    return json_print(json, &text, error) && buffer_append_text(&text, "\n", error) &&
           warnings_print(warnings, &text, error) &&
           file_replace_fast(AT_FDCWD, path, text.data, text.size, error);
}

bool fitted_prepare(const struct dataset *dataset, const struct split *rows,
                    const struct split *windows, const struct stretches *stretches,
                    const struct engine_spec *spec, struct preparation **ret_preparation,
                    struct warning_list *warnings, struct error *error)
{
    scoped(memory_free) struct warning_list *own = calloc(1, sizeof(*own));
    scoped(preparation_free) struct preparation *preparation = NULL;
    scoped(buffer_release) struct buffer path = {0};
    struct error ignored = {0};

    if (!own)
        return no_memory(error);
    if (!dataset->folder)
        return preparation_fit(dataset, rows, windows, stretches, &spec->data, &spec->prepare,
                               ret_preparation, warnings, error);
    if (!fitted_path(dataset, rows, windows, spec, &path, error))
        return false;
    if (!read_fitted(path.data, &preparation, own, &ignored) ||
        !preparation_set_inputs(preparation, window_find(&spec->prepare), &ignored)) {
        own->n = 0;
        preparation_free(&preparation);
        if (!preparation_fit(dataset, rows, windows, stretches, &spec->data, &spec->prepare,
                             &preparation, own, error))
            return false;
        (void)write_fitted(path.data, preparation, own, &ignored); /* only saves time */
    }
    warnings_append(warnings, own);
    *ret_preparation = take(&preparation);
    return true;
}
