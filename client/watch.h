/*
 * Following experiments until they end: the rows of a selection, kept up to date by the daemon's
 * notifications. A daemon that ends meanwhile is waited for: its successor takes the runs over.
 */
#ifndef NIGHTJAR_CLIENT_WATCH_H
#define NIGHTJAR_CLIENT_WATCH_H

#include "client/client.h"
#include "client/render.h"

struct watched {
    int64_t id;
    cJSON *row; /* owned */
};
struct watch {
    struct client *client; /* borrowed */
    cJSON *select;         /* owned */
    struct watched *item;  /* owned, ascending ids */
    size_t n;
    bool connected;
    bool dismissed;  /* the daemon said that it ends: somebody wants it so, or replaces it */
    int64_t lost_ms; /* since when there is none; monotonic */
};

/* *select is taken in any case. NOT_FOUND: it selects nothing. */
bool watch_open(struct client *client, cJSON **select, struct watch *ret, struct error *error);
void watch_release(struct watch *watch);
/* Waits for one change. *ret_row: the row as it is now, borrowed; NULL: none within timeout_ms (-1:
 * for ever). */
bool watch_next(struct watch *watch, int64_t timeout_ms, const cJSON **ret_row,
                struct error *error);
bool watch_all_settled(const struct watch *watch);
/* 0: all done; 1: not all. */
int watch_verdict(const struct watch *watch);

/* Lines at the bottom of a terminal that are drawn again and again. */
struct live {
    const struct render *render; /* borrowed */
    int lines;                   /* drawn at the moment */
};
void live_clear(struct live *live);
/* How far the watched ones are; nothing where this is no terminal. Draws over what it drew. */
void live_draw(struct live *live, const struct watch *watch);

#endif
