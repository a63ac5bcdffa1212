#include "worker/engine/prepared/prepared.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/owner.h"
#include "worker/engine/prepared/parallel.h"
#include "worker/engine/prepared/unique.h"
#include "worker/engine/prepared/view.h"

/* One try, with what is known about the source. */
static bool try_import(const struct prepared_request *request, struct source *source,
                       const struct import_target *target, struct import_arrays *ret_arrays,
                       bool *ret_doubt, struct error *error)
{
    scoped(roles_release) struct roles roles = {0};
    const struct import_request import = {.config = request->config,
                                          .source = source,
                                          .roles = &roles,
                                          .folder = request->folder,
                                          .threads = parallel_threads(),
                                          .warnings = request->warnings};
    bool resolved =
        request->wish
            ? roles_resolve_new(request->config, &source->profile, request->path, request->wish,
                                request->n_wishes, &roles, error)
            : roles_resolve(request->config, &source->profile, request->path, &roles, error);

    *ret_doubt = !resolved && source->guessed;
    return resolved && import_run(&import, target, ret_arrays, ret_doubt, error);
}

bool prepared_import(const struct prepared_request *request, const struct import_target *target,
                     struct import_arrays *ret_arrays, struct error *error)
{
    const struct source_request wanted = data_request(request->config, request->path);
    scoped(source_free) struct source *source = NULL;
    bool doubt = false;

    if (!source_open(&wanted, &source, error) || !source_guess(source, error))
        return false;
    if (try_import(request, source, target, ret_arrays, &doubt, error))
        return true;
    if (!doubt)
        return false;
    *error = (struct error){0};
    return source_profile(source, error) &&
           try_import(request, source, target, ret_arrays, &doubt, error);
}

/* ---- in memory --------------------------------------------------------------------------------*/

static bool make_memory(void *context, struct import_arrays *arrays, int *ret_fd,
                        struct error *error)
{
    int *fd = context;
    int64_t end = HDF5_ALIGNMENT;

    for (int i = 0; i < arrays->n; i++) {
        arrays->array[i].offset = end;
        end += (hdf5_array_bytes(&arrays->array[i]) + HDF5_ALIGNMENT - 1) / HDF5_ALIGNMENT *
               HDF5_ALIGNMENT;
    }
    *fd = memfd_create("nightjar-data", MFD_CLOEXEC);
    if (*fd < 0 || ftruncate(*fd, end) != 0)
        return error_set_errno(error, errno, "importing into memory");
    *ret_fd = *fd;
    return true;
}

bool prepared_in_memory(const struct prepared_request *request, struct dataset **ret_dataset,
                        struct error *error)
{
    scoped(import_arrays_release) struct import_arrays arrays = {0};
    scoped(dataset_free) struct dataset *dataset = NULL;
    scoped(descriptor_close) int fd = -1;
    const struct import_target target = {.context = &fd, .make = make_memory};

    if (!prepared_import(request, &target, &arrays, error) ||
        !view_open(fd, request->path, request->path, arrays.array, arrays.n, arrays.meta, &dataset,
                   error) ||
        !unique_check(dataset, error))
        return false;
    *ret_dataset = take(&dataset);
    return true;
}
