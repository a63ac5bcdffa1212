/*
 * Every way of splitting gives each row a part first; lists, counts and the search for leaks are
 * made from that, so that parts are disjoint by construction.
 */
#include "worker/engine/dataset/split.h"

#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/file.h"
#include "common/owner.h"
#include "common/random.h"
#include "worker/engine/dataset/files.h"

#define NO_PART ((int8_t)-1)
#define LEFT_OUT ((int8_t)-2) /* of all parts, while others are being dealt out */
#define INDEX_FILE_LIMIT ((size_t)1024 * 1024 * 1024)

const char *const split_part_name[SPLIT_PART_COUNT] = {"train", "valid", "test"};

struct splitting {
    const struct data_config *config;
    const char *cwd;
    const struct dataset *dataset;
    const struct window_config *window; /* NULL: the samples are rows */
    uint64_t seed;
    int8_t *part;                        /* [n_rows]: of enum split_part, or NO_PART */
    const cJSON *said[SPLIT_PART_COUNT]; /* borrowed from the config; NULL: left out */
    struct error *error;
};

void split_plan_release(struct split_plan *plan)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        row_list_release(&plan->split.part[i]);
        row_list_release(&plan->rows.part[i]);
    }
    *plan = (struct split_plan){0};
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "splitting the rows");
}

/* ---- shares of rows ---------------------------------------------------------------------------*/

/* Shares of the parts; what is left out of a split with shares goes to training. */
static void read_shares(const struct splitting *at, double share[SPLIT_PART_COUNT])
{
    bool none = !at->said[0] && !at->said[1] && !at->said[2];
    double others = 0;

    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        share[i] = at->said[i] ? at->said[i]->valuedouble : none && i != SPLIT_TRAIN ? 0.15 : 0;
        others += i == SPLIT_TRAIN ? 0 : share[i];
    }
    if (!at->said[SPLIT_TRAIN])
        share[SPLIT_TRAIN] = 1 - others;
}

/* Puts list[0..n) into the order that the seed gives. */
static bool shuffle(const struct splitting *at, const char *purpose, const int64_t *list, int64_t n,
                    int64_t **ret, struct error *error)
{
    int64_t *order = malloc((size_t)(n + 1) * sizeof(*order));

    if (!order)
        return no_memory(error);
    for (int64_t i = 0; i < n; i++)
        order[i] = list[random_permute(at->seed, 0, random_purpose("split", purpose), (uint64_t)n,
                                       (uint64_t)i)];
    *ret = order;
    return true;
}

/* Cuts list[0..n) by shares. `carry` keeps what rounding left, so that strata add up. */
static void cut(struct splitting *at, const int64_t *list, int64_t n,
                const double share[SPLIT_PART_COUNT], double carry[SPLIT_PART_COUNT])
{
    bool whole = share[SPLIT_TRAIN] + share[SPLIT_VALID] + share[SPLIT_TEST] > 1 - 1e-9;
    int64_t from = 0;

    for (int i = SPLIT_PART_COUNT - 1; i >= 0; i--) {
        double wanted = share[i] * (double)n + carry[i];
        int64_t count = (int64_t)floor(wanted + 0.5);

        count = count < 0 ? 0 : count;
        if (count > n - from || (whole && i == SPLIT_TRAIN))
            count = n - from;
        carry[i] = wanted - (double)count;
        for (int64_t j = from; j < from + count; j++)
            at->part[list[j]] = (int8_t)i;
        from += count;
    }
}

/* ---- stretches of recordings ------------------------------------------------------------------*/

static bool in_blocks(const struct splitting *at)
{
    return at->window && at->config->split.windows == SPLIT_WINDOWS_BLOCKS;
}

/* Cuts rows first .. first + n - 1 that have no part yet, in time training before validation before
 * test. `carry` keeps what rounding left. */
static void cut_stretch(struct splitting *at, int64_t first, int64_t end,
                        const double share[SPLIT_PART_COUNT], double carry[SPLIT_PART_COUNT])
{
    int64_t n = 0, given = 0, count[SPLIT_PART_COUNT] = {0};
    int part = 0;

    for (int64_t row = first; row < end; row++)
        n += at->part[row] == NO_PART;
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        double wanted = share[i] * (double)n + carry[i];

        count[i] = (int64_t)floor(wanted + 0.5);
        count[i] = count[i] < 0 ? 0 : count[i] > n - given ? n - given : count[i];
        carry[i] = wanted - (double)count[i];
        given += count[i];
    }
    for (int64_t row = first; row < end && part < SPLIT_PART_COUNT; row++) {
        if (at->part[row] != NO_PART)
            continue;
        while (part < SPLIT_PART_COUNT && count[part] == 0)
            part++;
        if (part < SPLIT_PART_COUNT) {
            at->part[row] = (int8_t)part;
            count[part]--;
        }
    }
}

static void cut_recordings(struct splitting *at, const double share[SPLIT_PART_COUNT])
{
    const struct series *series = &at->dataset->series;
    double carry[SPLIT_PART_COUNT] = {0};

    for (int64_t i = 0; i < series->n; i++)
        cut_stretch(at, series->first[i], series->first[i + 1], share, carry);
}

