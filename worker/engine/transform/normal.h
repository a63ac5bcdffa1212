/* The standard normal distribution. */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_NORMAL_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_NORMAL_H

double normal_below(double x);           /* the share below x */
double normal_quantile(double fraction); /* below which that share lies; infinite at 0 and 1 */

#endif
