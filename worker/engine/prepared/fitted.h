/* What was fitted on the training rows, kept beside the prepared data: another experiment with the
 * same rows and transforms takes it up. */
#ifndef NIGHTJAR_WORKER_ENGINE_PREPARED_FITTED_H
#define NIGHTJAR_WORKER_ENGINE_PREPARED_FITTED_H

#include "common/error.h"
#include "worker/engine/dataset/dataset.h"
#include "worker/engine/dataset/sample.h"
#include "worker/engine/engine_spec.h"
#include "worker/engine/transform/preparation.h"

/* As preparation_fit(), which it calls where nothing is kept, or the data are not prepared ones. */
bool fitted_prepare(const struct dataset *dataset, const struct split *rows,
                    const struct split *windows, const struct stretches *stretches,
                    const struct engine_spec *spec, struct preparation **ret_preparation,
                    struct warning_list *warnings, struct error *error);

#endif