/* ---- shares of samples ------------------------------------------------------------------------*/

/* Gives the rows of list[0..n) to parts; in each class alike where stratified. */
static bool divide_rows(struct splitting *at, const char *purpose, const int64_t *list, int64_t n,
                        const double share[SPLIT_PART_COUNT])
{
    const struct dataset *dataset = at->dataset;
    scoped(memory_free) int64_t *order = NULL, *stratum = NULL;
    double carry[SPLIT_PART_COUNT] = {0};

    if (!shuffle(at, purpose, list, n, &order, at->error))
        return false;
    if (!at->config->split.stratified) {
        cut(at, order, n, share, carry);
        return true;
    }
    stratum = malloc((size_t)(n + 1) * sizeof(*stratum));
    if (!stratum)
        return no_memory(at->error);
    for (int32_t k = 0; k < dataset->classes.n; k++) {
        int64_t size = 0;

        for (int64_t i = 0; i < n; i++)
            if (dataset->label[order[i]] == k)
                stratum[size++] = order[i];
        cut(at, stratum, size, share, carry);
    }
    return true;
}

static bool all_rows(const struct splitting *at, int8_t of_part, int64_t **ret, int64_t *ret_n)
{
    int64_t *list = malloc((size_t)(at->dataset->n_rows + 1) * sizeof(*list));

    if (!list)
        return no_memory(at->error);
    *ret_n = 0;
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] == of_part)
            list[(*ret_n)++] = row;
    *ret = list;
    return true;
}

static bool check_stratified(const struct splitting *at)
{
    if (at->config->split.stratified && in_blocks(at))
        return error_set_at(at->error, ERROR_INVALID, "data.split.stratified",
                            "recordings are cut into stretches, whose classes are as they come");
    if (at->config->split.stratified && at->dataset->task != TASK_CLASSIFICATION)
        return error_set_at(at->error, ERROR_INVALID, "data.split.stratified",
                            "is for classification");
    return true;
}

/* What single samples are dealt out of: all rows, or the predicted rows of all windows. */
static bool all_samples(struct splitting *at, int64_t **ret, int64_t *ret_n)
{
    struct row_list list;

    if (!at->window)
        return all_rows(at, NO_PART, ret, ret_n);
    if (!window_list(at->window, at->dataset, NULL, 0, &list, at->error))
        return false;
    *ret = list.row;
    *ret_n = list.n;
    return true;
}

static bool by_fraction(struct splitting *at)
{
    scoped(memory_free) int64_t *list = NULL;
    double share[SPLIT_PART_COUNT];
    int64_t n;

    read_shares(at, share);
    if (!check_stratified(at))
        return false;
    if (in_blocks(at)) {
        cut_recordings(at, share);
        return true;
    }
    return all_samples(at, &list, &n) && divide_rows(at, "rows", list, n, share);
}

static int by_number(const void *left, const void *right)
{
    double a = *(const double *)left, b = *(const double *)right;

    return a < b ? -1 : a > b;
}

/* Rows before a time are for training, those behind another for test; rows of one time stay
 * together. */
static bool by_time(struct splitting *at)
{
    const double *time = at->dataset->time;
    int64_t n = at->dataset->n_rows;
    scoped(memory_free) double *sorted = malloc((size_t)(n + 1) * sizeof(*sorted));
    double share[SPLIT_PART_COUNT], sum = 0, limit[SPLIT_PART_COUNT];

    if (!sorted)
        return no_memory(at->error);
    for (int64_t row = 0; row < n; row++)
        sorted[row] = time ? time[row] : (double)dataset_file_row(at->dataset, row);
    qsort(sorted, (size_t)n, sizeof(*sorted), by_number);
    read_shares(at, share);
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        int64_t end = (int64_t)floor((sum += share[i]) * (double)n + 0.5);

        limit[i] = end >= n ? (double)INFINITY : sorted[end];
    }
    for (int64_t row = 0; row < n; row++) {
        double when = time ? time[row] : (double)dataset_file_row(at->dataset, row);

        for (int i = SPLIT_PART_COUNT - 1; i >= 0; i--)
            if (when < limit[i])
                at->part[row] = (int8_t)i;
    }
    return true;
}

/* ---- shares of rows, group by group -----------------------------------------------------------*/

struct group_sizes {
    const int32_t *of_row;
    const struct dictionary *names;
    int64_t *size;  /* owned: rows of each group */
    int64_t *order; /* owned: the groups as the seed shuffles them */
};

static void group_sizes_release(struct group_sizes *groups)
{
    free(groups->size);
    free(groups->order);
    *groups = (struct group_sizes){0};
}

static bool group_sizes_of(const struct splitting *at, struct group_sizes *ret)
{
    scoped(memory_free) int64_t *list = NULL;

    ret->of_row = dataset_split_group(at->dataset, &ret->names);
    ret->size = calloc((size_t)ret->names->n + 1, sizeof(*ret->size));
    list = calloc((size_t)ret->names->n + 1, sizeof(*list));
    if (!ret->size || !list)
        return no_memory(at->error);
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        ret->size[ret->of_row[row]]++;
    for (int32_t i = 0; i < ret->names->n; i++)
        list[i] = i;
    return shuffle(at, "groups", list, ret->names->n, &ret->order, at->error);
}

