#include "worker/engine/stages.h"

#include <assert.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <sys/resource.h>

#include "common/clock.h"
#include "common/file.h"
#include "common/json.h"
#include "common/owner.h"
#include "worker/engine/report.h"

#define LONG_S 10.0
#define BUSY_SHARE 0.3
#define BLOCK 512 /* of ru_inblock, whatever the disk's */

/* How long the thread that counts has run and was in line to run (schedstat); 0: not known. */
static double scheduled_s(void)
{
    scoped(memory_free) char *text = NULL;
    unsigned long long ran_ns, in_line_ns;
    struct error ignored;
    size_t size;

    if (!file_read(AT_FDCWD, "/proc/thread-self/schedstat", 256, &text, &size, &ignored) ||
        sscanf(text, "%llu %llu", &ran_ns, &in_line_ns) != 2)
        return 0;
    return (double)(ran_ns + in_line_ns) * 1e-9;
}

static struct stage_counters counters(void)
{
    struct rusage usage = {0};

    (void)getrusage(RUSAGE_SELF, &usage);
    return (struct stage_counters){
        .wall_s = (double)clock_system.monotonic_ms(clock_system.context) * 1e-3,
        .processor_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1e-6,
        .scheduled_s = scheduled_s(),
        .read_mib = (double)usage.ru_inblock * BLOCK / (1 << 20),
    };
}

/* While helpers work this thread waits for them, and not for files. */
static double file_wait_s(const struct stage_counters *now, const struct stage_counters *before)
{
    double wall_s = now->wall_s - before->wall_s;
    double asleep_s = wall_s - (now->scheduled_s - before->scheduled_s);
    double idle_s = wall_s - (now->processor_s - before->processor_s);

    return now->scheduled_s > 0 ? fmax(0, fmin(asleep_s, idle_s)) : (double)NAN;
}

void stages_start(struct stages *stages)
{
    stages->before = counters();
}

void stages_end(struct stages *stages, const char *name)
{
    const struct stage_counters now = counters(), *before = &stages->before;

    assert(stages->n < STAGES_MAX);
    stages->stage[stages->n++] = (struct stage){
        .name = name,
        .wall_s = now.wall_s - before->wall_s,
        .processor_s = now.processor_s - before->processor_s,
        .file_wait_s = file_wait_s(&now, before),
        .read_mib = now.read_mib - before->read_mib,
    };
    stages->before = now;
}

bool stage_waited(const struct stage *stage)
{
    return stage->wall_s >= LONG_S && stage->processor_s < BUSY_SHARE * stage->wall_s;
}

/* It is read once: later runs map what was made of it. */
void stage_warn_slow(const struct stage *import, int64_t rows, struct warning_list *warnings)
{
    double rate = (double)rows / import->wall_s;

    if (stage_waited(import))
        warning_add(warnings, "data.source", rate,
                    "reading it took %.0f s, most of which no processor worked: %.0f rows a "
                    "second; a copy on a disk of this machine would be faster",
                    import->wall_s, rate);
}

static bool add_row(const struct stage *stage, cJSON *rows)
{
    const double cell[] = {stage->wall_s, stage->processor_s, stage->file_wait_s, stage->read_mib};
    cJSON *row = cJSON_CreateDoubleArray(cell, sizeof(cell) / sizeof(cell[0]));

    return cJSON_AddItemToArray(rows, row) &&
           cJSON_InsertItemInArray(row, 0, cJSON_CreateString(stage->name));
}

bool stages_report(const struct stages *stages, struct error *error)
{
    static const char *const column[] = {"stage", "seconds", "of processors", "waiting for files",
                                         "MiB read"};
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
