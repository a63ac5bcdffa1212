#include "worker/engine/dataset/row_list.h"

#include <stdlib.h>
#include <string.h>

#include "common/hash.h"
#include "common/owner.h"

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_NO_MEMORY, "listing rows");
}

void row_list_release(struct row_list *list)
{
    free(list->row);
    free(list->run);
    *list = (struct row_list){0};
}

/* ---- making -----------------------------------------------------------------------------------*/

#define RUN_ROWS \
    16 /* on average: with fewer, rows of their own weigh little more, and none is searched for */

struct row_teller {
    struct row_list list; /* owned; without room: rows and runs are counted */
};

void row_tell(struct row_teller *to, int64_t first, int64_t stride, int64_t n)
{
    struct row_list *list = &to->list;

    for (int64_t i = 0; list->row && i < n; i++)
        list->row[list->n + i] = first + i * stride;
    if (list->run && n > 0)
        list->run[list->n_runs] =
            (struct row_run){.first = first, .stride = stride, .n = n, .before = list->n};
    list->n_runs += n > 0;
    list->n += n;
}

bool row_list_make(void (*tell)(const void *context, struct row_teller *to), const void *context,
                   struct row_list *ret, struct error *error)
{
    struct row_teller teller = {0};
    scoped(row_list_release) struct row_list made = {0};
    int64_t n, n_runs;

    tell(context, &teller);
    n = teller.list.n;
    n_runs = teller.list.n_runs;
    if (n_runs * RUN_ROWS < n)
        made.run = calloc((size_t)n_runs + 1, sizeof(*made.run));
    else
        made.row = malloc((size_t)(n + 1) * sizeof(*made.row));
    if (!made.run && !made.row)
        return no_memory(error);
    teller.list = made;
    tell(context, &teller);
    if (made.row)
        teller.list.n_runs = 0;
    made = (struct row_list){0};
    *ret = teller.list;
    return true;
}

int64_t bytes_run_end(const void *byte, int64_t from, int64_t end)
{
    const uint8_t *at = byte;
    uint64_t same = 0x0101010101010101U * at[from], word[8];

    for (; from + (int64_t)sizeof(word) <= end; from += (int64_t)sizeof(word)) {
        uint64_t differs = 0;

        memcpy(word, at + from, sizeof(word));
        for (int i = 0; i < 8; i++)
            differs |= word[i] ^ same;
        if (differs)
            break;
    }
    while (from < end && at[from] == (uint8_t)same)
        from++;
    return from;
}

struct bytes {
    const uint8_t *byte;
    int64_t n;
    uint8_t value;
};

static void tell_bytes(const void *context, struct row_teller *to)
{
    const struct bytes *bytes = context;

    for (int64_t from = 0, end; from < bytes->n; from = end) {
        end = bytes_run_end(bytes->byte, from, bytes->n);
        if (bytes->byte[from] == bytes->value)
            row_tell(to, from, 1, end - from);
    }
}

bool row_list_of_bytes(const void *byte, int64_t n, uint8_t value, struct row_list *ret,
                       struct error *error)
{
    const struct bytes bytes = {.byte = byte, .n = n, .value = value};

    return row_list_make(tell_bytes, &bytes, ret, error);
}

struct filter {
    const struct row_list *list;
    bool (*keep)(const void *context, int64_t row);
    const void *context;
};

static void tell_kept(const void *context, struct row_teller *to)
{
    const struct filter *filter = context;

    for (int64_t i = 0; i < filter->list->n_runs; i++) {
        const struct row_run *run = &filter->list->run[i];
        int64_t from = 0;

        for (int64_t k = 0; k < run->n; k++) {
            if (filter->keep(filter->context, run->first + k * run->stride))
                continue;
            row_tell(to, run->first + from * run->stride, run->stride, k - from);
            from = k + 1;
        }
        row_tell(to, run->first + from * run->stride, run->stride, run->n - from);
    }
}

bool row_list_filter(struct row_list *list, bool (*keep)(const void *context, int64_t row),
                     const void *context, struct error *error)
{
    const struct filter filter = {.list = list, .keep = keep, .context = context};
    struct row_list kept;
    int64_t n = 0;

    if (list->row) {
        for (int64_t i = 0; i < list->n; i++)
            if (keep(context, list->row[i]))
                list->row[n++] = list->row[i];
        list->n = n;
        return true;
    }
    if (!row_list_make(tell_kept, &filter, &kept, error))
        return false;
    row_list_release(list);
    *list = kept;
    return true;
}

void row_list_truncate(struct row_list *list, int64_t n)
{
    list->n = n;
    while (list->n_runs > 0 && list->run[list->n_runs - 1].before >= n)
        list->n_runs--;
    if (list->n_runs > 0)
        list->run[list->n_runs - 1].n = n - list->run[list->n_runs - 1].before;
}

/* ---- reading ----------------------------------------------------------------------------------*/

/* The run that has the i-th row. */
static int64_t run_of(const struct row_list *list, int64_t i)
{
    int64_t low = 0, high = list->n_runs;

    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if (list->run[middle].before <= i)
            low = middle;
        else
            high = middle;
    }
    return low;
}

int64_t row_list_find(const struct row_list *list, int64_t i)
{
    const struct row_run *run = &list->run[run_of(list, i)];

    return run->first + (i - run->before) * run->stride;
}

/* The last row of a run. */
static int64_t run_last(const struct row_run *run)
{
    return run->first + (run->n - 1) * run->stride;
}

int64_t row_list_reach(const struct row_list *list, int64_t row)
{
    int64_t low = 0, n = list->row ? list->n : list->n_runs, above;
    const struct row_run *run;

    for (int64_t high = n; low < high;) {
        int64_t middle = low + (high - low) / 2;

        if ((list->row ? list->row[middle] : run_last(&list->run[middle])) < row)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == n)
        return -1;
    if (list->row)
        return list->row[low];
    run = &list->run[low];
    above = row > run->first ? row - run->first : 0;
    return run->first + (above + run->stride - 1) / run->stride * run->stride;
}

void row_list_copy(const struct row_list *list, int64_t i, int64_t n, int64_t *ret_row)
{
    const struct row_run *run = NULL;

    if (n <= 0)
        return;
    if (list->row) {
        memcpy(ret_row, list->row + i, (size_t)n * sizeof(*ret_row));
        return;
    }
    run = &list->run[run_of(list, i)];
    for (int64_t k = i - run->before; n > 0; run++, k = 0)
        for (; k < run->n && n > 0; k++, n--)
            *ret_row++ = run->first + k * run->stride;
}

bool row_array_open(const struct row_list *list, struct row_array *ret, struct error *error)
{
    *ret = (struct row_array){.row = list->row};
    if (list->row)
        return true;
    ret->own = malloc((size_t)(list->n + 1) * sizeof(*ret->own));
    if (!ret->own)
        return no_memory(error);
    row_list_copy(list, 0, list->n, ret->own);
    ret->row = ret->own;
    return true;
}

void row_array_release(struct row_array *array)
{
    free(array->own);
    *array = (struct row_array){0};
}

uint64_t row_list_hash(const struct row_list *list)
{
    return list->row ? hash_bytes(list->row, (size_t)list->n * sizeof(*list->row))
                     : hash_bytes(list->run, (size_t)list->n_runs * sizeof(*list->run));
}
