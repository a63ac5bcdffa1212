#include "worker/engine/dataset/prefetch.h"

bool prefetch_pays(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_is("amd");
#else
    return false;
#endif
}

void prefetch_add(struct prefetch *prefetch, const void *base, int64_t stride, int64_t before,
                  int64_t bytes)
{
    bool aligned = (uintptr_t)base % PREFETCH_LINE == 0 && stride % PREFETCH_LINE == 0;
    bool single = bytes <= (int64_t)sizeof(double); /* and lies in one line */
    int64_t lines = (bytes - 1) / PREFETCH_LINE + (aligned || single ? 1 : 2);

    if (!base || lines > PREFETCH_RUN || prefetch->n_arrays == PREFETCH_ARRAYS ||
        prefetch->n_lines + prefetch->n * lines > PREFETCH_LINES)
        return;
    prefetch->n_lines += prefetch->n * lines;
    prefetch->array[prefetch->n_arrays++] =
        (struct prefetch_array){.base = base, .stride = stride, .before = before, .lines = lines};
}

void prefetch_ask(const struct prefetch *prefetch)
{
    for (int k = 0; k < prefetch->n_arrays; k++) {
        const struct prefetch_array *array = &prefetch->array[k];

        for (int64_t i = 0; i < prefetch->n; i++) {
            int64_t row = prefetch->row[i] - array->before;
            const char *place = array->base + (row > 0 ? row : 0) * array->stride;

            for (int64_t line = 0; line < array->lines; line++)
                __builtin_prefetch(place + line * PREFETCH_LINE, 0, 2); /* the second cache */
        }
    }
}
