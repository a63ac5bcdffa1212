/* "Did you mean": the nearest name by edits (insert, delete, change, swap of neighbours). */
#include "common/spec/setting.h"

#include <stddef.h>
#include <string.h>

#define NAME_LIMIT 63 /* longer names are not misspelt by hand */

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Optimal string alignment over three rows. */
static size_t edit_distance(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t rows[3][NAME_LIMIT + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];

    for (size_t j = 0; j <= n_b; j++)
        last[j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *spare = before;

        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            size_t change = last[j - 1] + (a[i - 1] != b[j - 1]);

            row[j] = least(change, least(last[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], before[j - 2] + 1);
        }
        before = last;
        last = row;
        row = spare;
    }
    return last[n_b];
}

const char *setting_suggest(const char *name, const char *const *names, size_t n)
{
    size_t length = strlen(name);
    size_t allowed = length < 3 ? 1 : (length + 2) / 3;
    const char *nearest = NULL;

    if (length == 0 || length > NAME_LIMIT)
        return NULL;
    for (size_t i = 0; i < n; i++) {
        size_t other = strlen(names[i]);
        size_t distance =
            other > NAME_LIMIT ? allowed + 1 : edit_distance(name, length, names[i], other);

        /* with every letter changed it would be another word */
        if (distance <= allowed && distance < length) {
            nearest = names[i];
            allowed = distance - (distance > 0);
            if (distance == 0)
                break;
        }
    }
    return nearest;
}
