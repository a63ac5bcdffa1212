/* All rules, alphabetically. */
#include "worker/engine/rule/rule.h"

extern const struct rule_kind rule_freeze, rule_l1, rule_l2, rule_rate;

static const struct kind *const kinds[] = {&rule_freeze.kind, &rule_l1.kind, &rule_l2.kind,
                                           &rule_rate.kind, NULL};

const struct kind_registry rule_registry = {.what = "rule", .kind = kinds};
