/* What is odd and stops nothing: collected where it is found, told by who runs the pipeline. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_WARNING_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_WARNING_H

#include "common/buffer.h"
#include "common/error.h"

#define WARNING_LIMIT 50

struct warning {
    char where[256]; /* a column, a setting; several, separated by commas; "" where none */
    char text[256];
    double figure; /* NAN where none; of several places their number */
    int n_places;
};
/* All-zero is a valid empty one; what is beyond the limit is dropped. */
struct warning_list {
    struct warning item[WARNING_LIMIT];
    int n;
};

/* The same text about another place is the same warning: it names both. */
__attribute__((format(printf, 4, 5))) void warning_add(struct warning_list *list, const char *where,
                                                       double figure, const char *format, ...);

/* Lines of JSON, and what they say. */
bool warnings_print(const struct warning_list *list, struct buffer *text, struct error *error);
bool warnings_parse(const char *text, struct warning_list *list, struct error *error);
/* Adds all of another list. */
void warnings_append(struct warning_list *list, const struct warning_list *more);

#endif