/* The part that lacks most of its rows; an empty one first where the groups get scarce. */
static int neediest(const double wanted[SPLIT_PART_COUNT], const int64_t given[SPLIT_PART_COUNT],
                    int64_t groups_left)
{
    int best = -1, n_empty = 0;

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        n_empty += wanted[i] > 0 && given[i] == 0;
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        if (wanted[i] <= 0 || (groups_left <= n_empty && given[i] > 0))
            continue;
        if (best < 0 || wanted[i] - (double)given[i] > wanted[best] - (double)given[best])
            best = i;
    }
    return best;
}

#define BALANCE_PASSES 8
#define BALANCE_SWAPS 1000 /* groups; of more than that single moves come close enough */

struct sharing {
    const int64_t *size;
    int8_t *of_group;
    double wanted[SPLIT_PART_COUNT];                             /* rows */
    int64_t given[SPLIT_PART_COUNT], n_groups[SPLIT_PART_COUNT]; /* rows; groups */
    int64_t *movable;                                            /* borrowed: groups given here */
    int64_t n_movable, groups_left, unused;
    double spare; /* rows that the shares leave out */
};

/* Whether part `to` lacks more than `from` once that many rows went over. */
static bool is_better(const struct sharing *at, int from, int to, int64_t rows)
{
    double over = (double)at->given[from] - at->wanted[from];
    double under = at->wanted[to] - (double)at->given[to];

    return rows > 0 ? (double)rows < over + under - 1e-6 : (double)rows > over + under + 1e-6;
}

static void hand_over(struct sharing *at, int64_t group, int8_t to)
{
    int8_t from = at->of_group[group];

    at->given[from] -= at->size[group];
    at->n_groups[from]--;
    at->given[to] += at->size[group];
    at->n_groups[to]++;
    at->of_group[group] = to;
}

static bool try_moves(struct sharing *at, int64_t group)
{
    for (int to = 0; to < SPLIT_PART_COUNT; to++) {
        int8_t from = at->of_group[group];

        if (to == from || at->wanted[to] <= 0 || at->n_groups[from] == 1 ||
            !is_better(at, from, to, at->size[group]))
            continue;
        hand_over(at, group, (int8_t)to);
        return true;
    }
    return false;
}

static bool try_swaps(struct sharing *at, int64_t place)
{
    int64_t group = at->movable[place];

    for (int64_t i = place + 1; i < at->n_movable; i++) {
        int64_t other = at->movable[i], rows = at->size[group] - at->size[other];
        int8_t from = at->of_group[group], to = at->of_group[other];

        if (from == to || rows == 0 || !is_better(at, from, to, rows))
            continue;
        hand_over(at, group, to);
        hand_over(at, other, from);
        return true;
    }
    return false;
}

/* A big group that came late leaves its part far from its share; moves and swaps bring the shares
 * closer, and where all groups are alike nothing moves. */
static void balance(struct sharing *at)
{
    bool better = true;

    for (int pass = 0; pass < BALANCE_PASSES && better; pass++) {
        better = false;
        for (int64_t i = 0; i < at->n_movable; i++) {
            better = try_moves(at, at->movable[i]) || better;
            better = (at->n_movable <= BALANCE_SWAPS && try_swaps(at, i)) || better;
        }
    }
}

/* Gives a group to the part that needs it most, or to none where the shares leave rows out. */
static void give_group(struct sharing *at, int64_t group)
{
    int part = neediest(at->wanted, at->given, at->groups_left--);

    if (part < 0)
        return;
    if (at->given[part] > 0 &&
        at->spare - (double)at->unused > at->wanted[part] - (double)at->given[part]) {
        at->unused += at->size[group];
        return;
    }
    at->of_group[group] = (int8_t)part;
    at->given[part] += at->size[group];
    at->n_groups[part]++;
    at->movable[at->n_movable++] = group;
}

/* Gives whole groups to parts; of_group[i] other than NO_PART: group i is not to be divided. */
static bool divide_groups(struct splitting *at, const struct group_sizes *groups, int8_t *of_group,
                          const double share[SPLIT_PART_COUNT])
{
    scoped(memory_free) int64_t *list = malloc(((size_t)groups->names->n + 1) * sizeof(*list));
    scoped(memory_free) int8_t *before = malloc((size_t)groups->names->n + 1);
    struct sharing sharing = {.size = groups->size, .of_group = of_group, .movable = list};
    double smallest = INFINITY, left_out = 1;
    int64_t n_rows = 0;

    if (!list || !before)
        return no_memory(at->error);
    for (int32_t i = 0; i < groups->names->n; i++) {
        before[i] = of_group[i];
        n_rows += before[i] == NO_PART ? groups->size[i] : 0;
        sharing.groups_left += before[i] == NO_PART;
    }
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        sharing.wanted[i] = share[i] * (double)n_rows;
        left_out -= share[i];
        if (share[i] > 0)
            smallest = fmin(smallest, sharing.wanted[i]);
    }
    sharing.spare = left_out > 1e-9 ? left_out * (double)n_rows : -INFINITY;
    for (int pass = 0; pass < 2; pass++) /* what is bigger than a part goes first */
        for (int32_t i = 0; i < groups->names->n; i++) {
            int64_t group = groups->order[i];

            if (before[group] == NO_PART && ((double)groups->size[group] > smallest) == !pass)
                give_group(&sharing, group);
        }
    balance(&sharing);
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] == NO_PART)
            at->part[row] = of_group[groups->of_row[row]];
    return true;
}

