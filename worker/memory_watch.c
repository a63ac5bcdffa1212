#include "worker/memory_watch.h"

#include <sys/resource.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/owner.h"
#include "common/process.h"

#define COST_SHARE 20 /* a look every so many times what it costs */

/* Stacks of a hundred threads, arenas and the buffers of libraries are gigabytes that nobody uses.
 * What a sanitizer reserves is terabytes: then there is no backstop. */
#define BACKSTOP_TIMES 4
#define BACKSTOP_SPARE_BYTES ((int64_t)4 << 30)
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define BACKSTOP false
#else
#define BACKSTOP true
#endif

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

int64_t memory_backstop_bytes(int64_t limit_bytes)
{
    if (!BACKSTOP || limit_bytes <= 0 ||
        limit_bytes > (INT64_MAX - BACKSTOP_SPARE_BYTES) / BACKSTOP_TIMES)
        return 0;
    return limit_bytes * BACKSTOP_TIMES + BACKSTOP_SPARE_BYTES;
}

void memory_backstop(pid_t pid, int64_t limit_bytes)
{
    rlim_t most = (rlim_t)memory_backstop_bytes(limit_bytes);
    struct rlimit limit;

    if (most == 0 || prlimit(pid, RLIMIT_DATA, NULL, &limit) != 0)
        return;
    limit.rlim_cur = most < limit.rlim_cur ? most : limit.rlim_cur;
    limit.rlim_max = most < limit.rlim_max ? most : limit.rlim_max;
    /* where even that is refused, the watch is there */
    (void)prlimit(pid, RLIMIT_DATA, &limit, NULL);
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
