#include "worker/memory_watch.h"

#include <unistd.h>

#include "common/clock.h"
#include "common/owner.h"
#include "common/process.h"

#define COST_SHARE 20 /* a look every so many times what it costs */

struct memory_watch memory_watch_of(int64_t limit_bytes, int64_t now_ms)
{
    return (struct memory_watch){.limit_bytes = limit_bytes,
                                 .looked_ms = now_ms,
                                 .next_ms = now_ms + MEMORY_WATCH_SHORTEST_MS};
}

/* Half of the time in which it would come to the limit, were it to go on growing like this; and the
 * less room, the sooner, because growth may begin at any time. */
static int64_t delay_ms(const struct memory_watch *watch, int64_t grown_bytes, int64_t within_ms)
{
    double room = (double)(watch->limit_bytes - watch->used_bytes);
    double delay = MEMORY_WATCH_LONGEST_MS * room / (double)watch->limit_bytes;

    if (grown_bytes > 0 && within_ms > 0) {
        double reach = room / ((double)grown_bytes / (double)within_ms) / 2;

        delay = reach < delay ? reach : delay;
    }
    return delay > MEMORY_WATCH_SHORTEST_MS ? (int64_t)delay : MEMORY_WATCH_SHORTEST_MS;
}

bool memory_watch_note(struct memory_watch *watch, int64_t used_bytes, int64_t now_ms,
                       int64_t cost_ms)
{
    int64_t grown = used_bytes - watch->used_bytes;
    int64_t within_ms = now_ms - watch->looked_ms;

    watch->used_bytes = used_bytes;
    watch->looked_ms = now_ms;
    if (used_bytes > watch->peak_bytes)
        watch->peak_bytes = used_bytes;
    if (used_bytes > watch->limit_bytes)
        return true;
    int64_t delay = delay_ms(watch, grown, within_ms);
    if (delay < COST_SHARE * cost_ms)
        delay = COST_SHARE * cost_ms;
    watch->next_ms = now_ms + delay;
    return false;
}

static int64_t measure(void)
{
    scoped(processes_release) struct processes found = {0};
    struct error error;
    int64_t bytes = 0;

    if (!processes_list(&found, &error))
        return 0;
    processes_keep_descendants(&found, getpid());
    for (size_t i = 0; i < found.n; i++)
        bytes += process_memory(found.item[i].pid);
    return bytes;
}

bool memory_watch_look(struct memory_watch *watch)
{
    int64_t began_ms = clock_system.monotonic_ms(clock_system.context);
    int64_t used = measure();
    int64_t now_ms = clock_system.monotonic_ms(clock_system.context);

    return memory_watch_note(watch, used, now_ms, now_ms - began_ms);
}