static bool by_group_shares(struct splitting *at)
{
    scoped(group_sizes_release) struct group_sizes groups = {0};
    scoped(memory_free) int8_t *of_group = NULL;
    double share[SPLIT_PART_COUNT];

    if (!group_sizes_of(at, &groups))
        return false;
    of_group = malloc((size_t)groups.names->n + 1);
    if (!of_group)
        return no_memory(at->error);
    memset(of_group, NO_PART, (size_t)groups.names->n + 1);
    read_shares(at, share);
    return divide_groups(at, &groups, of_group, share);
}

/* ---- lists of groups or values ----------------------------------------------------------------*/

/* A value of the spec as it would stand in the data. */
static const char *value_text(const cJSON *value, char buffer[32])
{
    if (cJSON_IsString(value))
        return value->valuestring;
    if (cJSON_IsBool(value))
        return cJSON_IsTrue(value) ? "true" : "false";
    (void)snprintf(buffer, 32, "%.15g", value->valuedouble);
    return buffer;
}

/* Whether the part is a share of what the others leave for training. */
static bool is_rest(const struct splitting *at, int part)
{
    return part == SPLIT_VALID && split_valid_of_rest(&at->config->split);
}

static bool give_value(struct splitting *at, const struct dictionary *names, int8_t *of_value,
                       const char *text, int part, const char *what)
{
    int32_t code = dictionary_find(names, text, strlen(text));
    char path[64];

    (void)snprintf(path, sizeof(path), "data.split.%s", split_part_name[part]);
    if (code < 0)
        return error_set_at(at->error, ERROR_INVALID, path, "there is no %s '%s'", what, text);
    if (of_value[code] != NO_PART && of_value[code] != part)
        return error_set_at(at->error, ERROR_INVALID, path, "%s '%s' is in %s too", what, text,
                            split_part_name[of_value[code]]);
    of_value[code] = (int8_t)part;
    return true;
}

static bool give_list(struct splitting *at, const struct dictionary *names, int8_t *of_value,
                      int part, const char *what)
{
    const cJSON *said = at->said[part];
    const cJSON *item;
    char buffer[32];

    if (!cJSON_IsArray(said))
        return give_value(at, names, of_value, value_text(said, buffer), part, what);
    cJSON_ArrayForEach(item, said)
    {
        if (!give_value(at, names, of_value, value_text(item, buffer), part, what))
            return false;
    }
    return true;
}

/* Where no part is said the values themselves are called so. */
static void give_by_name(const struct dictionary *names, int8_t *of_value)
{
    static const struct {
        const char *name;
        int8_t part;
    } known[] = {{"train", SPLIT_TRAIN},
                 {"valid", SPLIT_VALID},
                 {"validation", SPLIT_VALID},
                 {"val", SPLIT_VALID},
                 {"test", SPLIT_TEST}};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        int32_t code = dictionary_find(names, known[i].name, strlen(known[i].name));

        if (code >= 0)
            of_value[code] = known[i].part;
    }
}

static bool by_values(struct splitting *at, const int32_t *of_row, const struct dictionary *names,
                      const char *what)
{
    scoped(memory_free) int8_t *of_value = malloc((size_t)names->n + 1);
    bool said_any = at->said[0] || at->said[1] || at->said[2];

    if (!of_value)
        return no_memory(at->error);
    memset(of_value, NO_PART, (size_t)names->n + 1);
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (at->said[i] && !is_rest(at, i) && !give_list(at, names, of_value, i, what))
            return false;
    if (!said_any)
        give_by_name(names, of_value);
    for (int64_t row = 0; row < at->dataset->n_rows; row++) {
        at->part[row] = of_value[of_row[row]];
        if (at->part[row] == NO_PART && said_any && !at->said[SPLIT_TRAIN])
            at->part[row] = SPLIT_TRAIN;
    }
    return true;
}

static bool by_group(struct splitting *at)
{
    const struct dictionary *names;
    const int32_t *of_row = dataset_split_group(at->dataset, &names);

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (at->said[i] && !cJSON_IsNumber(at->said[i]))
            return by_values(at, of_row, names, "group");
    return by_group_shares(at);
}

