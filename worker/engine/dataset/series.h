/*
 * Recordings: the rows of one key, one after the other, ordered by time as a number. A recording
 * that has gaps falls into segments; whatever looks at several rows at once stays in one segment.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_DATASET_SERIES_H
#define NIGHTJAR_WORKER_ENGINE_DATASET_SERIES_H

#include "common/error.h"
#include "worker/engine/dataset/data.h"
#include "worker/engine/dataset/dictionary.h"
#include "worker/engine/dataset/warning.h"

#include <stdint.h>

struct series {              /* all-zero: rows do not follow one another */
    int64_t n;               /* 0: no recordings */
    int64_t *first;          /* owned, [n + 1]: rows first[i] .. first[i + 1] - 1 */
    int64_t length;          /* rows of each; 0: not all have as many */
    struct dictionary names; /* of the recordings; empty: the file is the only one */
    int64_t n_segments;
    int64_t *segment; /* owned, [n_segments + 1]: rows, as first */
};
void series_release(struct series *series);

/* Segments, cut where a split goes on with rows of another part: whatever goes along recordings
 * before samples are dealt out stays in one of them. All-zero: the segments themselves. */
struct stretches {
    int64_t n;
    int64_t *first; /* owned, [n + 1]: rows, as segment */
    uint8_t *mark;  /* owned, [n]: the same for those that may see one another; NULL: all may */
};
void stretches_release(struct stretches *stretches);
/* `mark`: [n_rows], the same number for rows that may see one another. */
bool series_cut(const struct series *series, const uint8_t *mark, struct stretches *ret_stretches,
                struct error *error);

/* The recording, and the segment, in which a row lies. */
int64_t series_of(const struct series *series, int64_t row);
int64_t series_segment_of(const struct series *series, int64_t row);

/* ---- what may be wrong with recordings --------------------------------------------------------*/

#define SERIES_CONSTANTS_MAX 16

struct series_finding {
    int64_t count;
    int64_t series, before, row; /* the first: rows of the file */
    double time_before, time;
};
struct series_findings { /* all-zero: nothing found */
    struct series_finding missing, order, duplicate, gap;
    struct series_finding constant[SERIES_CONSTANTS_MAX];
};

/* Notes that something is the matter with a row of a recording. */
void series_found(struct series_finding *finding, int64_t series, int64_t before, int64_t row);
/* Looks at a recording whose rows are in order; time NULL: that of the file. */
void series_look(struct series_findings *findings, int64_t series, int64_t n, const double *time,
                 const int64_t *file_row, double gap);
/* Adds what was found in other recordings. */
void series_findings_add(struct series_findings *to, const struct series_findings *from);
/* What config->checks makes of it; an error names the recording and the rows of the file. */
bool series_tell(const struct data_config *config, const struct series_findings *findings,
                 const struct dictionary *names, const char *path, struct warning_list *warnings,
                 struct error *error);

#endif
