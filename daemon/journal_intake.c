/*
 * A reader is ahead of the store from journal_intake_take to the commit; a rollback closes it, and
 * the next take opens it where the store is.
 */
#include "daemon/journal_intake.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/owner.h"

#define PATH_SIZE 4096

bool journal_intake_start(struct journal_intake *ret_intake, const char *folder, int64_t experiment,
                          int64_t run, int64_t reported_offset, struct error *error)
{
    char *copy = strdup(folder);

    if (!copy)
        return error_set(error, ERROR_NO_MEMORY, "reading journals");
    *ret_intake = (struct journal_intake){
        .folder = copy,
        .experiment = experiment,
        .run = run,
        .reported_committed = reported_offset,
    };
    return true;
}

static void close_readers(struct journal_intake *intake)
{
    if (!intake->open)
        return;
    journal_reader_close(&intake->events);
    journal_reader_close(&intake->reported);
    intake->open = false;
}

void journal_intake_release(struct journal_intake *intake)
{
    close_readers(intake);
    memory_free(&intake->folder);
    memory_free(&intake->cgroup);
}

void journal_intake_committed(struct journal_intake *intake)
{
    if (intake->open)
        intake->reported_committed = intake->reported.offset;
    intake->bad_committed = intake->bad;
}

void journal_intake_rolled_back(struct journal_intake *intake)
{
    close_readers(intake);
    intake->bad = intake->bad_committed;
    intake->complained = false;
}

/* A journal that is not there yet gives a reader without a file; it is opened again the next time.
 */
static bool open_journal(const char *folder, const char *name, int64_t offset,
                         struct journal_reader *ret_reader, struct error *error)
{
    char path[PATH_SIZE];

    if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
        return error_set_at(error, ERROR_INVALID, folder, "the path is too long");
    return journal_reader_open(AT_FDCWD, path, offset, ret_reader, error);
}

/* What the run itself put there may be anything. It decides no verdict, so that where it cannot be
 * read the run goes on without it. */
static bool do_without_reports(struct journal_intake *intake, const struct error *failure)
{
    if (failure->kind == ERROR_NO_MEMORY)
        return false;
    (void)error_describe(failure, intake->unreadable, sizeof(intake->unreadable));
    return true;
}

static bool open_reported(struct journal_intake *intake, int64_t offset, struct error *error)
{
    intake->unreadable[0] = '\0';
    if (open_journal(intake->folder, "reported.jsonl", offset, &intake->reported, error))
        return true;
    intake->reported = (struct journal_reader){.fd = -1, .offset = offset};
    return do_without_reports(intake, error);
}

/* Has another file taken the place of the one that is read? */
static bool is_replaced(const struct journal_intake *intake)
{
    char path[PATH_SIZE];
    struct stat read, there;

    snprintf(path, sizeof(path), "%s/reported.jsonl", intake->folder);
    return intake->reported.fd >= 0 && fstat(intake->reported.fd, &read) == 0 &&
           lstat(path, &there) == 0 && (read.st_ino != there.st_ino || read.st_dev != there.st_dev);
}

static bool open_readers(struct journal_intake *intake, struct error *error)
{
    if (intake->open && intake->events.fd >= 0 && intake->reported.fd >= 0)
        return true;
    int64_t reported = intake->open ? intake->reported.offset : intake->reported_committed;
    int64_t events = intake->open ? intake->events.offset : 0;
    close_readers(intake);
    if (!open_journal(intake->folder, "events.jsonl", events, &intake->events, error))
        return false;
    if (!open_reported(intake, reported, error)) {
        journal_reader_close(&intake->events);
        return false;
    }
    intake->open = true;
    return true;
}

static void read_event(struct journal_intake *intake, const cJSON *line)
{
    const char *event = json_text(line, "event", "");

    if (strcmp(event, "started") == 0) {
        intake->started = true;
        intake->worker.pid = (pid_t)json_integer(line, "worker", 0);
        intake->worker.start = json_integer(line, "worker_start", 0);
        snprintf(intake->worker.boot, sizeof(intake->worker.boot), "%s",
                 json_text(line, "boot", ""));
        memory_free(&intake->cgroup);
        intake->cgroup = strdup(json_text(line, "cgroup", ""));
    } else if (strcmp(event, "signalled") == 0) {
        intake->signalled = true;
    } else if (strcmp(event, "paused") == 0 || strcmp(event, "resumed") == 0) {
        intake->paused = event[0] == 'p';
    } else if (strcmp(event, "exit") == 0) {
        intake->exited = true;
        experiment_exit_read(line, &intake->exit);
    }
}

/* A line that the store calls invalid is passed over like one that is no JSON; the offset moves on
 * with the next line that it takes. */
