/* What is odd and stops nothing: collected where it is found, told by who runs the pipeline. */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_WARNING_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_WARNING_H

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

#endif
