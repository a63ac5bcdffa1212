/*
 * blas-core.json: {"v":1, "key":"<hash>", "core":"SkylakeX"}. The key hashes the processor's model
 * and flags, the engine's file and what decides which libopenblas it loads: the loader's cache
 * (rewritten whenever a library is installed or an alternative is switched) and LD_LIBRARY_PATH.
 */
#include "common/blas_core.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/buffer.h"
#include "common/clock.h"
#include "common/environment.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/json.h"
#include "common/owner.h"

#define CACHE_NAME "blas-core.json"
#define CACHE_VERSION 1
#define CACHE_SIZE_LIMIT 4096
#define CPUINFO_SIZE 8192 /* the first processor of the list */
#define CHECK_LIMIT_MS 20000
#define OUTPUT_LIMIT 65536

static bool has_flag(const char *flags, const char *flag)
{
    size_t length = strlen(flag);

    for (const char *at = flags; (at = strstr(at, flag)); at += length)
        if ((at == flags || at[-1] == ' ') && (at[length] == ' ' || at[length] == '\0'))
            return true;
    return false;
}

size_t blas_core_candidates(const char *flags, const char *ret_core[BLAS_CORE_CANDIDATES])
{
    size_t n = 0;

    if (has_flag(flags, "avx512f") && has_flag(flags, "avx512bw") && has_flag(flags, "avx512dq") &&
        has_flag(flags, "avx512vl"))
        ret_core[n++] = "SkylakeX";
    if (has_flag(flags, "avx2") && has_flag(flags, "fma"))
        ret_core[n++] = "Haswell";
    return n;
}

/* ---- the question's key ---- */

/* Copies the value of the first "name : value" line; "" where there is none. */
static void copy_field(const char *text, const char *name, char *value, size_t size)
{
    const char *at = strstr(text, name);

    value[0] = '\0';
    if (at)
        at = strchr(at, ':');
    if (!at)
        return;
    at += strspn(at, ": \t");
    (void)snprintf(value, size, "%.*s", (int)strcspn(at, "\n"), at);
}

struct processor {
    char model[128];
    char flags[CPUINFO_SIZE];
};

static void processor_read(const char *path, struct processor *ret_processor)
{
    char text[CPUINFO_SIZE];
    scoped(descriptor_close) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    text[n > 0 ? n : 0] = '\0';
    copy_field(text, "model name", ret_processor->model, sizeof(ret_processor->model));
    copy_field(text, "\nflags", ret_processor->flags, sizeof(ret_processor->flags));
}

/* Not by its path: who has it as a descriptor asks about the same file. */
static bool append_identity(struct buffer *key, const char *path, struct error *error)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return buffer_append_text(key, "missing\n", error);
    return buffer_append_format(key, error, "%jd %jd.%09ld %ju\n", (intmax_t)status.st_size,
                                (intmax_t)status.st_mtim.tv_sec, status.st_mtim.tv_nsec,
                                (uintmax_t)status.st_ino);
}

static bool make_key(const struct blas_core_question *question, const struct processor *processor,
                     char ret_key[HASH_TEXT_SIZE])
{
    scoped(environment_release) struct environment environment = {0};
    scoped(buffer_release) struct buffer key = {0};
    const char *path = NULL;
    struct error error;

    if (!environment_copy(question->environment, &environment, &error))
        return false;
    path = environment_get(&environment, "LD_LIBRARY_PATH");
    if (!buffer_append_format(&key, &error, "%s\n%s\n%s\n", processor->model, processor->flags,
                              path ? path : "") ||
        !append_identity(&key, question->engine, &error) ||
        !append_identity(&key, "/etc/ld.so.cache", &error))
        return false;
    (void)hash_text(key.data, key.size, ret_key);
    return true;
}

/* ---- the cache ---- */

static bool cache_read(const char *path, const char *key, char ret_core[BLAS_CORE_SIZE])
{
    scoped(memory_free) char *text = NULL;
    scoped(json_free) cJSON *json = NULL;
    size_t size = 0;
    const char *core = NULL;
    struct error error;

    if (!file_read(AT_FDCWD, path, CACHE_SIZE_LIMIT, &text, &size, &error) ||
        !json_parse(text, size, &json, &error))
        return false;
    core = json_text(json, "core", NULL);
    if (!core || strlen(core) >= BLAS_CORE_SIZE || strcmp(json_text(json, "key", ""), key) != 0)
        return false;
    (void)snprintf(ret_core, BLAS_CORE_SIZE, "%s", core);
    return true;
}

/* A failure costs the next run a check, nothing else. */
static void cache_write(const char *folder, const char *path, const char *key, const char *core)
{
    scoped(json_free) cJSON *json = cJSON_CreateObject();
    scoped(buffer_release) struct buffer text = {0};
    struct error error;

    if (!json_add_integer(json, "v", CACHE_VERSION) || !json_add_text(json, "key", key) ||
        !json_add_text(json, "core", core) || !json_print(json, &text, &error) ||
        !file_make_folders(folder, &error))
        return;
    (void)file_replace_fast(AT_FDCWD, path, text.data, text.size, &error);
}

