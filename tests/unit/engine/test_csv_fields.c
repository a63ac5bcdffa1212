#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/random.h"
#include "worker/engine/dataset/source/csv_fields.h"

#define SIZE_MAX_HERE 700

/* Bytes of which one in `rarity` is odd; the last one ends a line. */
static char *make_text(uint32_t seed, size_t size, uint32_t rarity, const char *odd)
{
    char *text = malloc(size + CSV_FIELDS_PADDING);
    size_t n_odd = strlen(odd) + 1; /* its NUL is one of them */

    assert_non_null(text);
    for (size_t i = 0; i < size; i++) {
        uint32_t x = random_block(seed, i, 0, 0).word[0];

        text[i] = x % rarity == 0 ? odd[x / rarity % n_odd] : (char)('a' + x / rarity % 26);
    }
    text[size - 1] = '\n';
    memset(text + size, '\n', CSV_FIELDS_PADDING); /* what stands behind does not count */
    return text;
}

static void check_fields(const struct csv_fields *fields, const char *text, size_t size,
                         char delimiter)
{
    int64_t n = 0, n_lines = 0;

    assert_int_equal(fields->separator[0], UINT32_MAX);
    assert_int_equal(fields->line[0], 0);
    for (size_t i = 0; i < size; i++) {
        if (text[i] != delimiter && text[i] != '\n')
            continue;
        assert_int_equal(fields->separator[++n], i);
        if (text[i] == '\n')
            assert_int_equal(fields->line[++n_lines], n);
    }
    assert_int_equal(fields->n_fields, n);
    assert_int_equal(fields->n_lines, n_lines);
}

static void every_separator_is_found(void **state)
{
    struct csv_fields fields = {0};

    (void)state;
    for (uint32_t size = 1; size < SIZE_MAX_HERE; size++) {
        char delimiter = ",\t;"[size % 3];
        char *text = make_text(size, size, 1 + size % 11, size % 2 ? ",\n\r\t;" : ",,,\t\t\t;;;\n");

        assert_true(csv_fields_find(&fields, text, size, delimiter));
        check_fields(&fields, text, size, delimiter);
        assert_true(csv_fields_find_plain(&fields, text, size, delimiter));
        check_fields(&fields, text, size, delimiter);
        free(text);
    }
    csv_fields_release(&fields);
}

static void check_census(struct csv_census census, const char *text, size_t size)
{
    struct csv_census wanted = {0};

    for (size_t i = 0; i < size; i++) {
        wanted.n_newlines += text[i] == '\n';
        wanted.returns |= text[i] == '\r';
        wanted.others |= text[i] == '"' || text[i] == '\0' || (text[i] & 0x80) != 0;
    }
    assert_int_equal(census.n_newlines, wanted.n_newlines);
    assert_int_equal(census.returns, wanted.returns);
    assert_int_equal(census.others, wanted.others);
}

static void what_a_block_consists_of_is_counted(void **state)
{
    static const char *const odd[] = {"\n\r", "\"\n", "\xc3\n", "\n,", "\r\n\""};

    (void)state;
    for (uint32_t size = 1; size < SIZE_MAX_HERE; size++) {
        char *text = make_text(size, size, 1 + size * size % 997, odd[size % 5]);

        check_census(csv_fields_count(text, size), text, size);
        check_census(csv_fields_count_plain(text, size), text, size);
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_separator_is_found),
        cmocka_unit_test(what_a_block_consists_of_is_counted),
    };

    return cmocka_run_group_tests_name("csv_fields", tests, NULL, NULL);
}
