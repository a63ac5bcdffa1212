/* The choice of a BLAS core, with shell scripts in the engine's place that keep count of calls. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/blas_core.h"
#include "common/file.h"
#include "common/owner.h"

#define FLAGS_512 "fpu avx2 fma avx512f avx512dq avx512bw avx512vl"

struct place {
    char folder[64], engine[96], cpuinfo[96], cache[96], calls[96];
    struct blas_core_question question;
};

static char *environment[] = {NULL, NULL, NULL};

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void set_flags(const struct place *place, const char *flags)
{
    char text[512];

    (void)snprintf(text, sizeof(text),
                   "processor\t: 0\nmodel name\t: Some Processor\nvmx flags\t: fma\nflags\t\t: %s\n"
                   "bugs\t\t:\n\nprocessor\t: 1\n",
                   flags);
    write_file(place->cpuinfo, text, 0600);
}

/* The script sees $OPENBLAS_CORETYPE and notes it down before it answers. */
static void set_engine(const struct place *place, const char *answer)
{
    char text[1024];

    (void)snprintf(text, sizeof(text),
                   "#!/bin/sh\necho \"$1 $OPENBLAS_CORETYPE $OPENBLAS_NUM_THREADS\" >> %s\n%s\n",
                   place->calls, answer);
    write_file(place->engine, text, 0700);
}

static char *calls(const struct place *place)
{
    struct error error;
    char *text = NULL;
    size_t size = 0;

    if (!file_read(AT_FDCWD, place->calls, 4096, &text, &size, &error))
        text = strdup("");
    assert_non_null(text);
    return text;
}

static void assert_calls(const struct place *place, const char *expected)
{
    scoped(memory_free) char *text = calls(place);

    assert_string_equal(text, expected);
}

static void assert_choice(const struct place *place, const char *expected)
{
    char core[BLAS_CORE_SIZE] = "unset";

    blas_core_choose(&place->question, core);
    assert_string_equal(core, expected);
}

static int make_place(void **state)
{
    static char path[] = "PATH=/usr/bin:/bin";
    struct place *place = calloc(1, sizeof(*place));

    assert_non_null(place);
    environment[0] = path;
    environment[1] = NULL;
    (void)snprintf(place->folder, sizeof(place->folder), "/tmp/nightjar-blas.XXXXXX");
    assert_non_null(mkdtemp(place->folder));
    (void)snprintf(place->engine, sizeof(place->engine), "%s/engine", place->folder);
    (void)snprintf(place->cpuinfo, sizeof(place->cpuinfo), "%s/cpuinfo", place->folder);
    (void)snprintf(place->cache, sizeof(place->cache), "%s/home/cache", place->folder);
    (void)snprintf(place->calls, sizeof(place->calls), "%s/calls", place->folder);
    place->question = (struct blas_core_question){.engine = place->engine,
                                                  .cpuinfo = place->cpuinfo,
                                                  .cache_folder = place->cache,
                                                  .environment = environment};
    *state = place;
    return 0;
}

static int remove_place(void **state)
{
    struct place *place = *state;
    struct error error;

    assert_true(file_remove_tree(AT_FDCWD, place->folder, &error));
    free(place);
    return 0;
}

static void flags_decide_the_candidates(void **state)
{
    const char *core[BLAS_CORE_CANDIDATES];

    (void)state;
    assert_int_equal(blas_core_candidates(FLAGS_512, core), 2);
    assert_string_equal(core[0], "SkylakeX");
    assert_string_equal(core[1], "Haswell");
    assert_int_equal(blas_core_candidates("sse2 fma avx2", core), 1);
    assert_string_equal(core[0], "Haswell");
    assert_int_equal(blas_core_candidates("avx2 fma avx512f avx512bw avx512dq", core), 1);
    assert_int_equal(blas_core_candidates("avx2x fma4 sse2", core), 0);
    assert_int_equal(blas_core_candidates("", core), 0);
}

static void best_core_that_the_engine_agrees_with_is_chosen(void **state)
{
    struct place *place = *state;

    set_flags(place, FLAGS_512);
    set_engine(place, "echo \"{\\\"core\\\":\\\"$OPENBLAS_CORETYPE\\\"}\"");
    assert_choice(place, "SkylakeX");
    assert_calls(place, "blas-check SkylakeX 1\n");
}

