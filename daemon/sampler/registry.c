#include "daemon/sampler/sampler.h"

static const struct kind *const kinds[] = {&sampler_grid.kind, &sampler_random.kind,
                                           &sampler_tpe.kind, NULL};

const struct kind_registry sampler_registry = {.what = "sweep method", .kind = kinds};
