/*
 * A line is put together in memory and written by one write(2), so that lines of several processes
 * do not mix. Line breaks within a message become spaces: one event, one line.
 */
#include "common/log.h"

#include "common/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_SIZE 4096

static const struct {
    const char *name;
    int priority; /* as syslog counts */
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", 3},
    [LOG_LEVEL_WARNING] = {"warning", 4},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_DEBUG] = {"debug", 7},
};
#define N_LEVELS (sizeof(levels) / sizeof(*levels))

static const char *program_name = "nightjar";
static enum log_level most = LOG_LEVEL_INFO;
static bool under_systemd;

/* JOURNAL_STREAM is "device:inode" of the stream that systemd gave us; a child whose standard error
 * was sent elsewhere inherits the variable, but not the stream. */
static bool writes_to_journal(void)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat status;
    uintmax_t device, inode;

    return stream && sscanf(stream, "%ju:%ju", &device, &inode) == 2 &&
           fstat(STDERR_FILENO, &status) == 0 && status.st_dev == device && status.st_ino == inode;
}

void log_start(const char *program)
{
    const char *wanted = getenv("NIGHTJAR_LOG");

    program_name = program;
    most = LOG_LEVEL_INFO;
    for (size_t i = 0; wanted && i < N_LEVELS; i++)
        if (strcmp(levels[i].name, wanted) == 0)
            most = (enum log_level)i;
    under_systemd = writes_to_journal();
}

void log_set_level(enum log_level level)
{
    most = level;
}

static void write_line(const char *line, size_t size)
{
    while (size > 0) {
        ssize_t written = write(STDERR_FILENO, line, size);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return; /* nobody left to tell */
        line += written;
        size -= (size_t)written;
    }
}

static int write_head(enum log_level level, char *line, size_t size)
{
    char time[32];

    if (under_systemd)
        return snprintf(line, size, "<%d>%s: ", levels[level].priority, program_name);
    return snprintf(line, size, "%s %s: %s: ", clock_format_local(clock_system.wall_ms(NULL), time),
                    program_name, levels[level].name);
}

void log_write(enum log_level level, const char *format, ...)
{
    char line[LINE_SIZE];
    va_list arguments;
    int kept = errno;

    if (level > most)
        return;
    size_t head = (size_t)write_head(level, line, sizeof(line));
    if (head >= sizeof(line) - 1)
        head = sizeof(line) - 2;
    va_start(arguments, format);
    vsnprintf(line + head, sizeof(line) - head - 1, format, arguments);
    va_end(arguments);
    size_t size = strlen(line);
    for (size_t i = head; i < size; i++)
        if ((unsigned char)line[i] < ' ')
            line[i] = ' ';
    line[size++] = '\n';
    write_line(line, size);
    errno = kept;
}
