/*
 * A batch that comes in parts, because it is longer than one message may be: the params of its
 * submission, and its experiments in a file without a name, so that what was sent takes no memory
 * and a client that vanishes leaves nothing.
 */
#ifndef NIGHTJAR_DAEMON_UPLOAD_H
#define NIGHTJAR_DAEMON_UPLOAD_H

#include "common/error.h"
#include "common/json.h"

#include <stdint.h>

struct upload {
    cJSON *params;          /* owned: of submit, with the first of its experiments */
    int fd;                 /* owned: parts, each behind its size */
    int64_t size_bytes, at; /* of the file; where the next part is read */
    int64_t n;              /* experiments in all parts */
};

/* `home`: the folder, and so the file system, of the file. INVALID: a sweep, which has no list. */
bool upload_begin(const char *home, const cJSON *params, struct upload **ret_upload,
                  struct error *error);
/* A part that fails leaves those before it. INVALID: no list, or more than a batch may have. */
bool upload_add(struct upload *upload, const cJSON *experiments, struct error *error);
/* For batch_source. */
bool upload_next(void *upload, cJSON **ret_list, struct error *error);
void upload_free(struct upload **upload);

#endif
