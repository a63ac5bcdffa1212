/* The linker sends every call of these functions here: --wrap in tests/CMakeLists.txt. */
#include "tests/double/memory_double.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cjson/cJSON.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *pointer, size_t size);
char *__real_strdup(const char *text);
char *__real_strndup(const char *text, size_t size);
int __real_vasprintf(char **ret_text, const char *format, va_list arguments);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *pointer, size_t size);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t size);
int __wrap_vasprintf(char **ret_text, const char *format, va_list arguments);
__attribute__((format(printf, 2, 3))) int __wrap_asprintf(char **ret_text, const char *format, ...);

static _Thread_local struct {
    bool watching, held, failed;
    int64_t first, left; /* allocations before the one that fails */
} memory;

static bool refused(void)
{
    if (!memory.watching || memory.held || memory.left-- != 0)
        return false;
    memory.failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return refused() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *pointer, size_t size)
{
    return refused() ? NULL : __real_realloc(pointer, size);
}

char *__wrap_strdup(const char *text)
{
    return refused() ? NULL : __real_strdup(text);
}

char *__wrap_strndup(const char *text, size_t size)
{
    return refused() ? NULL : __real_strndup(text, size);
}

int __wrap_vasprintf(char **ret_text, const char *format, va_list arguments)
{
    return refused() ? -1 : __real_vasprintf(ret_text, format, arguments);
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
    va_list arguments;
    int size;

    va_start(arguments, format);
    size = __wrap_vasprintf(ret_text, format, arguments);
    va_end(arguments);
    return size;
}

void memory_double_start(int64_t allocation)
{
    cJSON_Hooks hooks = {.malloc_fn = __wrap_malloc, .free_fn = free};

    cJSON_InitHooks(&hooks);
    memory.failed = false;
    memory.first = memory.left = allocation;
    memory.held = false;
    memory.watching = true;
}

bool memory_double_stop(void)
{
    memory.watching = false;
    cJSON_InitHooks(NULL);
    return memory.failed;
}

void memory_double_hold(bool hold)
{
    memory.held = hold;
}

int64_t memory_double_count(void)
{
    return memory.first - memory.left;
}
