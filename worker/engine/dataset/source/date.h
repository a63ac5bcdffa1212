/* Dates as ISO 8601 writes them: 2021-05-17, 2021-05-17T23:59:01.5, with a blank for the T; Z or
 * +hh:mm behind the time. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_DATE_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SOURCE_DATE_H

#include <stdbool.h>
#include <stddef.h>

enum date_kind {
    DATE_NONE,   /* not written as a date */
    DATE_ABSURD, /* written as one, but there is no such day or time */
    DATE_GOOD,
};
/* *ret_seconds since 1970-01-01T00:00:00Z (UTC where no zone is given), for DATE_GOOD. */
enum date_kind date_parse(const char *text, size_t size, double *ret_seconds);

#endif
