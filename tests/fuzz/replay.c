/*
 * Runs a fuzz target over the files of a corpus folder, without clang: what once broke it stays
 * mended. `replay FOLDER`; fails where the folder holds nothing.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/file.h"
#include "common/owner.h"

#define INPUT_LIMIT (4 * 1024 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool replay(int folder, const char *name)
{
    scoped(memory_free) char *data = NULL;
    struct error error;
    size_t size;

    if (!file_read(folder, name, INPUT_LIMIT, &data, &size, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return false;
    }
    printf("%s: %zu bytes\n", name, size);
    fflush(stdout); /* the name of the one that crashes is seen */
    LLVMFuzzerTestOneInput((const uint8_t *)data, size);
    return true;
}

int main(int argc, char **argv)
{
    DIR *folder = argc == 2 ? opendir(argv[1]) : NULL;
    struct dirent *entry;
    int n_files = 0;

    if (!folder) {
        fprintf(stderr, "usage: replay FOLDER\n");
        return 2;
    }
    while ((entry = readdir(folder))) {
        if (entry->d_name[0] == '.')
            continue;
        if (!replay(dirfd(folder), entry->d_name))
            return 1;
        n_files++;
    }
    closedir(folder);
    return n_files > 0 ? 0 : 1;
}
