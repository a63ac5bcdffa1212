#include "daemon/upload.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "common/owner.h"
#include "daemon/batch.h"

void upload_free(struct upload **upload)
{
    if (!*upload)
        return;
    json_free(&(*upload)->params);
    descriptor_close(&(*upload)->fd);
    memory_free(upload);
}

static bool open_nameless(const char *home, int *ret_fd, struct error *error)
{
    char path[4096];

    if (snprintf(path, sizeof(path), "%s/batch-XXXXXX", home) >= (int)sizeof(path))
        return error_set_at(error, ERROR_INVALID, home, "the path is too long");
    *ret_fd = mkostemp(path, O_CLOEXEC);
    if (*ret_fd < 0)
        return error_set_errno(error, errno, "%s", path);
    (void)unlink(path);
    return true;
}

bool upload_begin(const char *home, const cJSON *params, struct upload **ret_upload,
                  struct error *error)
{
    scoped(upload_free) struct upload *upload = NULL;

    if (json_member(params, "sweep") || json_member(json_member(params, "base"), "sweep"))
        return error_set_at(error, ERROR_INVALID, "sweep", "a sweep is one message: submit it");
    upload = calloc(1, sizeof(*upload));
    if (!upload)
        return error_set(error, ERROR_NO_MEMORY, "beginning a batch");
    upload->fd = -1;
    upload->params = params ? cJSON_Duplicate(params, true) : cJSON_CreateObject();
    if (!upload->params)
        return error_set(error, ERROR_NO_MEMORY, "beginning a batch");
    upload->n = cJSON_GetArraySize(json_member(params, "experiments"));
    if (!open_nameless(home, &upload->fd, error))
        return false;
    *ret_upload = take(&upload);
    return true;
}

/* A write that fails half-way is written over by the next. */
static bool write_at(int fd, const char *data, size_t size, int64_t at, struct error *error)
{
    while (size > 0) {
        ssize_t written = pwrite(fd, data, size, at);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return error_set_errno(error, errno, "keeping a part of a batch");
        data += written;
        size -= (size_t)written;
        at += written;
    }
    return true;
}

static bool read_at(int fd, char *data, size_t size, int64_t at, struct error *error)
{
    while (size > 0) {
        ssize_t got = pread(fd, data, size, at);

        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return error_set_errno(error, got < 0 ? errno : EIO, "reading a part of a batch");
        data += got;
        size -= (size_t)got;
        at += got;
    }
    return true;
}

bool upload_add(struct upload *upload, const cJSON *experiments, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    int64_t n = cJSON_GetArraySize(experiments), size;

    if (!cJSON_IsArray(experiments) || n == 0)
        return error_set_at(error, ERROR_INVALID, "experiments",
                            "expected a list with at least one");
    if (upload->n + n > BATCH_EXPERIMENTS_LIMIT)
        return error_set_at(error, ERROR_INVALID, "experiments",
                            "at most %d experiments make a batch", BATCH_EXPERIMENTS_LIMIT);
    if (!json_print(experiments, &text, error))
        return false;
    size = (int64_t)text.size;
    if (!write_at(upload->fd, (const char *)&size, sizeof(size), upload->size_bytes, error) ||
        !write_at(upload->fd, text.data, text.size, upload->size_bytes + (int64_t)sizeof(size),
                  error))
        return false;
    upload->size_bytes += (int64_t)sizeof(size) + size;
    upload->n += n;
    return true;
}

bool upload_next(void *context, cJSON **ret_list, struct error *error)
{
    struct upload *upload = context;
    scoped(memory_free) char *text = NULL;
    int64_t size, at = upload->at;

    *ret_list = NULL;
    if (at >= upload->size_bytes)
        return true;
    if (!read_at(upload->fd, (char *)&size, sizeof(size), at, error))
        return false;
    at += (int64_t)sizeof(size);
    text = malloc((size_t)size);
    if (!text)
        return error_set(error, ERROR_NO_MEMORY, "reading a part of a batch");
    if (!read_at(upload->fd, text, (size_t)size, at, error) ||
        !json_parse(text, (size_t)size, ret_list, error))
        return false;
    upload->at = at + size;
    return true;
}
