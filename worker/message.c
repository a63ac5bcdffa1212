/*
 * Looks at lines of a log's last bytes. A Python traceback is
 *
 *     Traceback (most recent call last):
 *       File "train.py", line 3, in <module>       indented lines
 *         ...
 *     ValueError: what went wrong                  the first one that is not
 *
 * and its exception's first line counts even where the program prints on.
 */
#include "worker/message.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "common/utf8.h"

#define ESCAPE 0x1b

struct line {
    const char *text;
    size_t size;
};

static const char *const error_words[] = {
    "error",     "exception",    "fatal",         "fail",      "panic",   "abort",     "cannot",
    "can't",     "could not",    "unable to",     "not found", "no such", "denied",    "refused",
    "killed",    "segmentation", "out of memory", "assert",    "invalid", "undefined", "unknown",
    "terminate", NULL,
};

/* The next line, without its newline and carriage return; false at the end. */
static bool next_line(const char **at, const char *end, struct line *ret_line)
{
    const char *newline = NULL;

    if (*at >= end)
        return false;
    newline = memchr(*at, '\n', (size_t)(end - *at));
    *ret_line = (struct line){*at, (size_t)((newline ? newline : end) - *at)};
    *at = newline ? newline + 1 : end;
    while (ret_line->size > 0 && ret_line->text[ret_line->size - 1] == '\r')
        ret_line->size--;
    return true;
}

static bool is_blank(struct line line)
{
    for (size_t i = 0; i < line.size; i++)
        if (!isspace((unsigned char)line.text[i]))
            return false;
    return true;
}

static bool contains(struct line line, const char *word)
{
    size_t length = strlen(word);

    for (size_t i = 0; i + length <= line.size; i++)
        if ((line.text[i] | 0x20) == (*word | 0x20) && !strncasecmp(line.text + i, word, length))
            return true;
    return false;
}

static bool looks_like_error(struct line line)
{
    for (size_t i = 0; error_words[i]; i++)
        if (contains(line, error_words[i]))
            return true;
    return false;
}

/* Bytes of a terminal's escape sequence (ESC [ ... letter) at `text`. */
static size_t escape_length(const unsigned char *text, size_t size)
{
    size_t n = 1;

    if (size < 2 || text[1] != '[')
        return 1;
    for (n = 2; n < size && (text[n] < 0x40 || text[n] > 0x7e); n++)
        continue;
    return n < size ? n + 1 : n;
}

const char *message_clean(const char *text, size_t size, char ret_message[MESSAGE_SIZE])
{
    const unsigned char *at = (const unsigned char *)text;
    size_t n = 0;

    while (size > 0) {
        size_t length = *at == ESCAPE ? 0 : utf8_size((const char *)at, size);
        size_t step = *at == ESCAPE ? escape_length(at, size) : length ? length : 1;

        if (n + (length ? length : 1) >= MESSAGE_SIZE)
            break;
        if (length == 1 && (*at < 0x20 || *at == 0x7f)) {
            if (n > 0 && ret_message[n - 1] != ' ')
                ret_message[n++] = ' ';
        } else if (length > 0) {
            memcpy(ret_message + n, at, length);
            n += length;
        } else if (*at != ESCAPE) {
            ret_message[n++] = '?';
        }
        at += step;
        size -= step;
    }
    while (n > 0 && ret_message[n - 1] == ' ')
        n--;
    ret_message[n] = '\0';
    return ret_message;
}

enum rank { RANK_ANY, RANK_ERROR, RANK_EXCEPTION };

/* What the line is worth as a message; *in_traceback goes from line to line. */
static enum rank rank_of(struct line line, bool *in_traceback)
{
    if (contains(line, "Traceback (most recent call last)")) {
        *in_traceback = true;
        return RANK_ANY;
    }
    if (!*in_traceback)
        return looks_like_error(line) ? RANK_ERROR : RANK_ANY;
    if (isspace((unsigned char)line.text[0]))
        return RANK_ANY;
    *in_traceback = false;
    return RANK_EXCEPTION;
}

const char *message_find(const char *text, size_t size, char ret_message[MESSAGE_SIZE])
{
    const char *at = text;
    struct line line = {"", 0};
    struct line best = {"", 0};
    enum rank best_rank = RANK_ANY;
    bool in_traceback = false;

    while (next_line(&at, text + size, &line)) {
        enum rank rank = RANK_ANY;

        if (is_blank(line))
            continue;
        rank = rank_of(line, &in_traceback);
        if (rank < best_rank)
            continue;
        best = line;
        best_rank = rank;
    }
    while (best.size > 0 && isspace((unsigned char)best.text[0])) {
        best.text++;
        best.size--;
    }
    return message_clean(best.text, best.size, ret_message);
}
