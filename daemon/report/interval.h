/* How far the mean of replicates may be from the one of all seeds. */
#ifndef NIGHTJAR_DAEMON_REPORT_INTERVAL_H
#define NIGHTJAR_DAEMON_REPORT_INTERVAL_H

#include <stddef.h>

/* What Student's t of so many degrees of freedom, at least 1, exceeds with a probability of 0.025:
 * 12.706 of one, 1.96 in the end. */
double interval_t(size_t degrees);
/* What the t of the farthest two of so many means, at least 2, exceeds with a probability of at
 * most 0.05 where the means differ by chance alone: Student's t at 0.05 over the number of pairs
 * (Bonferroni), with the degrees of their common deviation. Of 2 means it is interval_t. */
double interval_of_pairs(size_t degrees, size_t means);
/* Half of the interval that holds the mean in 95 of 100 such batches, from the sample deviation
 * (n - 1) of n values that are distributed normally. NAN: n < 2. */
double interval_half(size_t n, double deviation);

#endif
