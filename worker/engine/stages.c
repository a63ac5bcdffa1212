#include "worker/engine/stages.h"

#include <assert.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/json.h"
#include "common/owner.h"
#include "worker/engine/report.h"

#define LONG_S 10.0
#define BUSY_SHARE 0.3
#define BLOCK 512 /* of ru_inblock, whatever the disk's */

static struct stage counters(void)
{
    struct rusage usage = {0};

    (void)getrusage(RUSAGE_SELF, &usage);
    return (struct stage){
        .wall_s = (double)clock_system.monotonic_ms(clock_system.context) * 1e-3,
        .processor_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6,
        .read_mib = (double)usage.ru_inblock * BLOCK / (1 << 20),
    };
}

void stages_start(struct stages *stages)
{
    stages->before = counters();
}

void stages_end(struct stages *stages, const char *name)
{
    const struct stage now = counters(), *before = &stages->before;

    assert(stages->n < STAGES_MAX);
    stages->stage[stages->n++] = (struct stage){
        .name = name,
        .wall_s = now.wall_s - before->wall_s,
        .processor_s = now.processor_s - before->processor_s,
        .read_mib = now.read_mib - before->read_mib,
    };
    stages->before = now;
}

bool stage_waited(const struct stage *stage)
{
    return stage->wall_s >= LONG_S && stage->processor_s < BUSY_SHARE * stage->wall_s;
}

static bool add_row(const struct stage *stage, cJSON *rows)
{
    const double cell[] = {stage->wall_s, stage->processor_s, stage->read_mib};
    cJSON *row = cJSON_CreateDoubleArray(cell, sizeof(cell) / sizeof(cell[0]));

    return cJSON_AddItemToArray(rows, row) &&
           cJSON_InsertItemInArray(row, 0, cJSON_CreateString(stage->name));
}

bool stages_report(const struct stages *stages, struct error *error)
{
    static const char *const column[] = {"stage", "seconds", "of processors", "MiB read"};
    scoped(json_free) cJSON *fields = cJSON_CreateObject();
    cJSON *columns = NULL, *rows = NULL;
    bool made = fields && json_add_text(fields, "name", "stages") &&
                (columns = json_add_array(fields, "columns")) &&
                (rows = json_add_array(fields, "rows"));

    for (size_t i = 0; made && i < sizeof(column) / sizeof(column[0]); i++)
        made = cJSON_AddItemToArray(columns, cJSON_CreateString(column[i]));
    for (int i = 0; made && i < stages->n; i++)
        made = add_row(&stages->stage[i], rows);
    return made ? report_event("table", &fields, error)
                : error_set(error, ERROR_NO_MEMORY, "reporting the stages");
}
