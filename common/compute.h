/* What a stored model's products are computed in: --compute of nj predict. */
#ifndef NIGHTJAR_COMMON_COMPUTE_H
#define NIGHTJAR_COMMON_COMPUTE_H

enum compute {
    COMPUTE_FLOAT32, /* as the model was trained */
    COMPUTE_BF16X3,  /* in three bfloat16 products, where the processor has tiles for them */
    COMPUTE_COUNT
};
extern const char *const compute_name[COMPUTE_COUNT + 1]; /* ended by NULL: choices */

#endif
