/* The inverse of distribution.h's normal_below(). */
#ifndef NIGHTJAR_WORKER_ENGINE_TRANSFORM_NORMAL_H
#define NIGHTJAR_WORKER_ENGINE_TRANSFORM_NORMAL_H

double normal_quantile(double fraction); /* below which that share lies; infinite at 0 and 1 */

#endif
