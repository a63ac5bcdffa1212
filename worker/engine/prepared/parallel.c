#include "worker/engine/prepared/parallel.h"

#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#define THREADS_MAX 256

struct crew {
    bool (*task)(void *context, int64_t i, struct error *error);
    void *context;
    int64_t n;
    pthread_mutex_t lock; /* of what follows */
    int64_t next, failed; /* failed: INT64_MAX: none */
    struct error *error;
};

int parallel_threads(void)
{
    const char *said = getenv("OMP_NUM_THREADS");
    long n = said ? strtol(said, NULL, 10) : 0;
    cpu_set_t set;

    if (n < 1)
        n = sched_getaffinity(0, sizeof(set), &set) == 0 ? CPU_COUNT(&set) : 1;
    return (int)(n < THREADS_MAX ? n : THREADS_MAX);
}

static void *work(void *context)
{
    struct crew *crew = context;

    for (;;) {
        struct error error = {0};
        int64_t i;

        (void)pthread_mutex_lock(&crew->lock);
        i = crew->failed < INT64_MAX ? crew->n : crew->next++;
        (void)pthread_mutex_unlock(&crew->lock);
        if (i >= crew->n)
            return NULL;
        if (crew->task(crew->context, i, &error))
            continue;
        (void)pthread_mutex_lock(&crew->lock);
        if (i < crew->failed) {
            crew->failed = i;
            *crew->error = error;
        }
        (void)pthread_mutex_unlock(&crew->lock);
    }
}

bool parallel_run(int threads, int64_t n,
                  bool (*task)(void *context, int64_t i, struct error *error), void *context,
                  struct error *error)
{
    struct crew crew = {.task = task,
                        .context = context,
                        .n = n,
                        .lock = PTHREAD_MUTEX_INITIALIZER,
                        .failed = INT64_MAX,
                        .error = error};
    pthread_t thread[THREADS_MAX];
    int started = 0;

    for (; started < threads - 1 && started < n - 1; started++)
        if (pthread_create(&thread[started], NULL, work, &crew) != 0)
            break; /* fewer do as well */
    (void)work(&crew);
    for (int i = 0; i < started; i++)
        (void)pthread_join(thread[i], NULL);
    return crew.failed == INT64_MAX;
}
