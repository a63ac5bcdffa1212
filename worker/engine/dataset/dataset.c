#include "worker/engine/dataset/dataset.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/owner.h"
#include "worker/engine/dataset/csv.h"
#include "worker/engine/dataset/files.h"
#include "worker/engine/prepared/prepared.h"

static void free_where(struct dataset *dataset)
{
    for (int64_t i = 0; i < dataset->n_where; i++) {
        free(dataset->where[i].name);
        dictionary_release(&dataset->where[i].dictionary);
    }
    free(dataset->where);
}

static void free_ids(struct dataset *dataset)
{
    for (int64_t i = 0; i < dataset->n_ids; i++) {
        free(dataset->id[i].name);
        dictionary_release(&dataset->id[i].dictionary);
    }
    free(dataset->id);
}

void dataset_free(struct dataset **dataset)
{
    struct dataset *gone = *dataset;

    if (!gone)
        return;
    for (int64_t i = 0; i < gone->n_features; i++) {
        free(gone->feature[i].name);
        free(gone->feature[i].missing_place);
        dictionary_release(&gone->feature[i].dictionary);
    }
    for (int64_t i = 0; gone->target_name && i < gone->n_targets; i++)
        free(gone->target_name[i]);
    free_ids(gone);
    free_where(gone);
    free(gone->path);
    free(gone->folder);
    free(gone->feature);
    free(gone->target_name);
    series_release(&gone->series);
    dictionary_release(&gone->classes);
    dictionary_release(&gone->groups);
    dictionary_release(&gone->split_groups);
    dictionary_release(&gone->split_values);
    if (gone->mapping)
        (void)munmap(gone->mapping, gone->mapping_bytes);
    if (gone->locked)
        (void)close(gone->lock);
    free(gone);
    *dataset = NULL;
}

void dataset_forget_pages(const struct dataset *dataset)
{
    if (dataset->mapping)
        (void)madvise(dataset->mapping, dataset->mapping_bytes, MADV_DONTNEED);
}

int64_t dataset_file_row(const struct dataset *dataset, int64_t row)
{
    return dataset->source_row ? dataset->source_row[row] : row;
}

bool dataset_is_told(const struct dataset *dataset, int64_t row)
{
    if (dataset->label)
        return dataset->label[row] >= 0;
    for (int64_t i = 0; i < dataset->n_targets; i++)
        if (isnan(dataset_target(dataset, row)[i]))
            return false;
    return true;
}

static bool is_told(const void *context, int64_t row)
{
    return dataset_is_told(context, row);
}

bool dataset_drop_untold(const struct dataset *dataset, struct row_list *list, struct error *error)
{
    return (!dataset->target && !dataset->label) || row_list_filter(list, is_told, dataset, error);
}

const int32_t *dataset_split_group(const struct dataset *dataset,
                                   const struct dictionary **ret_names)
{
    *ret_names = dataset->split_group ? &dataset->split_groups : &dataset->groups;
    return dataset->split_group ? dataset->split_group : dataset->group;
}

bool dataset_blame_source(struct error *error)
{
    if (!error->path[0])
        (void)snprintf(error->path, sizeof(error->path), "data.source");
    /* a file that is not there or damaged is what is wrong with the spec */
    if (error->kind == ERROR_NOT_FOUND || error->kind == ERROR_CORRUPT)
        error->kind = ERROR_INVALID;
    return false;
}

bool dataset_import(const struct data_config *config, const char *cwd, struct dataset **ret_dataset,
                    struct warning_list *warnings, struct error *error)
{
    scoped(data_files_release) struct data_files files = {0};
    const struct prepared_request request = {
        .config = config, .files = &files, .warnings = warnings};

    return data_files_find(config, cwd, &files, error) &&
           (prepared_in_memory(&request, ret_dataset, error) || dataset_blame_source(error));
}

bool dataset_import_new(const struct data_config *config, const char *cwd, const char *path,
                        const struct feature_wish *wish, int64_t n_wishes,
                        struct dataset **ret_dataset, struct error *error)
{
    scoped(data_files_release) struct data_files files = {0};
    const struct prepared_request request = {
        .config = config, .files = &files, .wish = wish, .n_wishes = n_wishes};

    return data_files_of(config, cwd, path, &files, error) &&
           prepared_in_memory(&request, ret_dataset, error);
}

bool dataset_write_id_header(const struct dataset *dataset, struct buffer *out, struct error *error)
{
    if (dataset->n_ids == 0)
        return csv_write_field(out, "row", true, error);
    for (int64_t i = 0; i < dataset->n_ids; i++)
        if (!csv_write_field(out, dataset->id[i].name, i == 0, error))
            return false;
    return true;
}

bool dataset_write_id(const struct dataset *dataset, int64_t row, struct buffer *out,
                      struct error *error)
{
    if (dataset->n_ids == 0)
        return buffer_append_format(out, error, "%lld", (long long)dataset_file_row(dataset, row));
    for (int64_t i = 0; i < dataset->n_ids; i++) {
        const struct id *id = &dataset->id[i];

        if (id->integer) {
            if (!buffer_append_format(out, error, "%s%lld", i ? "," : "",
                                      (long long)id->integer[row]))
                return false;
        } else if (!csv_write_field(out,
                                    id->code[row] < 0 ? "" : id->dictionary.text[id->code[row]],
                                    i == 0, error)) {
            return false;
        }
    }
    return true;
}
