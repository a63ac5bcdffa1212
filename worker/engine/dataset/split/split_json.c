/*
 * A split as JSON: its lists for those who read them, its counts for whoever watches. Lists may be
 * of many millions of rows: they go to their file without a tree or a text of the whole.
 */
#include "worker/engine/dataset/split/split.h"

#include <fcntl.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/owner.h"

#define PIECE_SIZE ((size_t)64 * 1024) /* of the text, at a time */

/* Of splits into the same samples it is the same. */
static bool add_hash(cJSON *object, const struct split_plan *plan)
{
    uint64_t part[SPLIT_PART_COUNT];
    char text[HASH_TEXT_SIZE];

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        part[i] = row_list_hash(&plan->split.part[i]);
    return json_add_text(object, "hash", hash_text(part, sizeof(part), text));
}

/* ---- the file ---------------------------------------------------------------------------------*/

struct piece { /* of the text */
    int fd;
    struct buffer text;
};

static void piece_release(struct piece *piece)
{
    buffer_release(&piece->text);
}

static bool flush(struct piece *piece, struct error *error)
{
    bool done = file_write_whole(piece->fd, piece->text.data, piece->text.size, error);

    buffer_clear(&piece->text);
    return done;
}

static bool put(struct piece *piece, const char *text, size_t size, struct error *error)
{
    return buffer_append(&piece->text, text, size, error) &&
           (piece->text.size < PIECE_SIZE || flush(piece, error));
}

/* At least 0, and a comma before it where it is not the first of its list. */
static bool put_number(struct piece *piece, int64_t value, bool first, struct error *error)
{
    char digits[24], *at = digits + sizeof(digits);

    do
        *--at = (char)('0' + value % 10);
    while ((value /= 10) > 0);
    if (!first)
        *--at = ',';
    return put(piece, at, (size_t)(digits + sizeof(digits) - at), error);
}

static bool put_run(struct piece *piece, const int64_t run[3], bool first, struct error *error)
{
    return put(piece, first ? "[" : ",[", first ? 1 : 2, error) &&
           put_number(piece, run[0], true, error) && put_number(piece, run[1], false, error) &&
           put_number(piece, run[2], false, error) && put(piece, "]", 1, error);
}

/* Steps of a list: [first, how many, from one to the next]. */
static bool put_runs(struct piece *piece, const struct row_list *list, struct error *error)
{
    for (int64_t i = 0; i < list->n_runs; i++)
        if (!put_run(piece, (int64_t[]){list->run[i].first, list->run[i].n, list->run[i].stride},
                     i == 0, error))
            return false;
    for (int64_t i = 0, n; list->row && i < list->n; i += n) {
        int64_t step = i + 1 < list->n ? list->row[i + 1] - list->row[i] : 1;

        n = 1;
        while (i + n < list->n && list->row[i + n] - list->row[i + n - 1] == step)
            n++;
        if (!put_run(piece, (int64_t[]){list->row[i], n, step}, i == 0, error))
            return false;
    }
    return true;
}

static bool put_rows(struct piece *piece, const struct dataset *dataset,
                     const struct row_list *list, struct error *error)
{
    bool first = true;

    for (struct row_walk walk = {.list = list}; row_walk(&walk); first = false)
        if (!put_number(piece, dataset_file_row(dataset, walk.row), first, error))
            return false;
    return true;
}

struct writing {
    const struct split_plan *plan;
    const struct dataset *dataset;
};

static bool put_parts(struct piece *piece, const struct writing *at, struct error *error)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        const struct row_list *list = &at->plan->split.part[i];

        if (!buffer_append_format(&piece->text, error, "%s\"%s\":[", i > 0 ? "," : "",
                                  split_part_name[i]) ||
            !(at->plan->windows ? put_runs(piece, list, error)
                                : put_rows(piece, at->dataset, list, error)) ||
            !put(piece, "]", 1, error))
            return false;
    }
    return true;
}

/* {by, seed, ... without the brace that closes it */
static bool put_head(struct piece *piece, const struct writing *at, struct error *error)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();

    if (!json_add_text(object, "by", at->plan->by) ||
        !json_add_integer(object, "seed", (int64_t)at->plan->seed) ||
        !json_add_integer(object, "rows", at->dataset->n_rows) ||
        !json_add_integer(object, "shared_groups", at->plan->n_shared_groups) ||
        !add_hash(object, at->plan))
        return error_set(error, ERROR_NO_MEMORY, "writing the split");
    if (!json_print(object, &piece->text, error))
        return false;
    piece->text.size--;
    return true;
}

static bool write_split(int fd, const void *context, struct error *error)
{
    scoped(piece_release) struct piece piece = {.fd = fd};
    const struct writing *at = context;
    bool windows = at->plan->windows;

    return put_head(&piece, at, error) &&
           buffer_append_text(&piece.text, windows ? ",\"windows\":{" : ",", error) &&
           put_parts(&piece, at, error) &&
           buffer_append_text(&piece.text, windows ? "}}" : "}", error) && flush(&piece, error);
}

bool split_write(const struct split_plan *plan, const struct dataset *dataset, const char *path,
                 struct error *error)
{
    const struct writing writing = {.plan = plan, .dataset = dataset};

    return file_replace_by(AT_FDCWD, path, write_split, &writing, error);
}

/* ---- the event --------------------------------------------------------------------------------*/

cJSON *split_event(const struct split_plan *plan)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    cJSON *groups;

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!json_add_integer(object, split_part_name[i], plan->split.part[i].n))
            return NULL;
    if (!json_add_text(object, "by", plan->by) ||
        !json_add_integer(object, "unused", plan->n_unused) || !add_hash(object, plan))
        return NULL;
    if (plan->n_groups[SPLIT_TRAIN] == 0)
        return take(&object);
    groups = json_add_object(object, "groups");
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!json_add_integer(groups, split_part_name[i], plan->n_groups[i]))
            return NULL;
    return take(&object);
}
