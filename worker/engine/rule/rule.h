/*
 * Rules: what is done to some of a model's parameters and not to others. The spec's
 * train.parameters is a list of them; where several speak of the same parameter, all hold, and of
 * the same kind the last.
 */
#ifndef NIGHTJAR_WORKER_ENGINE_RULE_RULE_H
#define NIGHTJAR_WORKER_ENGINE_RULE_RULE_H

#include "common/spec/setting.h"

#include <stdint.h>

struct treatment { /* of a parameter */
    double rate;   /* factor of the learning rate */
    double l1, l2;
    int64_t frozen_epochs; /* it stays as it is for so many; RULE_FOREVER */
};
#define RULE_FOREVER INT64_MAX

struct rule_kind {
    struct kind kind; /* its config begins with struct rule_match */
    void (*apply)(const void *config, struct treatment *treatment);
    bool weights_only; /* a match that is not said means matrices, not vectors */
};
extern const struct kind_registry rule_registry;

struct rule_match {
    char *match; /* a pattern of parameters' names; NULL: all that the kind is for */
};
#define RULE_SETTING_MATCH(config, all)                                                     \
    SETTING_TEXT(config, match, NULL, 0,                                                    \
                 "Names of parameters, with * and ? as in the shell: dense1.*, *.bias; by " \
                 "default " all ".")

#endif
