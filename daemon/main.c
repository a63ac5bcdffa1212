/*
 * nightjard: keeps the queue and its runs.
 *
 *   nightjard [--home DIR] [--slots N] [--gpus N] [--disk-reserve SIZE]
 *   nightjard expand     params of submit on standard input -> one line an experiment
 *   nightjard recover [--home DIR]   makes a queue whole that is damaged or gone
 *   nightjard settings   the settings that the daemon reads, as JSON
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/json.h"
#include "common/log.h"
#include "common/owner.h"
#include "common/process.h"
#include "common/spec/setting.h"
#include "common/wire.h"
#include "daemon/batch.h"
#include "daemon/listener.h"
#include "daemon/loop.h"
#include "daemon/recover.h"

#define EXPAND_LIMIT ((size_t)64 * 1024 * 1024)
#define SLOTS_LIMIT 1000
#define DISK_RESERVE_BYTES ((int64_t)64 * 1024 * 1024)

static const char usage[] =
    "usage: nightjard [--home DIR] [--slots N] [--gpus N] [--disk-reserve SIZE]\n"
    "       nightjard expand     params of submit on standard input -> one line an experiment\n"
    "       nightjard recover [--home DIR]   make a queue whole that is damaged or gone\n"
    "       nightjard settings   the settings that the daemon reads, as JSON\n"
    "\n"
    "  --home DIR           where queue and runs live (default: $NIGHTJAR_HOME, else\n"
    "                       ~/.local/share/nightjar)\n"
    "  --slots N            how many experiments run at a time (default: as set before, else one\n"
    "                       a processor)\n"
    "  --gpus N             how many graphics processors runs may use (default: all NVIDIA ones)\n"
    "  --disk-reserve SIZE  nothing starts with less free space in the home (default: 64M)\n"
    "  $NIGHTJAR_CGROUP     folder of the cgroup v2 tree in which runs get control groups "
    "(default:\n"
    "                       the nearest above that is handed on; none: they get none)\n";

static int fail(const struct error *error)
{
    char text[sizeof(error->message) + sizeof(error->path) + 2];

    fprintf(stderr, "nightjard: %s\n", error_describe(error, text, sizeof(text)));
    return error_exit_status(error->kind);
}

/* ---- expand, settings ---- */

static bool read_input(struct buffer *ret_text, struct error *error)
{
    char part[65536];
    ssize_t size;

    ret_text->limit = EXPAND_LIMIT;
    while ((size = read(STDIN_FILENO, part, sizeof(part))) > 0)
        if (!buffer_append(ret_text, part, (size_t)size, error))
            return false;
    return size == 0 || error_set_errno(error, errno, "standard input");
}

static int expand(void)
{
    scoped(buffer_release) struct buffer text = {0};
    scoped(buffer_release) struct buffer out = {0};
    scoped(json_free) cJSON *params = NULL;
    struct error error;

    if (!read_input(&text, &error) ||
        !json_parse(text.data ? text.data : "", text.size, &params, &error))
        return fail(&error);
    bool ok = batch_expand_lines(params, &out, &error);
    if (out.size > 0)
        fwrite(out.data, 1, out.size, stdout);
    if (fflush(stdout) != 0)
        return error_exit_status(ERROR_IO);
    if (ok)
        return 0;
    return out.size > 0 ? error_exit_status(error.kind) : fail(&error);
}

static int settings(void)
{
    scoped(buffer_release) struct buffer out = {0};
    scoped(json_free) cJSON *json = NULL;
    struct error error;

    if (!batch_settings(&json, &error) || !json_print(json, &out, &error))
        return fail(&error);
    puts(out.data);
    return fflush(stdout) == 0 ? 0 : error_exit_status(ERROR_IO);
}

/* ---- the daemon ---- */

struct arguments {
    const char *home;
    int64_t slots, gpus, disk_reserve_bytes;
};

static bool read_number(const char *name, const char *text, int64_t low, int64_t high,
                        int64_t *ret_value, struct error *error)
{
    char *end;
    long long value = strtoll(text, &end, 10);

    if (end == text || *end || value < low || value > high)
        return error_set_at(error, ERROR_INVALID, name, "'%s' is not in [%" PRId64 ", %" PRId64 "]",
                            text, low, high);
    *ret_value = value;
    return true;
}

static bool read_option(int option, struct arguments *arguments, struct error *error)
{
    switch (option) {
    case 'h':
        arguments->home = optarg;
        return true;
    case 's':
        return read_number("--slots", optarg, 1, SLOTS_LIMIT, &arguments->slots, error);
    case 'g':
        return read_number("--gpus", optarg, 0, SCHEDULER_GPUS_LIMIT, &arguments->gpus, error);
    case 'd':
        return setting_parse_size(optarg, &arguments->disk_reserve_bytes) ||
               error_set_at(error, ERROR_INVALID, "--disk-reserve", "'%s' is no size", optarg);
    default:
        return error_set(error, ERROR_INVALID, "see nightjard --help");
    }
}

