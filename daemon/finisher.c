#include "daemon/finisher.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "common/file.h"
#include "common/log.h"
#include "common/owner.h"
#include "daemon/environment.h"

#define PATH_SIZE 4096

struct finish {
    struct finisher *finisher;
    struct finish *next;
    struct store_ended_batch batch;
    struct executor_worker worker;
    uv_poll_t poll;
};

static void free_finish(struct finish *finish)
{
    executor_worker_release(&finish->worker);
    store_ended_batch_release(&finish->batch);
    free(finish);
}

bool finisher_plan(struct finisher *finisher, struct store_ended_batch *batch, struct error *error)
{
    struct finish *finish = calloc(1, sizeof(*finish));

    if (!finish) {
        store_ended_batch_release(batch);
        return error_set(error, ERROR_NO_MEMORY, "running on_finish");
    }
    finish->finisher = finisher;
    finish->batch = *batch;
    *batch = (struct store_ended_batch){0};
    finish->worker.pidfd = -1;
    finish->next = finisher->planned;
    finisher->planned = finish;
    return true;
}

static struct finish *take_planned(struct finisher *finisher)
{
    struct finish *finish = finisher->planned;

    finisher->planned = finish->next;
    return finish;
}

void finisher_forget(struct finisher *finisher)
{
    while (finisher->planned)
        free_finish(take_planned(finisher));
}

static void on_closed(uv_handle_t *handle)
{
    free_finish(handle->data);
}

static void drop(struct finish *finish)
{
    struct finish **link = &finish->finisher->running;

    while (*link != finish)
        link = &(*link)->next;
    *link = finish->next;
    uv_close((uv_handle_t *)&finish->poll, on_closed);
}

/* How it ended is nobody's verdict, and would be known to nobody but its log. */
static void tell_failure(const struct finish *finish)
{
    siginfo_t info = {0};
    bool ended =
        waitid(P_PIDFD, (id_t)finish->worker.pidfd, &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
        info.si_pid != 0;

    if (ended && (info.si_code != CLD_EXITED || info.si_status != 0))
        log_warning("on_finish of batch %" PRId64 " ended with %s %d; see on_finish/%" PRId64
                    ".log",
                    finish->batch.id, info.si_code == CLD_EXITED ? "exit status" : "signal",
                    info.si_status, finish->batch.id);
}

static void on_over(uv_poll_t *poll, int status, int events)
{
    struct finish *finish = poll->data;

    (void)status;
    (void)events;
    tell_failure(finish);
    if (finish->finisher->executor->kind->gone(&finish->worker))
        drop(finish);
}

static bool spawn(struct finish *finish, struct error *error)
{
    const struct finisher *finisher = finish->finisher;
    const struct store_ended_batch *batch = &finish->batch;
    scoped(environment_release) struct environment environment = {0};
    char path[PATH_SIZE];

    snprintf(path, sizeof(path), "%s/on_finish", finisher->home);
    if (!file_make_folders(path, error))
        return false;
    snprintf(path, sizeof(path), "%s/on_finish/%" PRId64 ".log", finisher->home, batch->id);
    return environment_read(&environment, batch->environment, error) &&
           environment_set(&environment, error, "NIGHTJAR_HOME", "%s", finisher->home) &&
           environment_set(&environment, error, "NIGHTJAR_BATCH", "%" PRId64, batch->id) &&
           environment_set(&environment, error, "NIGHTJAR_DONE", "%" PRId64, batch->done) &&
           environment_set(&environment, error, "NIGHTJAR_FAILED", "%" PRId64, batch->failed) &&
           executor_local_shell(finisher->executor, batch->on_finish, environment.item,
                                batch->cwd ? batch->cwd : "/", path, &finish->worker, error);
}

/* Takes the finish. */
static void start(struct finish *finish)
{
    struct finisher *finisher = finish->finisher;
    struct error error;

    if (!spawn(finish, &error)) {
        log_error("on_finish of batch %" PRId64 ": %s", finish->batch.id, error.message);
        free_finish(finish);
        return;
    }
    if (uv_poll_init(finisher->loop, &finish->poll, finish->worker.pidfd) != 0) {
        free_finish(finish);
        return;
    }
    finish->poll.data = finish;
    finish->next = finisher->running;
    finisher->running = finish;
    uv_poll_start(&finish->poll, UV_READABLE, on_over);
}

void finisher_start(struct finisher *finisher)
{
    while (finisher->planned)
        start(take_planned(finisher));
}

void finisher_close(struct finisher *finisher)
{
    finisher_forget(finisher);
    while (finisher->running)
        drop(finisher->running);
}
