#include "worker/engine/dataset/split/kinds.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/engine/dataset/split/shares.h"
#include "worker/engine/dataset/split/values.h"

#define INDEX_FILE_LIMIT ((size_t)1024 * 1024 * 1024)

static bool take_row(struct splitting *at, const char *file, const char *token, int line, int part)
{
    char *end;
    double number = strtod(token, &end);

    if (*end || number != floor(number) || number < 0 || number >= (double)at->dataset->n_rows)
        return error_set(at->error, ERROR_INVALID,
                         "%s: line %d: '%.40s' is no row number from 0 to %lld", file, line, token,
                         (long long)at->dataset->n_rows - 1);
    if (at->part[(int64_t)number] != SPLIT_NO_PART)
        return error_set(at->error, ERROR_INVALID, "%s: line %d: row %lld is in %s already", file,
                         line, (long long)number, split_part_name[at->part[(int64_t)number]]);
    at->part[(int64_t)number] = (int8_t)part;
    return true;
}

/* Index files number the rows as the data's file does. */
static bool reorder_parts(struct splitting *at)
{
    int64_t n = at->dataset->n_rows;
    scoped(memory_free) int8_t *of_file = malloc((size_t)n + 1);

    if (!at->dataset->source_row)
        return true;
    if (!of_file)
        return split_no_memory(at->error);
    memcpy(of_file, at->part, (size_t)n);
    for (int64_t row = 0; row < n; row++)
        at->part[row] = of_file[at->dataset->source_row[row]];
    return true;
}

static bool read_index(struct splitting *at, int part)
{
    scoped(buffer_release) struct buffer path = {0};
    scoped(memory_free) char *text = NULL;
    char *rest, *row, *state = NULL;
    size_t size;
    int line = 0;

    if (!data_path(at->cwd, at->said[part]->valuestring, &path, at->error) ||
        !file_read(AT_FDCWD, path.data, INDEX_FILE_LIMIT, &text, &size, at->error))
        return false;
    for (rest = text; (row = strsep(&rest, "\n"));) {
        line++;
        for (char *token = strtok_r(row, " \t\r,", &state); token;
             token = strtok_r(NULL, " \t\r,", &state))
            if (!take_row(at, path.data, token, line, part))
                return false;
    }
    return true;
}

static bool by_index(struct splitting *at)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (at->said[i] && !split_is_rest(at, i) && !read_index(at, i)) {
            if (!at->error->path[0])
                (void)snprintf(at->error->path, sizeof(at->error->path), "data.split.%s",
                               split_part_name[i]);
            if (at->error->kind == ERROR_NOT_FOUND)
                at->error->kind = ERROR_INVALID;
            return false;
        }
    split_train_rest(at);
    return reorder_parts(at);
}

static void check_part(const cJSON *said, const char *path, struct diagnostics *diagnostics)
{
    if (!cJSON_IsString(said))
        diagnostics_add(diagnostics, path, "expected the name of a file of row numbers");
}

static void check(const struct data_config *config, struct diagnostics *diagnostics)
{
    const struct split_config *split = &config->split;

    if (!split->valid && !split->test && !split->train)
        diagnostics_add(diagnostics, "data.split", "a split by index needs a file for some part");
}

const struct split_kind split_index = {
    .kind = {.name = "index", .help = "Files of row numbers from 0."},
    .reads_files = true,
    .check_part = check_part,
    .lists = split_always_lists,
    .check = check,
    .deal = by_index,
};
