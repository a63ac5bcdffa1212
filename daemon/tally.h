/* How often each of many things was met, by their hashes. */
#ifndef NIGHTJAR_DAEMON_TALLY_H
#define NIGHTJAR_DAEMON_TALLY_H

#include "common/error.h"

#include <stddef.h>
#include <stdint.h>

struct tally {               /* all-zero is a valid empty one */
    struct tally_slot *slot; /* owned, [n_slots]: a table with open addresses */
    size_t n, n_slots;
};

void tally_release(struct tally *tally);
/* One more of `key`, of which there were *ret_before. */
bool tally_add(struct tally *tally, uint64_t key, int64_t *ret_before, struct error *error);

#endif
