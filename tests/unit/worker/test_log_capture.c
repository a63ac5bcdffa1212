/* The log's cap: what is kept, to the byte, whatever comes and however the disk behaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/file.h"
#include "common/owner.h"
#include "worker/log_capture.h"

#define LIMIT INT64_C(8192)
#define HEAD (LIMIT / 2)
#define TAIL (LIMIT - HEAD - LOG_CAPTURE_MARKER_SIZE)

struct folder {
    char path[64];
    char log[80];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));

    assert_non_null(folder);
    (void)snprintf(folder->path, sizeof(folder->path), "/tmp/nightjar-log.XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    (void)snprintf(folder->log, sizeof(folder->log), "%s/log", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    struct error error;

    assert_true(file_remove_tree(AT_FDCWD, folder->path, &error));
    free(folder);
    return 0;
}

/* The byte at place `i` of the stream that every test prints: binary, with a period of no size. */
static char byte_at(int64_t i)
{
    return (char)((uint64_t)i * 2654435761U >> 13);
}

static void print(struct log_capture *capture, int64_t from, int64_t size, int64_t piece)
{
    char *data = malloc((size_t)piece);

    assert_non_null(data);
    for (int64_t at = from; at < from + size; at += piece) {
        int64_t n = at + piece <= from + size ? piece : from + size - at;

        for (int64_t i = 0; i < n; i++)
            data[i] = byte_at(at + i);
        log_capture_add(capture, data, (size_t)n);
    }
    free(data);
}

static void assert_stream(const char *text, int64_t from, int64_t size)
{
    for (int64_t i = 0; i < size; i++)
        assert_int_equal(text[i], byte_at(from + i));
}

static char *read_log(const struct folder *folder, size_t *size)
{
    struct error error;
    char *text = NULL;

    assert_true(file_read(AT_FDCWD, folder->log, 64 << 20, &text, size, &error));
    return text;
}

static void assert_head_and_tail(const struct folder *folder, int64_t total)
{
    size_t size = 0;
    scoped(memory_free) char *text = read_log(folder, &size);
    int64_t dropped = 0;

    assert_int_equal(size, LIMIT);
    assert_stream(text, 0, HEAD);
    assert_int_equal(sscanf(text + HEAD, "\n--- %" SCNd64 " bytes dropped", &dropped), 1);
    assert_int_equal(text[HEAD + LOG_CAPTURE_MARKER_SIZE - 1], '\n');
    assert_int_equal(dropped, total - HEAD - TAIL);
    assert_stream(text + HEAD + LOG_CAPTURE_MARKER_SIZE, total - TAIL, TAIL);
}

static void log_up_to_its_limit_is_kept_whole(void **state)
{
    const struct folder *folder = *state;
    static const int64_t totals[] = {0, 1, HEAD - 1, HEAD, HEAD + 1, LIMIT - 1, LIMIT};

    for (size_t i = 0; i < sizeof(totals) / sizeof(*totals); i++) {
        struct log_capture capture;
        size_t size = 0;
        char *text = NULL;

        log_capture_start(&capture, AT_FDCWD, folder->log, LIMIT);
        print(&capture, 0, totals[i], 700);
        log_capture_finish(&capture);
        text = read_log(folder, &size);
        assert_int_equal(size, totals[i]);
        assert_stream(text, 0, totals[i]);
        assert_int_equal(capture.kept_size, totals[i]);
        assert_int_equal(log_capture_dropped(&capture), 0);
        free(text);
        log_capture_release(&capture);
    }
}

static void longer_log_keeps_head_and_tail_to_the_byte(void **state)
{
    const struct folder *folder = *state;
    static const int64_t pieces[] = {1, 7, 700, TAIL - 1, TAIL, TAIL + 1, LIMIT, 3 * LIMIT, 100000};
    static const int64_t totals[] = {LIMIT + 1,        LIMIT + 63,       LIMIT + TAIL,
                                     LIMIT + TAIL + 1, 5 * LIMIT + 1234, 300001};

    for (size_t p = 0; p < sizeof(pieces) / sizeof(*pieces); p++) {
        for (size_t i = 0; i < sizeof(totals) / sizeof(*totals); i++) {
            struct log_capture capture;

            log_capture_start(&capture, AT_FDCWD, folder->log, LIMIT);
            print(&capture, 0, totals[i], pieces[p]);
            log_capture_finish(&capture);
            assert_head_and_tail(folder, totals[i]);
            assert_int_equal(capture.kept_size, LIMIT);
            assert_int_equal(log_capture_dropped(&capture), totals[i] - HEAD - TAIL);
            log_capture_release(&capture);
        }
    }
}

static void file_stays_small_while_much_is_printed(void **state)
{
    const struct folder *folder = *state;
    struct log_capture capture;

    log_capture_start(&capture, AT_FDCWD, folder->log, LIMIT);
    for (int i = 0; i < 1000; i++) {
        struct stat status;

        print(&capture, (int64_t)i * 3000, 3000, 3000);
        assert_int_equal(stat(folder->log, &status), 0);
        assert_true(status.st_size <= 2 * LIMIT);
    }
    log_capture_finish(&capture);
    assert_head_and_tail(folder, 3000000);
    log_capture_release(&capture);
}