/* ---- files of rows ----------------------------------------------------------------------------*/

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
               give_value(at, names, of_value, files->name[number], part, "file");
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
        return no_memory(at->error);
    memset(of_value, NO_PART, (size_t)dataset->split_values.n + 1);
    if (!data_files_find(at->config, at->cwd, &files, at->error))
        return false;
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (at->said[i] && !is_rest(at, i) && !give_files(at, &files, of_value, i))
            return false;
    for (int64_t row = 0; row < dataset->n_rows; row++)
        at->part[row] = of_value[dataset->split_value[row]];
    for (int64_t row = 0; row < dataset->n_rows && !at->said[SPLIT_TRAIN]; row++)
        if (at->part[row] == NO_PART)
            at->part[row] = SPLIT_TRAIN;
    return true;
}

/* ---- files of row numbers ---------------------------------------------------------------------*/

static bool take_row(struct splitting *at, const char *file, const char *token, int line, int part)
{
    char *end;
    double number = strtod(token, &end);

    if (*end || number != floor(number) || number < 0 || number >= (double)at->dataset->n_rows)
        return error_set(at->error, ERROR_INVALID,
                         "%s: line %d: '%.40s' is no row number from 0 to %lld", file, line, token,
                         (long long)at->dataset->n_rows - 1);
    if (at->part[(int64_t)number] != NO_PART)
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
        return no_memory(at->error);
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
        if (at->said[i] && !is_rest(at, i) && !read_index(at, i)) {
            if (!at->error->path[0])
                (void)snprintf(at->error->path, sizeof(at->error->path), "data.split.%s",
                               split_part_name[i]);
            if (at->error->kind == ERROR_NOT_FOUND)
                at->error->kind = ERROR_INVALID;
            return false;
        }
    for (int64_t row = 0; row < at->dataset->n_rows && !at->said[SPLIT_TRAIN]; row++)
        if (at->part[row] == NO_PART)
            at->part[row] = SPLIT_TRAIN;
    return reorder_parts(at);
}

/* ---- folds ------------------------------------------------------------------------------------*/

static void rest_shares(const struct splitting *at, double share[SPLIT_PART_COUNT])
{
    share[SPLIT_VALID] = at->said[SPLIT_VALID] ? at->said[SPLIT_VALID]->valuedouble : 0;
    share[SPLIT_TRAIN] = 1 - share[SPLIT_VALID];
    share[SPLIT_TEST] = 0;
}

/* Rows are dealt to the folds like cards, class by class where stratified. */
static bool deal_rows(struct splitting *at, const int64_t *list, int64_t n)
{
    const struct split_config *split = &at->config->split;
    int32_t n_passes = split->stratified ? at->dataset->classes.n : 1;
    scoped(memory_free) int64_t *order = NULL;
    int64_t dealt = 0;

    if (!shuffle(at, "rows", list, n, &order, at->error))
        return false;
    for (int32_t pass = 0; pass < n_passes; pass++)
        for (int64_t i = 0; i < n; i++)
            if ((!split->stratified || at->dataset->label[order[i]] == pass) &&
                dealt++ % split->folds == split->fold)
                at->part[order[i]] = SPLIT_TEST;
    return true;
}

/* A fold is a stretch of each recording. */
static void deal_stretches(struct splitting *at)
{
    const struct split_config *split = &at->config->split;
    const struct series *series = &at->dataset->series;

    for (int64_t i = 0; i < series->n; i++) {
        int64_t first = series->first[i], n = series->first[i + 1] - first;
        int64_t from = first + n * split->fold / split->folds;
        int64_t end = first + n * (split->fold + 1) / split->folds;

        for (int64_t row = from; row < end; row++)
            at->part[row] = SPLIT_TEST;
    }
}

/* Groups with rows that no part has may be divided; NULL: no memory. */
static int8_t *groups_without_part(const struct splitting *at, const struct group_sizes *groups)
{
    int8_t *of_group = malloc((size_t)groups->names->n + 1);

    if (!of_group) {
        (void)no_memory(at->error);
        return NULL;
    }
    memset(of_group, SPLIT_TRAIN, (size_t)groups->names->n + 1);
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] == NO_PART)
            of_group[groups->of_row[row]] = NO_PART;
    return of_group;
}

/* Rows that lists left for training validate by a share: whole groups where there are some,
 * stretches of recordings where samples are windows. */
static bool take_valid(struct splitting *at)
{
    scoped(group_sizes_release) struct group_sizes groups = {0};
    scoped(memory_free) int8_t *of_group = NULL;
    scoped(memory_free) int64_t *list = NULL;
    double share[SPLIT_PART_COUNT];
    int64_t n;

    if (!split_valid_of_rest(&at->config->split))
        return true;
    if (!check_stratified(at))
        return false;
    rest_shares(at, share);
    for (int64_t row = 0; row < at->dataset->n_rows; row++) {
        int8_t *part = &at->part[row];

        *part = (int8_t)(*part == NO_PART ? LEFT_OUT : *part == SPLIT_TRAIN ? NO_PART : *part);
    }
    if (dataset_split_group(at->dataset, &groups.names)) {
        if (!group_sizes_of(at, &groups) || !(of_group = groups_without_part(at, &groups)) ||
            !divide_groups(at, &groups, of_group, share))
            return false;
    } else if (in_blocks(at)) {
        cut_recordings(at, share);
    } else if (!all_rows(at, NO_PART, &list, &n) || !divide_rows(at, "valid", list, n, share)) {
        return false;
    }
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] == LEFT_OUT)
            at->part[row] = NO_PART;
    return true;
}

