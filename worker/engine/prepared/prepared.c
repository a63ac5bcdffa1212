#include "worker/engine/prepared/prepared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/owner.h"
#include "worker/engine/prepared/parallel.h"
#include "worker/engine/prepared/unique.h"
#include "worker/engine/prepared/view.h"

#define IN_MEMORY_BYTES ((int64_t)64 * 1024 * 1024) /* of a source that is imported into memory */

/* One try, with what is known about the source. */
static bool try_import(const struct prepared_request *request, struct source *source, bool again,
                       const struct import_target *target, struct import_arrays *ret_arrays,
                       bool *ret_doubt, struct error *error)
{
    scoped(roles_release) struct roles roles = {0};
    const struct import_request import = {.config = request->config,
                                          .source = source,
                                          .roles = &roles,
                                          .folder = request->folder,
                                          .threads = parallel_threads(),
                                          .targets_of_rows = again,
                                          .warnings = request->warnings};
    bool resolved =
        request->wish
            ? roles_resolve_new(request->config, &source->profile, request->files->text,
                                request->wish, request->n_wishes, &roles, error)
            : roles_resolve(request->config, &source->profile, request->files->text, &roles, error);

    *ret_doubt = !resolved && source->guessed;
    return resolved && import_run(&import, target, ret_arrays, ret_doubt, error);
}

bool prepared_import(const struct prepared_request *request, const struct import_target *target,
                     struct import_arrays *ret_arrays, struct error *error)
{
    scoped(source_free) struct source *source = NULL;
    bool doubt = false;

    if (!data_files_open(request->config, request->files, request->wish != NULL, &source, error) ||
        !source_guess(source, error))
        return false;
    if (try_import(request, source, false, target, ret_arrays, &doubt, error))
        return true;
    if (!doubt)
        return false;
    *error = (struct error){0};
    return source_profile(source, error) &&
           try_import(request, source, true, target, ret_arrays, &doubt, error);
}

/* ---- for this process alone -------------------------------------------------------------------*/

struct scratch {
    const char *folder; /* NULL: memory */
    int fd;             /* owned; -1: none */
};

static void scratch_release(struct scratch *scratch)
{
    descriptor_close(&scratch->fd);
}

/* What is larger goes to a file without a name, so that the kernel may take the memory back. */
static const char *scratch_folder(const struct data_files *files)
{
    const char *given = getenv("TMPDIR");
    struct stat status;
    int64_t bytes = 0;

    for (size_t i = 0; i < files->n; i++)
        bytes += stat(files->path[i], &status) == 0 ? status.st_size : 0;
    if (bytes < IN_MEMORY_BYTES)
        return NULL;
    return given && *given ? given : "/var/tmp";
}

static bool make_scratch(void *context, struct import_arrays *arrays, int *ret_fd,
                         struct error *error)
{
    struct scratch *scratch = context;
    int64_t end = HDF5_ALIGNMENT;

    for (int i = 0; i < arrays->n; i++) {
        arrays->array[i].offset = end;
        end += (hdf5_array_bytes(&arrays->array[i]) + HDF5_ALIGNMENT - 1) / HDF5_ALIGNMENT *
               HDF5_ALIGNMENT;
    }
    scratch->fd = scratch->folder ? open(scratch->folder, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)
                                  : memfd_create("nightjar-data", MFD_CLOEXEC);
    if (scratch->fd < 0 || ftruncate(scratch->fd, end) != 0)
        return error_set_errno(error, errno, "importing to %s",
                               scratch->folder ? scratch->folder : "memory");
    *ret_fd = scratch->fd;
    return true;
}

bool prepared_in_memory(const struct prepared_request *request, struct dataset **ret_dataset,
                        struct error *error)
{
    scoped(import_arrays_release) struct import_arrays arrays = {0};
    scoped(dataset_free) struct dataset *dataset = NULL;
    scoped(scratch_release) struct scratch scratch = {.folder = scratch_folder(request->files),
                                                      .fd = -1};
    const struct import_target target = {.context = &scratch, .make = make_scratch};
    struct prepared_request wanted = *request;

    wanted.folder = scratch.folder;
    if (!prepared_import(&wanted, &target, &arrays, error) ||
        !view_open(scratch.fd, request->files->text, request->files->text, arrays.array, arrays.n,
                   arrays.meta, &dataset, error) ||
        !unique_check(dataset, error))
        return false;
    *ret_dataset = take(&dataset);
    return true;
}
