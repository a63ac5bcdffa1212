#include "worker/engine/prepared/looks.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/buffer.h"
#include "common/file.h"
#include "common/hash.h"
#include "common/owner.h"

#define LOOKS_LIMIT ((size_t)64 * 1024 * 1024)

static bool path_of(const char *folder, const struct dataset *dataset, const struct row_list *rows,
                    struct buffer *ret, struct error *error)
{
    scoped(buffer_release) struct buffer text = {0};
    char key[HASH_TEXT_SIZE];

    return buffer_append_format(&text, error, "%s %lld %lld %016llx", dataset->path,
                                (long long)dataset->n_rows, (long long)rows->n,
                                (unsigned long long)row_list_hash(rows)) &&
           buffer_append_format(ret, error, "%s/looks", folder) &&
           file_make_folders(ret->data, error) &&
           buffer_append_format(ret, error, "/%s", hash_text(text.data, text.size, key));
}

/* The number of the line that `who` wrote, the first or the last; 0: none. *ret_n: of all lines. */
static int64_t find_line(char *text, const char *who, bool first, int64_t *ret_n)
{
    int64_t found = 0;
    char *rest = text, *line;

    *ret_n = 0;
    while ((line = strsep(&rest, "\n")) && rest) { /* what ends in no newline is half a line */
        const char *name = strchr(line, ' ');

        ++*ret_n;
        if (name && strcmp(name + 1, who) == 0 && (found == 0 || !first))
            found = *ret_n;
    }
    return found;
}

static bool read_line(const char *path, const char *who, bool first, int64_t *ret, int64_t *ret_n,
                      struct error *error)
{
    scoped(memory_free) char *text = NULL;
    size_t size;

    if (!file_read(AT_FDCWD, path, LOOKS_LIMIT, &text, &size, error))
        return false;
    *ret = find_line(text, who, first, ret_n);
    return true;
}

bool looks_add(const char *folder, const struct dataset *dataset, const struct row_list *rows,
               const char *who, bool once, int64_t *ret_n, struct error *error)
{
    scoped(buffer_release) struct buffer path = {0}, line = {0};
    scoped(descriptor_close) int fd = -1;
    int64_t all;

    if (!path_of(folder, dataset, rows, &path, error) ||
        !file_open(AT_FDCWD, path.data, O_WRONLY | O_CREAT | O_APPEND, &fd, error) ||
        !read_line(path.data, who, true, ret_n, &all, error))
        return false;
    if (once && *ret_n > 0)
        return true;
    return buffer_append_format(&line, error, "%lld %s\n", (long long)time(NULL), who) &&
           file_write_line(fd, line.data, line.size, error) &&
           read_line(path.data, who, false, ret_n, &all, error);
}
