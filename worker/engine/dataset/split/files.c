#include "worker/engine/dataset/split/kinds.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/owner.h"
#include "worker/engine/dataset/files.h"
#include "worker/engine/dataset/split/shares.h"
#include "worker/engine/dataset/split/values.h"

static bool give_files(struct splitting *at, const struct data_files *files, int8_t *of_value,
                       int part)
{
    const struct dictionary *names = &at->dataset->split_values;
    char **path = NULL, setting[64];
    size_t n = 0;
    bool good;

    (void)snprintf(setting, sizeof(setting), "data.split.%s", split_part_name[part]);
    good = data_files_expand(at->cwd, at->said[part], setting, &path, &n, at->error);
    for (size_t i = 0; i < n; i++) {
        int64_t number = data_files_number(files, path[i]);

        good = good && number >= 0 &&
               split_give_value(at, names, of_value, files->name[number], part, "file");
        free(path[i]);
    }
    free(path);
    return good;
}

static bool by_files(struct splitting *at)
{
    scoped(data_files_release) struct data_files files = {0};
    const struct dataset *dataset = at->dataset;
    scoped(memory_free) int8_t *of_value = malloc((size_t)dataset->split_values.n + 1);

    if (!of_value)
        return split_no_memory(at->error);
    memset(of_value, SPLIT_NO_PART, (size_t)dataset->split_values.n + 1);
    if (!data_files_find(at->config, at->cwd, &files, at->error))
        return false;
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (at->said[i] && !split_is_rest(at, i) && !give_files(at, &files, of_value, i))
            return false;
    for (int64_t row = 0; row < dataset->n_rows; row++)
        at->part[row] = of_value[dataset->split_value[row]];
    split_train_rest(at);
    return true;
}

static void check_part(const cJSON *said, const char *path, struct diagnostics *diagnostics)
{
    if (!split_is_names(said))
        diagnostics_add(diagnostics, path, "expected the names of files");
}

static void check(const struct data_config *config, struct diagnostics *diagnostics)
{
    const struct split_config *split = &config->split;

    if (!split_is_names(split->train ? split->train : split->test) && !split_is_names(split->valid))
        diagnostics_add(diagnostics, "data.split", "a split by files needs files for some part");
}

const struct split_kind split_files = {
    .kind = {.name = "files", .help = "The file that a row is from."},
    .names_files = true,
    .check_part = check_part,
    .lists = split_always_lists,
    .check = check,
    .deal = by_files,
};