static bool by_kfold(struct splitting *at)
{
    scoped(memory_free) int64_t *list = NULL, *rest = NULL;
    double share[SPLIT_PART_COUNT];
    int64_t n, n_rest = 0;

    if (!check_stratified(at))
        return false;
    rest_shares(at, share);
    if (in_blocks(at)) {
        deal_stretches(at);
        cut_recordings(at, share);
        return true;
    }
    if (!all_samples(at, &list, &n))
        return false;
    if (n < at->config->split.folds)
        return error_set_at(at->error, ERROR_INVALID, "data.split.folds", "%lld folds of %lld rows",
                            (long long)at->config->split.folds, (long long)n);
    if (!deal_rows(at, list, n))
        return false;
    rest = malloc((size_t)(n + 1) * sizeof(*rest));
    if (!rest)
        return no_memory(at->error);
    for (int64_t i = 0; i < n; i++)
        if (at->part[list[i]] == NO_PART)
            rest[n_rest++] = list[i];
    return divide_rows(at, "valid", rest, n_rest, share);
}

struct sized_group {
    int64_t group, size, place;
};

static int larger_first(const void *left, const void *right)
{
    const struct sized_group *a = left, *b = right;

    if (a->size != b->size)
        return a->size > b->size ? -1 : 1;
    return a->place < b->place ? -1 : 1;
}

/* The largest group first, each to the fold with the fewest rows. */
static bool deal_groups(struct splitting *at, const struct group_sizes *groups, int8_t *of_group)
{
    const struct split_config *split = &at->config->split;
    size_t n = (size_t)groups->names->n;
    scoped(memory_free) struct sized_group *sized = calloc(n, sizeof(*sized));
    scoped(memory_free) int64_t *rows = calloc((size_t)split->folds, sizeof(*rows));

    if (!sized || !rows)
        return no_memory(at->error);
    for (size_t i = 0; i < n; i++)
        sized[i] =
            (struct sized_group){groups->order[i], groups->size[groups->order[i]], (int64_t)i};
    qsort(sized, n, sizeof(*sized), larger_first);
    for (size_t i = 0; i < n; i++) {
        int64_t lightest = 0;

        for (int64_t fold = 1; fold < split->folds; fold++)
            if (rows[fold] < rows[lightest])
                lightest = fold;
        rows[lightest] += sized[i].size;
        of_group[sized[i].group] = lightest == split->fold ? (int8_t)SPLIT_TEST : NO_PART;
    }
    return true;
}

static bool by_group_kfold(struct splitting *at)
{
    scoped(group_sizes_release) struct group_sizes groups = {0};
    scoped(memory_free) int8_t *of_group = NULL;
    double share[SPLIT_PART_COUNT];

    if (!group_sizes_of(at, &groups))
        return false;
    if (groups.names->n < at->config->split.folds)
        return error_set_at(at->error, ERROR_INVALID, "data.split.folds", "%lld folds of %d groups",
                            (long long)at->config->split.folds, groups.names->n);
    of_group = calloc((size_t)groups.names->n + 1, 1);
    if (!of_group)
        return no_memory(at->error);
    rest_shares(at, share);
    return deal_groups(at, &groups, of_group) && divide_groups(at, &groups, of_group, share);
}

static bool by_leave_one_group_out(struct splitting *at)
{
    scoped(group_sizes_release) struct group_sizes groups = {0};
    scoped(memory_free) int8_t *of_group = NULL;
    int64_t fold = at->config->split.fold;
    double share[SPLIT_PART_COUNT];

    if (!group_sizes_of(at, &groups))
        return false;
    if (fold >= groups.names->n)
        return error_set_at(at->error, ERROR_INVALID, "data.split.fold",
                            "%lld is outside [0, %d]: there are %d groups", (long long)fold,
                            groups.names->n - 1, groups.names->n);
    of_group = malloc((size_t)groups.names->n + 1);
    if (!of_group)
        return no_memory(at->error);
    memset(of_group, NO_PART, (size_t)groups.names->n);
    of_group[fold] = SPLIT_TEST;
    rest_shares(at, share);
    return divide_groups(at, &groups, of_group, share);
}

/* ---- from parts to a plan ---------------------------------------------------------------------*/

/* Of single windows dealt out at random all rows are those of some window. */
static bool list_part(const struct splitting *at, int part, struct split_plan *plan)
{
    struct row_list *list = &plan->split.part[part], *rows = &plan->rows.part[part];

    if (!at->window)
        return all_rows(at, (int8_t)part, &list->row, &list->n);
    if (in_blocks(at) ||
        !(at->config->split.by == SPLIT_BY_FRACTION || at->config->split.by == SPLIT_BY_KFOLD))
        return all_rows(at, (int8_t)part, &rows->row, &rows->n) &&
               window_list(at->window, at->dataset, at->part, part, list, at->error);
    return all_rows(at, (int8_t)part, &list->row, &list->n) &&
           window_rows(at->window, at->dataset, list, rows, at->error);
}

