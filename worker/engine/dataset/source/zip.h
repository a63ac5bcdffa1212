/* Members of a zip archive, stored or deflated, read at any place; or a plain file as one. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_ZIP_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_ZIP_H

#include "common/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct zip_member {   /* all-zero is a valid empty one */
    char *name;       /* owned; NULL: a whole file */
    const char *path; /* borrowed: of the archive */
    int fd;           /* borrowed */
    int64_t at;       /* of its bytes in the archive */
    int64_t packed_size, size;
    bool deflated;
    struct zip_inflation *inflation; /* owned; NULL: not begun */
};
void zip_member_release(struct zip_member *member);

struct zip_list {            /* all-zero is a valid empty one */
    struct zip_member *item; /* owned */
    int64_t n;
};
void zip_list_release(struct zip_list *list);

/* `path` and `fd` are kept, borrowed. CORRUPT where it is no archive. */
bool zip_list_read(const char *path, int fd, struct zip_list *ret_list, struct error *error);
struct zip_member zip_member_of_file(const char *path, int fd, int64_t size);

/* Exactly `size` bytes from `at` on; quick where places ascend. CORRUPT where they are not there.
 */
bool zip_read(struct zip_member *member, int64_t at, size_t size, void *out, struct error *error);

#endif
