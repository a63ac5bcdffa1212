/*
 * A split as JSON: its lists for those who read them, its counts for whoever watches. Lists may be
 * of many millions of rows: they go to their file without a tree or a text of the whole.
 */
#include "worker/engine/dataset/split/split.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>

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

/* ---- and back ---------------------------------------------------------------------------------*/

struct reading {             /* a list of numbers, or of runs of three */
    const char *begin, *end; /* of the text after its bracket */
    int64_t n_rows;
    bool runs, bad;
};

static bool skip(const char **at, const char *end, char wanted)
{
    if (*at == end || **at != wanted)
        return false;
    (*at)++;
    return true;
}

/* -1: there is none, or one of more digits than a row's can have. */
static int64_t read_number(const char **at, const char *end)
{
    const char *begin = *at;
    int64_t value = 0;

    for (; *at < end && **at >= '0' && **at <= '9'; (*at)++)
        if (*at - begin < 18)
            value = 10 * value + (**at - '0');
    return *at > begin && *at - begin <= 18 ? value : -1;
}

static bool read_run(const struct reading *reading, const char **at, int64_t run[3])
{
    run[0] = run[1] = run[2] = 1;
    if (!reading->runs) /* a number in the file, which may have more rows than the data */
        return (run[0] = read_number(at, reading->end)) >= 0;
    for (int i = 0; i < 3; i++)
        if (!skip(at, reading->end, i == 0 ? '[' : ',') ||
            (run[i] = read_number(at, reading->end)) < (i > 0))
            return false;
    return skip(at, reading->end, ']') && run[0] < reading->n_rows &&
           run[1] - 1 <= (reading->n_rows - 1 - run[0]) / run[2];
}

static void tell_list(const void *context, struct row_teller *to)
{
    struct reading *reading = *(struct reading *const *)context;
    const char *at = reading->begin;
    int64_t run[3];

    if (skip(&at, reading->end, ']'))
        return;
    do {
        if (!read_run(reading, &at, run)) {
            reading->bad = true;
            return;
        }
        row_tell(to, run[0], run[2], run[1]);
    } while (skip(&at, reading->end, ','));
    reading->bad = !skip(&at, reading->end, ']');
}

static bool is_no_split(struct error *error)
{
    return error_set(error, ERROR_CORRUPT, "this is no stored split");
}

static bool read_part(const char *text, size_t size, int part, struct split_stored *stored,
                      struct error *error)
{
    struct reading reading = {
        .end = text + size, .n_rows = stored->n_rows, .runs = stored->windows};
    struct reading *context = &reading;
    char key[32];
    const char *found;

    (void)snprintf(key, sizeof(key), "\"%s\":[", split_part_name[part]);
    found = memmem(text, size, key, strlen(key));
    if (!found)
        return is_no_split(error);
    reading.begin = found + strlen(key);
    return row_list_make(tell_list, &context, &stored->split.part[part], error) &&
           (!reading.bad || is_no_split(error));
}

/* What stands before the lists. */
static bool read_head(const char *text, size_t size, struct split_stored *stored,
                      struct error *error)
{
    static const char windows[] = ",\"windows\":{", rows[] = ",\"train\":[";
    scoped(buffer_release) struct buffer head = {0};
    scoped(json_free) cJSON *object = NULL;
    const char *end = memmem(text, size, windows, strlen(windows));

    stored->windows = end;
    if (!end)
        end = memmem(text, size, rows, strlen(rows));
    if (!end)
        return is_no_split(error);
    if (!buffer_append(&head, text, (size_t)(end - text), error) ||
        !buffer_append(&head, "}", 1, error) || !json_parse(head.data, head.size, &object, error))
        return false;
    stored->n_rows = json_integer(object, "rows", -1);
    return stored->n_rows > 0 || is_no_split(error);
}

bool split_read(const char *text, size_t size, struct split_stored *ret_stored, struct error *error)
{
    scoped(split_stored_release) struct split_stored stored = {0};

    if (!read_head(text, size, &stored, error))
        return false;
    if (text[size - 1] != '}' || (stored.windows && text[size - 2] != '}'))
        return is_no_split(error);
    for (int part = 0; part < SPLIT_PART_COUNT; part++)
        if (!read_part(text, size, part, &stored, error))
            return false;
    *ret_stored = stored;
    stored = (struct split_stored){0};
    return true;
}

void split_stored_release(struct split_stored *stored)
{
    for (int part = 0; part < SPLIT_PART_COUNT; part++)
        row_list_release(&stored->split.part[part]);
    *stored = (struct split_stored){0};
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