static bool make_lists(const struct splitting *at, struct split_plan *plan)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++) {
        struct row_list *list = &plan->split.part[i];
        bool wanted =
            i == SPLIT_TRAIN ||
            (at->said[i] && !(cJSON_IsNumber(at->said[i]) && at->said[i]->valuedouble == 0));

        if (!list_part(at, i, plan))
            return false;
        dataset_drop_untold(at->dataset, list);
        if (list->n == 0 && wanted)
            return error_set_at(at->error, ERROR_INVALID, "data.split", "the %s part %s",
                                split_part_name[i],
                                at->window ? "has no whole window" : "is empty");
        plan->n_unused -= list->n;
    }
    plan->n_unused += at->window ? window_count(at->window, at->dataset) : at->dataset->n_rows;
    return true;
}

static bool count_groups(const struct splitting *at, struct split_plan *plan)
{
    const struct dictionary *names = &at->dataset->groups;
    const int32_t *of_row = at->dataset->group;
    scoped(memory_free) uint8_t *parts = NULL;

    if (!of_row)
        of_row = dataset_split_group(at->dataset, &names);
    if (!of_row)
        return true;
    parts = calloc((size_t)names->n + 1, 1);
    if (!parts)
        return no_memory(at->error);
    for (int64_t row = 0; row < at->dataset->n_rows; row++)
        if (at->part[row] != NO_PART)
            parts[of_row[row]] |= (uint8_t)(1U << at->part[row]);
    for (int32_t i = 0; i < names->n; i++) {
        for (int part = 0; part < SPLIT_PART_COUNT; part++)
            plan->n_groups[part] += parts[i] >> part & 1;
        plan->n_shared_groups += (parts[i] & (parts[i] - 1)) != 0;
    }
    for (int64_t row = 0; plan->n_shared_groups > 0 && row < at->dataset->n_rows; row++)
        plan->n_shared_rows +=
            at->part[row] != NO_PART && (parts[of_row[row]] & (parts[of_row[row]] - 1)) != 0;
    return true;
}

static bool check_leak(const struct splitting *at, const struct split_plan *plan)
{
    if (plan->n_shared_rows == 0 || at->config->allow_leak)
        return true;
    if (plan->n_shared_groups == 0)
        return error_set_at(at->error, ERROR_INVALID, "data.split",
                            "leaks: %lld rows lie in windows of several parts; deal out blocks "
                            "(data.split.windows), or say why in data.allow_leak",
                            (long long)plan->n_shared_rows);
    return error_set_at(at->error, ERROR_INVALID, "data.split",
                        "leaks: %lld of the %d groups of '%s' (%lld rows) lie in several parts; "
                        "split by group, or say why in data.allow_leak",
                        (long long)plan->n_shared_groups, at->dataset->groups.n,
                        at->config->group.n ? at->config->group.item[0] : "",
                        (long long)plan->n_shared_rows);
}

static bool give_parts(struct splitting *at)
{
    const struct dataset *dataset = at->dataset;

    switch ((enum split_by)at->config->split.by) {
    case SPLIT_BY_FRACTION:
        return by_fraction(at);
    case SPLIT_BY_GROUP:
        return by_group(at);
    case SPLIT_BY_COLUMN:
        return by_values(at, dataset->split_value, &dataset->split_values, "value");
    case SPLIT_BY_INDEX:
        return by_index(at);
    case SPLIT_BY_KFOLD:
        return by_kfold(at);
    case SPLIT_BY_GROUP_KFOLD:
        return by_group_kfold(at);
    case SPLIT_BY_LEAVE_ONE_GROUP_OUT:
        return by_leave_one_group_out(at);
    case SPLIT_BY_TIME:
        return by_time(at);
    case SPLIT_BY_FILES:
        return by_files(at);
    }
    return error_set(at->error, ERROR_INTERNAL, "split by %d", at->config->split.by);
}

/* What windows share counts more than groups that they share, and is looked for in any case. */
static bool count_windows(const struct splitting *at, struct split_plan *plan)
{
    int64_t shared;

    if (!at->window)
        return true;
    if (!window_count_shared(at->window, at->dataset, &plan->split, &shared, at->error))
        return false;
    if (shared > plan->n_shared_rows)
        plan->n_shared_rows = shared;
    return true;
}

const struct split *split_fit_rows(const struct split_plan *plan)
{
    return plan->windows ? &plan->rows : &plan->split;
}

void split_forget_rows(struct split_plan *plan)
{
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        row_list_release(&plan->rows.part[i]);
}

bool split_stretches(const struct split_plan *plan, const struct dataset *dataset,
                     struct stretches *ret_stretches, struct error *error)
{
    const struct split *rows = split_fit_rows(plan);
    scoped(memory_free) uint8_t *mark = calloc((size_t)dataset->n_rows + 1, 1);
    bool shared = false;