static bool store_line(struct journal_intake *intake, struct store *store,
                       enum store_journal journal, const cJSON *line, int64_t offset,
                       int64_t now_ms, struct error *error)
{
    const struct journal_reader *reader =
        journal == STORE_JOURNAL_EVENTS ? &intake->events : &intake->reported;

    if (store_take_line(store, intake->experiment, intake->run, journal, line, offset,
                        reader->offset, now_ms, error))
        return true;
    if (error->kind != ERROR_INVALID || journal == STORE_JOURNAL_EVENTS)
        return error_wrap(error, "taking in %s", intake->folder);
    intake->bad++;
    return true;
}

/* The worker says `exit` when all that it started has ended: the last line that the run reported is
 * whole then, with a newline or without. */
static bool next_of(const struct journal_intake *intake, struct journal_reader *reader,
                    cJSON **ret_line, int64_t *ret_offset, struct error *error)
{
    return reader == &intake->reported && intake->exited
               ? journal_next_of_ended(reader, ret_line, ret_offset, error)
               : journal_next(reader, ret_line, ret_offset, error);
}

static bool take_journal(struct journal_intake *intake, struct store *store,
                         enum store_journal journal, int64_t now_ms,
                         struct journal_taken *ret_taken, struct error *error)
{
    struct journal_reader *reader =
        journal == STORE_JOURNAL_EVENTS ? &intake->events : &intake->reported;
    int64_t lines = 0;

    while (reader->fd >= 0) {
        scoped(json_free) cJSON *line = NULL;
        int64_t offset;
        if (lines == INTAKE_LINES_PER_TURN) {
            ret_taken->more = true;
            break;
        }
        if (!next_of(intake, reader, &line, &offset, error)) {
            if (journal == STORE_JOURNAL_REPORTED && do_without_reports(intake, error))
                break;
            return error_wrap(error, "reading %s", intake->folder);
        }
        if (!line)
            break;
        if (journal == STORE_JOURNAL_EVENTS)
            read_event(intake, line);
        if (!store_line(intake, store, journal, line, offset, now_ms, error))
            return false;
        lines++;
    }
    ret_taken->lines += lines;
    return true;
}

/* The old file was read to its end: the new one is read from its start. */
static bool take_replacement(struct journal_intake *intake, struct store *store, int64_t now_ms,
                             struct journal_taken *ret_taken, struct error *error)
{
    intake->rewritten = true;
    journal_reader_close(&intake->reported);
    return open_reported(intake, 0, error) &&
           take_journal(intake, store, STORE_JOURNAL_REPORTED, now_ms, ret_taken, error);
}

bool journal_intake_take(struct journal_intake *intake, struct store *store, int64_t now_ms,
                         struct journal_taken *ret_taken, struct error *error)
{
    struct journal_taken taken = {0};

    if (!open_readers(intake, error) ||
        !take_journal(intake, store, STORE_JOURNAL_EVENTS, now_ms, &taken, error) ||
        !take_journal(intake, store, STORE_JOURNAL_REPORTED, now_ms, &taken, error))
        return false;
    intake->bad += intake->reported.bad_lines;
    intake->reported.bad_lines = 0;
    intake->rewritten = intake->rewritten || intake->reported.rewritten;
    if (!taken.more && is_replaced(intake) &&
        !take_replacement(intake, store, now_ms, &taken, error))
        return false;
    *ret_taken = taken;
    return true;
}

static bool warn_of_lines(struct journal_intake *intake, struct store *store, struct error *error)
{
    char text[128];

    if (intake->bad == 0)
        return true;
    snprintf(text, sizeof(text), "%" PRId64 " line%s of reported.jsonl could not be read",
             intake->bad, intake->bad == 1 ? "" : "s");
    return store_warn(store, intake->experiment, intake->run, text, error);
}

/* About the file as a whole. */
static bool warn_of_file(struct journal_intake *intake, struct store *store, struct error *error)
{
    char text[sizeof(intake->unreadable) + 64];

    if (intake->rewritten &&
        !store_warn(store, intake->experiment, intake->run,
                    "reported.jsonl was written anew instead of being appended to: some of what it "
                    "said may be lost",
                    error))
        return false;
    if (!intake->unreadable[0])
        return true;
    snprintf(text, sizeof(text), "reported.jsonl could not be read: %s", intake->unreadable);
    return store_warn(store, intake->experiment, intake->run, text, error);
}

/* The reader stops at the limit by itself. */
static bool is_too_long(const struct journal_reader *reader)
{
    struct stat status;

    return reader->fd >= 0 && fstat(reader->fd, &status) == 0 &&
           status.st_size > JOURNAL_FILE_LIMIT;
}

bool journal_intake_complain(struct journal_intake *intake, struct store *store,
                             struct error *error)
{
    if (!intake->open || intake->complained)
        return true;
    if (!warn_of_lines(intake, store, error) || !warn_of_file(intake, store, error))
        return false;
    if (is_too_long(&intake->reported) &&
        !store_warn(store, intake->experiment, intake->run,
                    "reported.jsonl is longer than 64 MiB; the rest was not taken in", error))
        return false;
    intake->complained = true;
    return true;
}