/* ---- the check ---- */

__attribute__((noreturn)) static void run_check(const struct blas_core_question *question,
                                                char *const *environment, int output)
{
    char name[] = "nightjar-engine";
    char verb[] = "blas-check";
    char *argv[] = {name, verb, NULL};
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    sigset_t none;

    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0 &&
        dup2(output, STDOUT_FILENO) >= 0)
        (void)execve(question->engine, argv, environment);
    _exit(127);
}

/* Reads to the end, or until the deadline. */
static bool read_output(int fd, struct buffer *output)
{
    int64_t deadline_ms = clock_system.monotonic_ms(NULL) + CHECK_LIMIT_MS;
    struct pollfd watch = {.fd = fd, .events = POLLIN};
    char piece[4096];
    struct error error;

    for (;;) {
        int64_t left_ms = deadline_ms - clock_system.monotonic_ms(NULL);
        ssize_t n = 0;

        if (left_ms <= 0)
            return false;
        if (poll(&watch, 1, (int)left_ms) <= 0)
            continue;
        n = read(fd, piece, sizeof(piece));
        if (n == 0)
            return true;
        if (n > 0 && !buffer_append(output, piece, (size_t)n, &error))
            return false;
        if (n < 0 && errno != EINTR)
            return false;
    }
}

/* OpenBLAS complains on standard output, so the answer is the one line that is an object. */
static bool names_core(const struct buffer *output, const char *core)
{
    const char *at = output->data ? output->data : "";

    while (*at) {
        scoped(json_free) cJSON *answer = NULL;
        size_t size = strcspn(at, "\n");
        struct error error;

        if (*at == '{' && json_parse(at, size, &answer, &error))
            return !strcasecmp(json_text(answer, "core", ""), core);
        at += size + (at[size] == '\n');
    }
    return false;
}

enum answer { ANSWER_RIGHT, ANSWER_WRONG, ANSWER_NONE };

static enum answer judge(int status, const struct buffer *output, const char *core)
{
    if (WIFSIGNALED(status))
        return ANSWER_WRONG; /* an instruction that this processor does not have */
    if (WEXITSTATUS(status) == 0)
        return names_core(output, core) ? ANSWER_RIGHT : ANSWER_WRONG;
    return WEXITSTATUS(status) == 1 ? ANSWER_WRONG : ANSWER_NONE;
}

/* Runs the engine's check under `core`. */
static enum answer ask_engine(const struct blas_core_question *question, const char *core)
{
    scoped(environment_release) struct environment environment = {0};
    scoped(buffer_release) struct buffer output = {.limit = OUTPUT_LIMIT};
    scoped(descriptor_close) int read_end = -1;
    struct error error;
    int fd[2];
    int status = 0;
    pid_t pid = -1;
    bool complete = false;

    if (!environment_copy(question->environment, &environment, &error) ||
        !environment_set(&environment, "OPENBLAS_CORETYPE", core, &error) ||
        !environment_set(&environment, "OPENBLAS_NUM_THREADS", "1", &error))
        return ANSWER_NONE;
    if (pipe2(fd, O_CLOEXEC) != 0)
        return ANSWER_NONE;
    read_end = fd[0];
    pid = fork();
    if (pid == 0)
        run_check(question, environment.item, fd[1]);
    (void)close(fd[1]);
    if (pid < 0)
        return ANSWER_NONE;
    complete = read_output(read_end, &output);
    if (!complete)
        (void)kill(pid, SIGKILL); /* our own child, not waited for yet */
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    return complete ? judge(status, &output, core) : ANSWER_NONE;
}

void blas_core_choose(const struct blas_core_question *question, char ret_core[BLAS_CORE_SIZE])
{
    const char *candidate[BLAS_CORE_CANDIDATES];
    char key[HASH_TEXT_SIZE] = "";
    scoped(memory_free) char *path = NULL;
    struct processor processor;
    bool certain = true;
    size_t n = 0;

    ret_core[0] = '\0';
    processor_read(question->cpuinfo, &processor);
    if (!make_key(question, &processor, key) ||
        asprintf(&path, "%s/%s", question->cache_folder, CACHE_NAME) < 0) {
        path = NULL;
        return;
    }
    if (cache_read(path, key, ret_core))
        return;
    n = blas_core_candidates(processor.flags, candidate);
    for (size_t i = 0; i < n && !ret_core[0]; i++) {
        enum answer answer = ask_engine(question, candidate[i]);

        if (answer == ANSWER_RIGHT)
            (void)snprintf(ret_core, BLAS_CORE_SIZE, "%s", candidate[i]);
        certain = certain && answer != ANSWER_NONE;
    }
    if (certain)
        cache_write(question->cache_folder, path, key, ret_core);
}
