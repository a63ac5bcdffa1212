#include "common/bytes.h"

#include <math.h>
#include <stdio.h>

const char *bytes_text(double bytes, char *buffer, size_t size)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
    size_t unit = 0;

    if (!isfinite(bytes) || bytes < 0) {
        (void)snprintf(buffer, size, "-");
        return buffer;
    }
    while (bytes >= 1024 && unit + 1 < sizeof(units) / sizeof(*units)) {
        bytes /= 1024;
        unit++;
    }
    (void)snprintf(buffer, size, unit && bytes < 10 ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
    return buffer;
}