static bool read_arguments(int argc, char **argv, struct arguments *ret_arguments,
                           struct error *error)
{
    static const struct option options[] = {
        {"home", required_argument, NULL, 'h'},
        {"slots", required_argument, NULL, 's'},
        {"gpus", required_argument, NULL, 'g'},
        {"disk-reserve", required_argument, NULL, 'd'},
        {NULL, 0, NULL, 0},
    };
    int option;

    while ((option = getopt_long(argc, argv, "", options, NULL)) != -1)
        if (!read_option(option, ret_arguments, error))
            return false;
    if (optind < argc)
        return error_set(error, ERROR_INVALID, "'%s' is not understood; see nightjard --help",
                         argv[optind]);
    return true;
}

/* The folder of our own binary; NIGHTJAR_BIN overrides it. */
static bool find_programs(char *ret_path, size_t size, struct error *error)
{
    const char *wanted = getenv("NIGHTJAR_BIN");

    if (wanted) {
        snprintf(ret_path, size, "%s", wanted);
        return true;
    }
    ssize_t length = readlink("/proc/self/exe", ret_path, size - 1);
    if (length < 0)
        return error_set_errno(error, errno, "/proc/self/exe");
    ret_path[length] = 0;
    char *slash = strrchr(ret_path, '/');
    if (slash)
        *slash = 0;
    return true;
}

/* One place makes paths of homes, so that client and daemon agree on the socket's name. */
static bool find_home(const struct arguments *arguments, struct buffer *ret_home,
                      struct error *error)
{
    if (arguments->home && setenv("NIGHTJAR_HOME", arguments->home, 1) != 0)
        return error_set(error, ERROR_NO_MEMORY, "--home");
    return wire_home(ret_home, error);
}

static void tell_recovery(const struct recovery *recovery)
{
    printf("queue.db was made whole from %s: %" PRId64 " experiment%s added from runs/, %" PRId64
           " brought up to date\n",
           recovery->source, recovery->added, recovery->added == 1 ? "" : "s", recovery->renewed);
    if (recovery->unreadable)
        printf("%" PRId64 " run folder%s left out: no spec.json that can be read\n",
               recovery->unreadable, recovery->unreadable == 1 ? " was" : "s were");
    if (recovery->aside[0])
        printf("the damaged file is kept as %s\n", recovery->aside);
}

static int recover(int argc, char **argv)
{
    scoped(buffer_release) struct buffer home = {0};
    scoped(descriptor_close) int lock = -1;
    struct arguments arguments = {.gpus = -1};
    struct recovery recovery;
    struct error error;

    (void)umask(077);
    if (!read_arguments(argc, argv, &arguments, &error) || !find_home(&arguments, &home, &error) ||
        !listener_lock_home(home.data, &lock, &error) ||
        !recover_home(home.data, &recovery, &error))
        return fail(&error);
    tell_recovery(&recovery);
    return fflush(stdout) == 0 ? 0 : error_exit_status(ERROR_IO);
}

/* What a queue runs ends with its run: its daemon would too, and all that the daemon started. */
static bool is_of_run(const char *home, struct error *error)
{
    struct process worker;

    if (process_place(home, &worker) == PROCESS_OUTSIDE)
        return false;
    (void)error_set_at(error, ERROR_INVALID, home,
                       "a process of a run cannot be the daemon of that run's queue; "
                       "'nj daemon start' starts one outside of it");
    return true;
}

static int serve(const struct arguments *arguments)
{
    static struct daemon daemon;
    scoped(buffer_release) struct buffer home = {0};
    char programs[4096];
    struct error error;

    if (!find_home(arguments, &home, &error) ||
        !find_programs(programs, sizeof(programs), &error) || is_of_run(home.data, &error))
        return fail(&error);
    struct daemon_options options = {
        .home = home.data,
        .programs = programs,
        .slots = arguments->slots,
        .gpus = arguments->gpus,
        .disk_reserve_bytes = arguments->disk_reserve_bytes,
    };
    bool ok = daemon_open(&daemon, &options, &error);
    if (ok)
        daemon_run(&daemon);
    daemon_close(&daemon);
    return ok ? 0 : fail(&error);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {.gpus = -1, .disk_reserve_bytes = DISK_RESERVE_BYTES};
    const char *verb = argc > 1 ? argv[1] : "";
    struct error error;

    if (!process_have_standard_streams())
        return error_exit_status(ERROR_IO);
    log_start("nightjard");
    if (strcmp(verb, "--help") == 0) {
        fputs(usage, stdout);
        return 0;
    }
    if (strcmp(verb, "--version") == 0) {
        puts("nightjard " NIGHTJAR_VERSION);
        return 0;
    }
    if (argc == 2 && strcmp(verb, "expand") == 0)
        return expand();
    if (argc == 2 && strcmp(verb, "settings") == 0)
        return settings();
    if (strcmp(verb, "recover") == 0)
        return recover(argc - 1, argv + 1);
    if (!read_arguments(argc, argv, &arguments, &error))
        return fail(&error);
    return serve(&arguments);
}
