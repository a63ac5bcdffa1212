/*
 * Leveled log of a program, to standard error (journald and terminals add or show their own time).
 * Only main functions and loop callbacks log errors; everything else returns them.
 */
#ifndef NIGHTJAR_COMMON_LOG_H
#define NIGHTJAR_COMMON_LOG_H

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* `program` (borrowed for ever) starts each line. Level from NIGHTJAR_LOG (error warning info
 * debug), default info. Under systemd (JOURNAL_STREAM set) lines carry <3>-style priorities, else
 * local time. */
void log_start(const char *program);
void log_set_level(enum log_level level);
__attribute__((format(printf, 2, 3))) void log_write(enum log_level level, const char *format, ...);

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
