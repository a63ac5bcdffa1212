/* What the client asks of the engine without a run: a line of JSON on its standard input. */
#ifndef NIGHTJAR_WORKER_ENGINE_QUESTION_H
#define NIGHTJAR_WORKER_ENGINE_QUESTION_H

#include <stdio.h>

#include "common/json.h"
#include "worker/engine/dataset/data.h"

bool question_read(FILE *in, cJSON **ret_question, struct error *error);
/* Its `data`, as a spec has it; to be released with data_settings whatever comes of it. */
bool question_data(const cJSON *question, struct data_config *ret_config, struct error *error);
/* Its `spec` and `folder`, both of which have to be there; borrowed. */
bool question_spec(cJSON *question, cJSON **ret_spec, const char **ret_folder, struct error *error);

#endif