static void recent_bytes_are_in_memory(void **state)
{
    const struct folder *folder = *state;
    struct log_capture capture;
    struct error error;
    scoped(memory_free) char *text = NULL;
    size_t size = 0;

    log_capture_start(&capture, AT_FDCWD, folder->log, LIMIT);
    print(&capture, 0, 100, 100);
    assert_true(log_capture_recent(&capture, &text, &size, &error));
    assert_int_equal(size, 100);
    assert_stream(text, 0, 100);
    free(take(&text));
    print(&capture, 100, 1000000, 70001);
    assert_true(log_capture_recent(&capture, &text, &size, &error));
    assert_int_equal(size, LOG_CAPTURE_RECENT);
    assert_stream(text, 1000100 - LOG_CAPTURE_RECENT, LOG_CAPTURE_RECENT);
    log_capture_finish(&capture);
    log_capture_release(&capture);
}

/* From here on no file of this process grows beyond `size`: a disk that is full at a known byte. */
static void fill_disk_at(rlim_t size)
{
    struct rlimit limit;

    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int empty_disk(void **state)
{
    struct rlimit limit;

    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    return remove_folder(state);
}

static void full_disk_in_the_head_keeps_what_fitted(void **state)
{
    const struct folder *folder = *state;
    struct log_capture capture;
    size_t size = 0;
    scoped(memory_free) char *text = NULL;

    log_capture_start(&capture, AT_FDCWD, folder->log, LIMIT);
    fill_disk_at(1000);
    print(&capture, 0, 5000, 300);
    log_capture_finish(&capture);
    text = read_log(folder, &size);
    assert_int_equal(size, 1000);
    assert_stream(text, 0, 1000);
    assert_int_equal(log_capture_dropped(&capture), 4000);
    log_capture_release(&capture);
}

static void full_disk_in_the_tail_keeps_the_newest(void **state)
{
    const struct folder *folder = *state;
    const int64_t room = 2000;
    const int64_t total = 50000;
    struct log_capture capture;
    size_t size = 0;
    scoped(memory_free) char *text = NULL;

    log_capture_start(&capture, AT_FDCWD, folder->log, LIMIT);
    fill_disk_at(HEAD + LOG_CAPTURE_MARKER_SIZE + (rlim_t)room);
    print(&capture, 0, total, 300);
    log_capture_finish(&capture);
    text = read_log(folder, &size);
    assert_int_equal(size, HEAD + LOG_CAPTURE_MARKER_SIZE + room);
    assert_stream(text, 0, HEAD);
    assert_stream(text + HEAD + LOG_CAPTURE_MARKER_SIZE, total - room, room);
    assert_int_equal(log_capture_dropped(&capture), total - HEAD - room);
    log_capture_release(&capture);
}

static void room_found_later_brings_the_tail_back(void **state)
{
    const struct folder *folder = *state;
    struct log_capture capture;
    struct rlimit limit;

    log_capture_start(&capture, AT_FDCWD, folder->log, LIMIT);
    fill_disk_at(HEAD + 10);
    print(&capture, 0, 20000, 300);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    log_capture_finish(&capture);
    assert_head_and_tail(folder, 20000);
    log_capture_release(&capture);
}

static void short_shortage_loses_nothing(void **state)
{
    const struct folder *folder = *state;
    struct log_capture capture;
    struct rlimit limit;
    size_t size = 0;
    scoped(memory_free) char *text = NULL;

    log_capture_start(&capture, AT_FDCWD, folder->log, LIMIT);
    fill_disk_at(1000);
    print(&capture, 0, 3000, 300);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    print(&capture, 3000, 3000, 300);
    log_capture_finish(&capture);
    text = read_log(folder, &size);
    assert_int_equal(size, 6000);
    assert_stream(text, 0, 6000);
    assert_int_equal(log_capture_dropped(&capture), 0);
    log_capture_release(&capture);
}

static void log_that_cannot_be_made_drops_and_counts(void **state)
{
    struct log_capture capture;

    (void)state;
    log_capture_start(&capture, AT_FDCWD, "/nonexistent/folder/log", LIMIT);
    print(&capture, 0, 20000, 300);
    log_capture_finish(&capture);
    assert_int_equal(log_capture_dropped(&capture), 20000);
    assert_int_equal(capture.kept_size, 0);
    log_capture_release(&capture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(log_up_to_its_limit_is_kept_whole, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(longer_log_keeps_head_and_tail_to_the_byte, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(file_stays_small_while_much_is_printed, make_folder,
                                        remove_folder),
        cmocka_unit_test_setup_teardown(recent_bytes_are_in_memory, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(full_disk_in_the_head_keeps_what_fitted, make_folder,
                                        empty_disk),
        cmocka_unit_test_setup_teardown(full_disk_in_the_tail_keeps_the_newest, make_folder,
                                        empty_disk),
        cmocka_unit_test_setup_teardown(room_found_later_brings_the_tail_back, make_folder,
                                        empty_disk),
        cmocka_unit_test_setup_teardown(short_shortage_loses_nothing, make_folder, empty_disk),
        cmocka_unit_test(log_that_cannot_be_made_drops_and_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