static void answer_is_asked_for_once(void **state)
{
    struct place *place = *state;

    set_flags(place, FLAGS_512);
    set_engine(place, "echo \"{\\\"core\\\":\\\"$OPENBLAS_CORETYPE\\\"}\"");
    assert_choice(place, "SkylakeX");
    assert_choice(place, "SkylakeX");
    assert_calls(place, "blas-check SkylakeX 1\n");
}

static void wrong_product_leads_to_the_next_core(void **state)
{
    struct place *place = *state;

    set_flags(place, FLAGS_512);
    set_engine(place,
               "echo OpenBLAS: a complaint\necho \"{\\\"core\\\":\\\"$OPENBLAS_CORETYPE\\\"}\""
               "\n[ $OPENBLAS_CORETYPE = Haswell ]");
    assert_choice(place, "Haswell");
    assert_calls(place, "blas-check SkylakeX 1\nblas-check Haswell 1\n");
}

static void core_that_openblas_did_not_take_is_not_chosen(void **state)
{
    struct place *place = *state;

    set_flags(place, FLAGS_512);
    set_engine(place, "echo '{\"core\":\"Haswell\"}'");
    assert_choice(place, "Haswell");
}

static void engine_that_crashes_leaves_the_choice_to_openblas_and_is_remembered(void **state)
{
    struct place *place = *state;

    set_flags(place, FLAGS_512);
    set_engine(place, "kill -ILL $$");
    assert_choice(place, "");
    assert_choice(place, "");
    assert_calls(place, "blas-check SkylakeX 1\nblas-check Haswell 1\n");
}

static void check_that_could_not_be_made_is_not_remembered(void **state)
{
    struct place *place = *state;

    set_flags(place, "avx2 fma");
    set_engine(place, "exit 4");
    assert_choice(place, "");
    assert_choice(place, "");
    assert_calls(place, "blas-check Haswell 1\nblas-check Haswell 1\n");
}

static void processor_without_candidates_asks_nothing(void **state)
{
    struct place *place = *state;

    set_flags(place, "sse2");
    set_engine(place, "exit 0");
    assert_choice(place, "");
    assert_calls(place, "");
}

static void another_processor_engine_or_library_path_is_asked_again(void **state)
{
    static char library[] = "LD_LIBRARY_PATH=/opt/blas";
    struct place *place = *state;

    set_flags(place, FLAGS_512);
    set_engine(place, "echo \"{\\\"core\\\":\\\"$OPENBLAS_CORETYPE\\\"}\"");
    assert_choice(place, "SkylakeX");
    set_flags(place, "avx2 fma");
    assert_choice(place, "Haswell");
    set_engine(place, "echo \"{\\\"core\\\":\\\"$OPENBLAS_CORETYPE\\\"}\" # rebuilt");
    assert_choice(place, "Haswell");
    environment[1] = library;
    assert_choice(place, "Haswell");
    assert_choice(place, "Haswell");
    assert_calls(place, "blas-check SkylakeX 1\nblas-check Haswell 1\nblas-check Haswell 1\n"
                        "blas-check Haswell 1\n");
}

static void damaged_cache_is_made_again(void **state)
{
    struct place *place = *state;
    char path[128];

    set_flags(place, FLAGS_512);
    set_engine(place, "echo \"{\\\"core\\\":\\\"$OPENBLAS_CORETYPE\\\"}\"");
    assert_choice(place, "SkylakeX");
    (void)snprintf(path, sizeof(path), "%s/blas-core.json", place->cache);
    write_file(path, "{\"v\":1,\"ke", 0600);
    assert_choice(place, "SkylakeX");
    assert_choice(place, "SkylakeX");
    assert_calls(place, "blas-check SkylakeX 1\nblas-check SkylakeX 1\n");
}

int main(void)
{
#define PLACED(test) cmocka_unit_test_setup_teardown(test, make_place, remove_place)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flags_decide_the_candidates),
        PLACED(best_core_that_the_engine_agrees_with_is_chosen),
        PLACED(answer_is_asked_for_once),
        PLACED(wrong_product_leads_to_the_next_core),
        PLACED(core_that_openblas_did_not_take_is_not_chosen),
        PLACED(engine_that_crashes_leaves_the_choice_to_openblas_and_is_remembered),
        PLACED(check_that_could_not_be_made_is_not_remembered),
        PLACED(processor_without_candidates_asks_nothing),
        PLACED(another_processor_engine_or_library_path_is_asked_again),
        PLACED(damaged_cache_is_made_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
