#include "worker/engine/model/chains.h"

#include <stdlib.h>

#include "common/owner.h"

struct link {
    int64_t row, place;
    int64_t next;   /* index of a link; -1: the chain ends */
    int64_t length; /* of the rest of the chain, from here on */
    bool continues;
};

void chains_release(struct chains *chains)
{
    free(chains->first);
    free(chains->place);
    *chains = (struct chains){0};
}

static int by_row(const void *left, const void *right)
{
    const struct link *a = left, *b = right;

    return a->row != b->row ? (a->row > b->row) - (a->row < b->row)
                            : (a->place > b->place) - (a->place < b->place);
}

/* Beginnings of chains first, the longest before others, then as their rows lie. */
static int by_length(const void *left, const void *right, void *context)
{
    const struct link *link = context;
    const struct link *a = &link[*(const int64_t *)left], *b = &link[*(const int64_t *)right];

    if (a->continues != b->continues)
        return a->continues - b->continues;
    if (a->length != b->length)
        return (a->length < b->length) - (a->length > b->length);
    return by_row(a, b);
}

static struct link *find(struct link *link, int64_t n, int64_t row)
{
    const struct link key = {.row = row, .place = -1};
    int64_t low = 0, high = n;

    while (low < high) {
        int64_t middle = low + (high - low) / 2;

        if (by_row(&link[middle], &key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low < n && link[low].row == row ? &link[low] : NULL;
}

/* A sample comes after one of a lower number, so that those from the end know their lengths. */
static void join(const struct sample_set *set, struct link *link, int64_t n)
{
    for (int64_t i = n - 1; i >= 0; i--) {
        int64_t earlier = set->before ? set->before(set, link[i].row) : -1;
        struct link *before = earlier >= 0 ? find(link, n, earlier) : NULL;

        link[i].length = 1 + (link[i].next >= 0 ? link[link[i].next].length : 0);
        if (!before || before->next >= 0)
            continue;
        before->next = i;
        link[i].continues = true;
    }
}

static void list_chains(const struct link *link, const int64_t *order, int64_t n,
                        struct chains *chains)
{
    int64_t at = 0;

    for (chains->n = 0; chains->n < n && !link[order[chains->n]].continues; chains->n++) {
        const struct link *next = &link[order[chains->n]];

        chains->first[chains->n] = at;
        for (; next; next = next->next >= 0 ? &link[next->next] : NULL)
            chains->place[at++] = next->place;
    }
    chains->first[chains->n] = at;
}

bool chains_find(const struct sample_set *set, const int64_t *row, int64_t n, struct chains *ret,
                 struct error *error)
{
    size_t size = (size_t)n + 1;
    scoped(memory_free) struct link *link = calloc(size, sizeof(*link));
    scoped(memory_free) int64_t *order = calloc(size, sizeof(*order));
    scoped(chains_release) struct chains chains = {.first = calloc(size, sizeof(*chains.first)),
                                                   .place = calloc(size, sizeof(*chains.place))};

    if (!link || !order || !chains.first || !chains.place)
        return error_set(error, ERROR_NO_MEMORY, "ordering samples");
    for (int64_t i = 0; i < n; i++)
        link[i] = (struct link){.row = row[i], .place = i, .next = -1};
    qsort(link, (size_t)n, sizeof(*link), by_row);
    join(set, link, n);
    for (int64_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, (size_t)n, sizeof(*order), by_length, link);
    list_chains(link, order, n, &chains);
    *ret = chains;
    chains = (struct chains){0};
    return true;
}

void chain_batch_release(struct chain_batch *batch)
{
    free(batch->row);
    free(batch->place);
    free(batch->prediction);
    *batch = (struct chain_batch){0};
}

bool chain_batch_init(struct chain_batch *batch, int64_t capacity, int64_t width,
                      struct error *error)
{
    *batch = (struct chain_batch){
        .capacity = capacity,
        .row = calloc((size_t)capacity, sizeof(*batch->row)),
        .place = calloc((size_t)capacity, sizeof(*batch->place)),
        .prediction = calloc((size_t)(capacity * width) + 1, sizeof(*batch->prediction)),
    };
    return (batch->row && batch->place && batch->prediction) ||
           error_set(error, ERROR_NO_MEMORY, "predicting");
}

int64_t chains_batch(const struct chains *chains, const int64_t *row, int64_t first, int64_t k,
                     const struct chain_batch *batch)
{
    int64_t n = 0;

    while (n < batch->capacity && first + n < chains->n &&
           chains->first[first + n] + k < chains->first[first + n + 1]) {
        batch->place[n] = chains->place[chains->first[first + n] + k];
        batch->row[n] = row[batch->place[n]];
        n++;
    }
    return n;
}
