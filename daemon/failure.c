#include "daemon/failure.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define HEX_DIGITS 8 /* a shorter word may be a word: "decade" */

static size_t word_length(const char *text)
{
    return strcspn(text, " \t\"'`()[]{}<>,;=");
}

/* 12, 0.5, 1e-3, 2026-01-31, 0x7ffd10, deadbeef0123; 0: none begins here. */
static size_t number_length(const char *text, size_t limit)
{
    size_t n = strspn(text, "0123456789abcdefABCDEF");

    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && isxdigit((unsigned char)text[2]))
        return 2 + strspn(text + 2, "0123456789abcdefABCDEF");
    if (n >= HEX_DIGITS && n <= limit && strcspn(text, "0123456789") < n &&
        !isalnum((unsigned char)text[n]))
        return n;
    for (n = 0; n < limit && isdigit((unsigned char)text[n]);) {
        n += strspn(text + n, "0123456789");
        size_t joint = strspn(text + n, ".eE+-:");
        if (joint > 0 && isdigit((unsigned char)text[n + joint]))
            n += joint;
    }
    return n < limit ? n : limit;
}

struct folded {
    char *text; /* borrowed */
    size_t n, size;
};

static void put(struct folded *folded, char c)
{
    if (folded->n + 1 < folded->size)
        folded->text[folded->n++] = c;
}

static void fold_word(struct folded *folded, const char *word, size_t length)
{
    bool inside = false; /* of letters: a digit there belongs to the name, as in float32 */

    if (memchr(word, '/', length)) {
        put(folded, '/');
        return;
    }
    for (size_t i = 0; i < length;) {
        size_t number = inside ? 0 : number_length(word + i, length - i);

        put(folded, number ? '#' : word[i]);
        inside = !number && isalnum((unsigned char)word[i]);
        i += number ? number : 1;
    }
}

void failure_fold(const char *message, char *ret_text, size_t size)
{
    struct folded folded = {ret_text, 0, size};

    while (*message) {
        size_t length = word_length(message);

        if (length == 0) {
            put(&folded, *message++);
            continue;
        }
        fold_word(&folded, message, length);
        message += length;
    }
    ret_text[folded.n] = '\0';
}

const char *failure_fingerprint(const struct experiment_exit *exit, char ret_text[HASH_TEXT_SIZE])
{
    char message[sizeof(exit->message)], text[sizeof(message) + 96];

    failure_fold(exit->message, message, sizeof(message));
    int length = snprintf(text, sizeof(text), "%d %d %s %s", (int)exit->status, (int)exit->signal,
                          exit->reason, message);

    return hash_text(text, (size_t)length, ret_text);
}
