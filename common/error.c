/*
 * What can go wrong, and how it is told.
 *
 * Every function here writes whole structs from the caller's stack and allocates nothing, so that
 * it works when memory is gone. A message that is too long is cut, at a UTF-8 boundary.
 */
#include "common/error.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
    int status;
} kinds[ERROR_KIND_COUNT] = {
#define X(name, text, status) [ERROR_##name] = {#name, text, status},
    ERROR_KINDS(X)
#undef X
};

/* A text that filled its buffer may end within a character: takes the torn one away. */
static void trim_torn_character(char *text)
{
    size_t size = strlen(text), start = size;

    while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
        start--;
    if (start == 0)
        return;
    unsigned char lead = (unsigned char)text[start - 1];
    size_t wanted = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
    if (size - (start - 1) < wanted)
        text[start - 1] = '\0';
}

static void copy_text(char *to, size_t size, const char *from)
{
    if ((size_t)snprintf(to, size, "%s", from) >= size)
        trim_torn_character(to);
}

__attribute__((format(printf, 4, 0))) static void fill(struct error *error, enum error_kind kind,
                                                       const char *path, const char *format,
                                                       va_list arguments)
{
    struct error filled = {.kind = kind}; /* the arguments may point into *error */

    if ((size_t)vsnprintf(filled.message, sizeof(filled.message), format, arguments) >=
        sizeof(filled.message))
        trim_torn_character(filled.message);
    copy_text(filled.path, sizeof(filled.path), path);
    *error = filled;
}

bool(error_set)(struct error *error, enum error_kind kind, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    fill(error, kind, "", format, arguments);
    va_end(arguments);
    return false;
}

bool(error_set_at)(struct error *error, enum error_kind kind, const char *path, const char *format,
                   ...)
{
    va_list arguments;

    va_start(arguments, format);
    fill(error, kind, path, format, arguments);
    va_end(arguments);
    return false;
}

static enum error_kind kind_of_errno(int os_errno)
{
    switch (os_errno) {
    case ENOMEM:
        return ERROR_NO_MEMORY;
    case ENOSPC:
    case EDQUOT:
        return ERROR_NO_SPACE;
    case ENOENT:
        return ERROR_NOT_FOUND;
    default:
        return ERROR_IO;
    }
}

bool(error_set_errno)(struct error *error, int os_errno, const char *format, ...)
{
    va_list arguments;
    char context[sizeof(error->message)];
    char reason[128];

    va_start(arguments, format);
    vsnprintf(context, sizeof(context), format, arguments);
    va_end(arguments);
    /* the GNU form, which returns the text and needs no lock */
    error_set(error, kind_of_errno(os_errno), "%s: %s", context,
              strerror_r(os_errno, reason, sizeof(reason)));
    error->os_errno = os_errno;
    return false;
}

bool(error_wrap)(struct error *error, const char *format, ...)
{
    va_list arguments;
    char context[sizeof(error->message)];
    char whole[2 * sizeof(error->message) + 2];

    va_start(arguments, format);
    vsnprintf(context, sizeof(context), format, arguments);
    va_end(arguments);
    snprintf(whole, sizeof(whole), "%s: %s", context, error->message);
    copy_text(error->message, sizeof(error->message), whole);
    return false;
}

const char *error_describe(const struct error *error, char *buffer, unsigned long size)
{
    int written;

    if (size == 0)
        return buffer;
    if (error->path[0])
        written = snprintf(buffer, size, "%s: %s", error->path, error->message);
    else
        written = snprintf(buffer, size, "%s", error->message);
    if ((size_t)written >= size)
        trim_torn_character(buffer);
    for (char *c = buffer; *c; c++)
        if (*c == '\n' || *c == '\r')
            *c = ' ';
    return buffer;
}

const char *error_kind_name(enum error_kind kind)
{
    return kinds[kind].name;
}

const char *error_kind_text(enum error_kind kind)
{
    return kinds[kind].text;
}

int error_exit_status(enum error_kind kind)
{
    return kinds[kind].status;
}

enum error_kind error_kind_from_name(const char *name)
{
    for (int kind = 0; name && kind < ERROR_KIND_COUNT; kind++)
        if (strcmp(kinds[kind].name, name) == 0)
            return (enum error_kind)kind;
    return ERROR_INTERNAL;
}
