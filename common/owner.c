/* Cleanups that scoped() calls. */
#include "common/owner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void memory_free(void *pointer_address)
{
    void *pointer;

    /* the address may be one of any pointer type: copying its bytes breaks no aliasing rule */
    memcpy(&pointer, pointer_address, sizeof(pointer));
    free(pointer);
    pointer = NULL;
    memcpy(pointer_address, &pointer, sizeof(pointer));
}

void descriptor_close(int *descriptor)
{
    int kept = errno;

    if (*descriptor >= 0)
        close(*descriptor);
    *descriptor = -1;
    errno = kept;
}
