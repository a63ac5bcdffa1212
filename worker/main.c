/*
 * nightjar-worker: the parent of one run.
 *
 *     nightjar-worker run DIR [--lock-fd N] [--engine-fd N]
 *
 * Exit status 0: the run has ended and its journal says how. Anything else: there is no such
 * journal entry (8: somebody else is at it).
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "common/error.h"
#include "common/log.h"
#include "common/process.h"
#include "worker/run.h"

#define EXIT_USAGE 2

static const char usage[] = "usage: nightjar-worker run DIR [--lock-fd N] [--engine-fd N]\n"
                            "       nightjar-worker --version\n";

static int complain(const char *what, const char *argument)
{
    (void)fprintf(stderr, "nightjar-worker: %s%s\n%s", what, argument, usage);
    return EXIT_USAGE;
}

static bool parse_descriptor(const char *text, int *ret_fd)
{
    char *end = NULL;
    long value = 0;

    errno = 0;
    value = strtol(text, &end, 10);
    if (errno || end == text || *end || value < 3 || value > INT_MAX)
        return false;
    *ret_fd = (int)value;
    return true;
}

/* Fills `handles` from the arguments that follow the folder; 0, or the exit status of a complaint.
 */
static int parse_handles(char *const *argument, struct run_handles *handles)
{
    for (; *argument; argument += 2) {
        int *handle = !strcmp(*argument, "--lock-fd")     ? &handles->lock
                      : !strcmp(*argument, "--engine-fd") ? &handles->engine
                                                          : NULL;

        if (!handle)
            return complain("run: unknown argument ", *argument);
        if (!argument[1] || !parse_descriptor(argument[1], handle))
            return complain("run: a descriptor is wanted after ", *argument);
    }
    return 0;
}

static int run(const char *folder, const struct run_handles *handles)
{
    struct error error;
    char text[1280];

    /* Started by the descriptor of its binary it would be listed under that number. */
    (void)prctl(PR_SET_NAME, "nightjar-worker");
    (void)umask(077);
    if (run_execute(folder, handles, environ, &error))
        return 0;
    log_error("%s", error_describe(&error, text, sizeof(text)));
    return error_exit_status(error.kind);
}

int main(int argc, char **argv)
{
    struct run_handles handles = {.lock = -1, .engine = -1};
    int status;

    if (!process_have_standard_streams())
        return error_exit_status(ERROR_IO);
    log_start("nightjar-worker");
    if (argc == 2 && !strcmp(argv[1], "--version"))
        return printf("nightjar-worker %s\n", NIGHTJAR_VERSION) < 0;
    if (argc == 2 && !strcmp(argv[1], "--help"))
        return fputs(usage, stdout) < 0;
    if (argc < 2)
        return complain("a verb is missing", "");
    if (strcmp(argv[1], "run") != 0)
        return complain("unknown verb ", argv[1]);
    if (argc < 3)
        return complain("run: a folder is missing", "");
    status = parse_handles(argv + 3, &handles);
    return status ? status : run(argv[2], &handles);
}
