/*
 * Which experiments a command line means: 12, 3-9, last, all, batch:4, separated by spaces or
 * commas, and --state. `last` is the last submission with all its experiments; verbs about a
 * single experiment take its last one.
 */
#ifndef NIGHTJAR_CLIENT_SELECT_H
#define NIGHTJAR_CLIENT_SELECT_H

#include "client/client.h"

struct selection {
    cJSON *select; /* owned: as docs/protocol.md has it */
    bool last;     /* the last submission is meant too; not yet in `select` */
};
void selection_release(struct selection *selection);

/* Reads what was said. `fallback` (may be NULL) counts where nothing was; `state` (may be NULL) is
 * the value of --state: states separated by commas, "active" and "ended" for several. */
bool selection_parse(const char *const *text, size_t n, const char *fallback, const char *state,
                     struct selection *ret, struct error *error);

/* The client's arguments as a `select`; asks the daemon which batch the last one is. */
bool select_of_arguments(struct client *client, const char *fallback, cJSON **ret_select,
                         struct error *error);
/* One reply of `list`: at most `limit` rows from `offset` on, ascending ids; a negative offset
 * counts from the end. Only those in `states` (separated by commas; NULL: as `select` has it). */
bool select_page(struct client *client, const cJSON *select, const char *states, int64_t offset,
                 int64_t limit, cJSON **ret_list, struct error *error);
/* All rows selected: one reply of `list` with every page's experiments in it. */
bool select_rows(struct client *client, const cJSON *select, cJSON **ret_list, struct error *error);
/* The ids that the arguments mean, ascending; NOT_FOUND where there are none. */
struct id_list {
    int64_t *item; /* owned */
    size_t n;
};
void id_list_release(struct id_list *ids);
bool select_ids(struct client *client, const char *fallback, struct id_list *ret,
                struct error *error);
/* The words of a text such as "3-9,last", checked, as the spec's queue.after has them: `last`
 * becomes batch:N. The caller owns the list. */
bool select_words(struct client *client, const char *text, cJSON **ret_words, struct error *error);
/* The one experiment that the first argument names; none given: the last. */
bool select_single(struct client *client, int64_t *ret_id, struct error *error);

bool state_has_ended(const char *state); /* done, failed, cancelled */

#define COMMAND_OPTION_STATE                                                                       \
    {                                                                                              \
        .name = "state", .letter = 's', .type = OPTION_TEXT, .value = "STATES",                    \
        .help = "Only those in these states: held, queued, starting, running, paused, "            \
                "stopping, done, failed, cancelled, active or ended; several separated by commas." \
    }

#define SELECT_HELP                                                                             \
    "Which ones: 12, 3-9, batch:4, last (the last submission, all of it), all; several may be " \
    "given."

#endif