    if (!mark)
        return no_memory(error);
    for (int part = 0; part < SPLIT_PART_COUNT; part++)
        for (int64_t i = 0; i < rows->part[part].n; i++) {
            uint8_t *at = &mark[rows->part[part].row[i]];

            shared = shared || *at;
            *at |= (uint8_t)(1U << part);
        }
    if (shared)
        memset(mark, 0, (size_t)dataset->n_rows);
    return series_cut(&dataset->series, mark, ret_stretches, error);
}

bool split_make(const struct data_config *config, const char *cwd, const struct dataset *dataset,
                const struct window_config *window, uint64_t seed, struct split_plan *ret_plan,
                struct error *error)
{
    const struct split_config *split = &config->split;
    scoped(split_plan_release) struct split_plan plan = {0};
    scoped(memory_free) int8_t *part = malloc((size_t)dataset->n_rows + 1);
    struct splitting at = {.config = config,
                           .cwd = cwd,
                           .dataset = dataset,
                           .window = window,
                           .seed = split->seed >= 0 ? (uint64_t)split->seed : seed,
                           .part = part,
                           .said = {split->train, split->valid, split->test},
                           .error = error};

    if (!part)
        return no_memory(error);
    memset(part, NO_PART, (size_t)dataset->n_rows + 1);
    plan.by = split_by_name[split->by];
    plan.windows = window != NULL;
    plan.seed = at.seed;
    if ((window && !window_check_length(window, dataset, error)) || !give_parts(&at) ||
        !take_valid(&at) || !make_lists(&at, &plan) || !count_groups(&at, &plan) ||
        !count_windows(&at, &plan) || !check_leak(&at, &plan))
        return false;
    *ret_plan = plan;
    plan = (struct split_plan){0};
    return true;
}

/* ---- as JSON ----------------------------------------------------------------------------------*/

/* Steps of a list: [first, how many, from one to the next]. */
static bool add_runs(cJSON *object, const char *name, const struct row_list *list)
{
    cJSON *runs = json_add_array(object, name);

    for (int64_t i = 0; runs && i < list->n;) {
        int64_t n = 1, step = i + 1 < list->n ? list->row[i + 1] - list->row[i] : 1;
        cJSON *run;

        while (i + n < list->n && list->row[i + n] - list->row[i + n - 1] == step)
            n++;
        run = cJSON_CreateDoubleArray((double[]){(double)list->row[i], (double)n, (double)step}, 3);
        if (!run || !cJSON_AddItemToArray(runs, run))
            return false;
        i += n;
    }
    return runs != NULL;
}

static bool add_windows(cJSON *object, const struct split_plan *plan)
{
    cJSON *windows = json_add_object(object, "windows");

    for (int i = 0; windows && i < SPLIT_PART_COUNT; i++)
        if (!add_runs(windows, split_part_name[i], &plan->split.part[i]))
            return false;
    return windows != NULL;
}

static bool add_rows(cJSON *object, const char *name, const struct dataset *dataset,
                     const struct row_list *list)
{
    cJSON *rows = json_add_array(object, name);

    for (int64_t i = 0; rows && i < list->n; i++) {
        cJSON *row = cJSON_CreateNumber((double)dataset_file_row(dataset, list->row[i]));

        if (!row || !cJSON_AddItemToArray(rows, row))
            return false;
    }
    return rows != NULL;
}

cJSON *split_json(const struct split_plan *plan, const struct dataset *dataset)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();

    if (!json_add_text(object, "by", plan->by) ||
        !json_add_integer(object, "seed", (int64_t)plan->seed) ||
        !json_add_integer(object, "rows", dataset->n_rows) ||
        !json_add_integer(object, "shared_groups", plan->n_shared_groups))
        return NULL;
    if (plan->windows)
        return add_windows(object, plan) ? take(&object) : NULL;
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!add_rows(object, split_part_name[i], dataset, &plan->split.part[i]))
            return NULL;
    return take(&object);
}

cJSON *split_event(const struct split_plan *plan)
{
    scoped(json_free) cJSON *object = cJSON_CreateObject();
    cJSON *groups;

    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!json_add_integer(object, split_part_name[i], plan->split.part[i].n))
            return NULL;
    if (!json_add_text(object, "by", plan->by) ||
        !json_add_integer(object, "unused", plan->n_unused))
        return NULL;
    if (plan->n_groups[SPLIT_TRAIN] == 0)
        return take(&object);
    groups = json_add_object(object, "groups");
    for (int i = 0; i < SPLIT_PART_COUNT; i++)
        if (!json_add_integer(groups, split_part_name[i], plan->n_groups[i]))
            return NULL;
    return take(&object);
}

bool split_sources(const struct data_config *config, const char *cwd, cJSON *list,
                   struct error *error)
{
    const cJSON *const said[] = {config->split.train, config->split.valid, config->split.test};
    scoped(buffer_release) struct buffer path = {0};

    for (int i = 0; config->split.by == SPLIT_BY_INDEX && i < SPLIT_PART_COUNT; i++) {
        cJSON *item;

        if (!cJSON_IsString(said[i]))
            continue;
        if (!data_path(cwd, said[i]->valuestring, &path, error))
            return false;
        item = cJSON_CreateString(path.data);
        if (!item || !cJSON_AddItemToArray(list, item))
            return no_memory(error);
    }
    return true;
}
