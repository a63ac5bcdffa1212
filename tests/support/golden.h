/* Recorded values (tests/golden): what other programs computed. */
#ifndef NIGHTJAR_TESTS_SUPPORT_GOLDEN_H
#define NIGHTJAR_TESTS_SUPPORT_GOLDEN_H

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "common/file.h"
#include "common/json.h"
#include "common/owner.h"

static inline cJSON *golden_read(const char *path)
{
    scoped(memory_free) char *data = NULL;
    struct error error;
    cJSON *json = NULL;
    size_t size;

    if (!file_read(AT_FDCWD, path, 1 << 24, &data, &size, &error) ||
        !json_parse(data, size, &json, &error))
        fail_msg("%s", error.message);
    return json;
}

#endif
