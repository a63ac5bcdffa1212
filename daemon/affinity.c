#include "daemon/affinity.h"

#include <string.h>

#define ROUNDING 1e-9

void affinity_start(struct affinity *affinity)
{
    memset(affinity, 0, sizeof(*affinity));
    if (sched_getaffinity(0, sizeof(affinity->machine), &affinity->machine) != 0)
        CPU_SET(0, &affinity->machine);
}

void affinity_add(struct affinity *affinity, const cpu_set_t *set, double cpus)
{
    int n = CPU_COUNT(set);

    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, set))
            affinity->load[i] += cpus / n;
}

/* The fullest that has room for a part; -1: none has. */
static int find_fullest(const struct affinity *affinity, double part)
{
    int found = -1;

    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &affinity->machine) && affinity->load[i] + part <= 1 + ROUNDING &&
            (found < 0 || affinity->load[i] > affinity->load[found]))
            found = i;
    return found;
}

static int find_idlest(const struct affinity *affinity, const cpu_set_t *but)
{
    int found = -1;

    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &affinity->machine) && !CPU_ISSET(i, but) &&
            (found < 0 || affinity->load[i] < affinity->load[found]))
            found = i;
    return found;
}

void affinity_choose(const struct affinity *affinity, double cpus, cpu_set_t *ret_set)
{
    cpu_set_t set;
    int first = cpus < 1 ? find_fullest(affinity, cpus) : -1;

    CPU_ZERO(&set);
    if (first >= 0)
        CPU_SET(first, &set);
    while (CPU_COUNT(&set) < cpus - ROUNDING || CPU_COUNT(&set) == 0) {
        int next = find_idlest(affinity, &set);
        if (next < 0)
            break;
        CPU_SET(next, &set);
    }
    *ret_set = set;
}

bool affinity_of(pid_t pid, cpu_set_t *ret_set)
{
    return sched_getaffinity(pid, sizeof(*ret_set), ret_set) == 0;
}
