/* Texts as the numbers of their words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "common/owner.h"
#include "worker/engine/transform/words.h"

static void fill(struct dictionary *texts, const char *const *text)
{
    struct error error;
    int32_t code;

    for (; *text; text++)
        assert_true(dictionary_add(texts, *text, strlen(*text), &code, &error));
}

struct vocabulary {
    char **word;
    int32_t n;
};

static void forget(struct vocabulary *vocabulary)
{
    for (int32_t i = 0; i < vocabulary->n; i++)
        free(vocabulary->word[i]);
    free((void *)vocabulary->word);
}

static void learn(const char *const *text, const int64_t *rows, int64_t length, int64_t most,
                  struct vocabulary *ret)
{
    const struct words_config config = {.length = length, .vocabulary = most};
    scoped(dictionary_release) struct dictionary texts = {0};
    struct error error;

    fill(&texts, text);
    assert_true(words_fit(&config, &texts, rows, &ret->word, &ret->n, &error));
}

static void words_are_numbered_by_frequency_in_rows(void **state)
{
    static const char *const text[] = {"Repair of hernia, LEFT", "repair of hip", "biopsy", NULL};
    static const int64_t rows[] = {2, 3, 4};
    scoped(forget) struct vocabulary learnt = {0};

    (void)state;
    learn(text, rows, 12, 100, &learnt);
    assert_int_equal(learnt.n, 6);
    assert_string_equal(learnt.word[0], "of"); /* 5, as repair: as they sort */
    assert_string_equal(learnt.word[1], "repair");
    assert_string_equal(learnt.word[2], "biopsy");
    assert_string_equal(learnt.word[3], "hip");
    assert_string_equal(learnt.word[4], "hernia");
    assert_string_equal(learnt.word[5], "left");
}

static void texts_of_no_training_row_teach_nothing(void **state)
{
    static const char *const text[] = {"seen here", "seen never", NULL};
    static const int64_t rows[] = {1, 0};
    scoped(forget) struct vocabulary learnt = {0};

    (void)state;
    learn(text, rows, 12, 100, &learnt);
    assert_int_equal(learnt.n, 2);
    assert_string_equal(learnt.word[0], "here");
    assert_string_equal(learnt.word[1], "seen");
}

static void what_is_cut_off_teaches_nothing(void **state)
{
    static const char *const text[] = {"a b c d", NULL};
    static const int64_t rows[] = {1};
    scoped(forget) struct vocabulary learnt = {0};

    (void)state;
    learn(text, rows, 2, 100, &learnt);
    assert_int_equal(learnt.n, 2);
}

static void a_new_text_is_read_by_its_words(void **state)
{
    static const char *const text[] = {"of of of repair repair hip", NULL};
    static const int64_t rows[] = {1};
    static const char *const new[] = {"Repair of spine",
                                      "",
                                      "of, of/of of",
                                      "...",
                                      "\xc3\x9c"
                                      "bergang of",
                                      NULL};
    static const int32_t expected[5][3] = {{3, 2, WORDS_UNKNOWN},
                                           {WORDS_NONE, WORDS_NONE, WORDS_NONE},
                                           {2, 2, 2},
                                           {WORDS_NONE, WORDS_NONE, WORDS_NONE},
                                           {WORDS_UNKNOWN, 2, WORDS_NONE}};
    scoped(forget) struct vocabulary learnt = {0};
    scoped(dictionary_release) struct dictionary texts = {0};
    struct error error;
    int32_t got[3 * 5];

    (void)state;
    learn(text, rows, 12, 2, &learnt);
    assert_int_equal(learnt.n, 2); /* hip shares 1 with all that is not known */
    fill(&texts, new);
    assert_int_equal(texts.n, 5);
    assert_true(words_number(learnt.word, learnt.n, &texts, 3, got, &error));
    for (int i = 0; i < 5; i++)
        for (int k = 0; k < 3; k++)
            assert_int_equal(got[k * 5 + i], expected[i][k]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_are_numbered_by_frequency_in_rows),
        cmocka_unit_test(texts_of_no_training_row_teach_nothing),
        cmocka_unit_test(what_is_cut_off_teaches_nothing),
        cmocka_unit_test(a_new_text_is_read_by_its_words),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
