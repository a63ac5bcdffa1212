/*
 * nightjar-worker: the parent of one run.
 *
 *     nightjar-worker run DIR [--lock-fd N]
 *
 * Exit status 0: the run has ended and its journal says how. Anything else: there is no such
 * journal entry (8: somebody else is at it).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/error.h"
#include "common/log.h"
#include "worker/run.h"

#define EXIT_USAGE 2

static const char usage[] = "usage: nightjar-worker run DIR [--lock-fd N]\n"
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

/* Descriptors that are opened later must not become somebody's standard output. */
static bool have_standard_streams(void)
{
    int fd = -1;

    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    return fd >= 0 && close(fd) == 0;
}

static int run(const char *folder, int lock_fd)
{
    struct error error;
    char text[1280];

    (void)umask(077);
    if (run_execute(folder, lock_fd, environ, &error))
        return 0;
    log_error("%s", error_describe(&error, text, sizeof(text)));
    return error_exit_status(error.kind);
}

int main(int argc, char **argv)
{
    int lock_fd = -1;

    if (!have_standard_streams())
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
    if (argc > 3 && strcmp(argv[3], "--lock-fd") != 0)
        return complain("run: unknown argument ", argv[3]);
    if (argc == 4 || (argc == 5 && !parse_descriptor(argv[4], &lock_fd)))
        return complain("run: --lock-fd wants a descriptor", "");
    if (argc > 5)
        return complain("run: unknown argument ", argv[5]);
    return run(argv[2], lock_fd);
}
