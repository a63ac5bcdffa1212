#include "common/alike.h"

#include <ctype.h>
#include <stdlib.h>

static bool is_of_word(char c)
{
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

/* As all of dense1, x_12 and wl_0.55 is. */
static bool goes_on_in_word(const char *text, const char *at)
{
    return at > text &&
           (is_of_word(at[-1]) || (at[-1] == '.' && at - 1 > text && is_of_word(at[-2])));
}

size_t alike_number_size(const char *text, const char *at)
{
    const char *digits = at + (*at == '-' || *at == '+');
    size_t size;
    char *end;

    if ((!isdigit((unsigned char)*digits) &&
         !(*digits == '.' && isdigit((unsigned char)digits[1]))) ||
        goes_on_in_word(text, at))
        return 0;
    (void)strtod(at, &end);
    size = (size_t)(end - at) - (end[-1] == '.'); /* the sentence's */
    return size > ALIKE_NUMBER_LIMIT ? 0 : size;
}

bool alike(const char *a, const char *b)
{
    const char *first = a, *second = b;

    for (;;) {
        size_t size_a = alike_number_size(first, a), size_b = alike_number_size(second, b);

        a += size_a;
        b += size_b;
        if ((size_a > 0) != (size_b > 0) || *a != *b)
            return false;
        if (!*a)
            return true;
        a++;
        b++;
    }
}
