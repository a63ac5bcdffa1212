/*
 * What can go wrong, and how it is told.
 *
 * A function that can fail returns bool and takes a struct error last; false means that it is
 * filled in. The struct lives on the caller's stack, so that even "out of memory" needs no memory.
 * Outputs are written only on success.
 */
#ifndef NIGHTJAR_COMMON_ERROR_H
#define NIGHTJAR_COMMON_ERROR_H

#include <stdarg.h>
#include <stdbool.h>

#define ERROR_KINDS(X) /* name, text, exit status */ \
    X(NONE, "no error", 0)                           \
    X(INVALID, "invalid input", 2)                   \
    X(NOT_FOUND, "not found", 3)                     \
    X(NO_MEMORY, "out of memory", 4)                 \
    X(IO, "input/output error", 5)                   \
    X(CORRUPT, "corrupt data", 6)                    \
    X(NO_SPACE, "no space left", 7)                  \
    X(BUSY, "busy", 8)                               \
    X(UNREACHABLE, "unreachable", 9)                 \
    X(CANCELLED, "cancelled", 10)                    \
    X(INTERNAL, "internal error", 70)

enum error_kind {
#define X(name, text, status) ERROR_##name,
    ERROR_KINDS(X)
#undef X
        ERROR_KIND_COUNT
};

struct error {
    enum error_kind kind;
    int os_errno;       /* 0 where none */
    char path[128];     /* in the spec or file system; empty where none */
    int line;           /* 0 where none */
    char message[1024]; /* the cause first; context is wrapped round it */
};

/* Fills `error` (any part of it that was set before is forgotten) and returns false, so that
 * failing is one return. */
__attribute__((format(printf, 3, 4))) bool error_set(struct error *error, enum error_kind kind,
                                                     const char *format, ...);
/* As error_set, with `path` (in a spec: train.optimizer.rate; or of a file) kept apart from the
 * message. */
__attribute__((format(printf, 4, 5))) bool error_set_at(struct error *error, enum error_kind kind,
                                                        const char *path, const char *format, ...);
/* From errno: ENOMEM becomes NO_MEMORY; ENOSPC and EDQUOT NO_SPACE; ENOENT NOT_FOUND; the rest IO.
 * The message ends with strerror(). */
__attribute__((format(printf, 3, 4))) bool error_set_errno(struct error *error, int os_errno,
                                                           const char *format, ...);
/* Prepends "context: " to the message; kind, path and line stay. Returns false. */
__attribute__((format(printf, 2, 3))) bool error_wrap(struct error *error, const char *format, ...);

/* Compilers and analyzers see one file at a time: that failing returns false has to stand here, or
 * they follow paths on which it succeeded and left its outputs unset. */
#define error_set(...)            \
    (__extension__({              \
        (error_set)(__VA_ARGS__); \
        false;                    \
    }))
#define error_set_at(...)            \
    (__extension__({                 \
        (error_set_at)(__VA_ARGS__); \
        false;                       \
    }))
#define error_set_errno(...)            \
    (__extension__({                    \
        (error_set_errno)(__VA_ARGS__); \
        false;                          \
    }))
#define error_wrap(...)            \
    (__extension__({               \
        (error_wrap)(__VA_ARGS__); \
        false;                     \
    }))

/* One line for a person: "path: message" or "message". `buffer` is returned. */
const char *error_describe(const struct error *error, char *buffer, unsigned long size);

const char *error_kind_name(enum error_kind kind); /* "INVALID" */
const char *error_kind_text(enum error_kind kind); /* "invalid input" */
int error_exit_status(enum error_kind kind);
/* The kind whose name is `name`; ERROR_INTERNAL where there is none (an unknown kind off the wire).
 */
enum error_kind error_kind_from_name(const char *name);

#endif
