/*
 * Operations: what was planned in words and numbers, and how long it took. The logarithm of the
 * duration is a mixture that depends on the procedure: it mostly goes as planned, and sometimes
 * something is found.
 */
#include "tests/generate/generate.h"

#include <math.h>
#include <string.h>

#define TOTAL_ROWS 53783
#define PROCEDURES 400

static const char *const action[] = {"repair",  "excision", "biopsy",    "insertion", "removal",
                                     "release", "closure",  "reduction", "drainage",  "transfer"};
static const char *const site[] = {"hernia",  "tonsil", "femur", "radius",   "tendon",
                                   "bladder", "palate", "hip",   "ear tube", "spine"};
static const char *const addition[] = {"", " left", " right", " bilateral"};
static const char *const finding[] = {"congenital", "acute", "chronic", "recurrent", "suspected"};

static double normal(struct chance *chance)
{
    double u = 1 - chance_uniform(chance);

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * chance_uniform(chance));
}

/* What a procedure is like: the same whoever asks. */
struct procedure {
    const char *action, *site, *addition;
    double mean, sd; /* of the duration's logarithm */
    double trouble;  /* share of the operations that take longer */
};

static struct procedure procedure_of(int64_t number)
{
    struct chance chance = chance_for(7, (uint64_t)number);

    return (struct procedure){
        .action = action[number % 10],
        .site = site[number / 10 % 10],
        .addition = addition[number / 100 % 4],
        .mean = chance_between(&chance, 3.2, 5.4),
        .sd = chance_between(&chance, 0.3, 0.45),
        .trouble = chance_between(&chance, 0.02, 0.2),
    };
}

void generate_operations(const struct generate_options *options, FILE *out)
{
    struct chance chance = chance_for(options->seed, 2);
    int64_t n = options->rows ? options->rows : TOTAL_ROWS;

    (void)fputs("Procedure,Diagnosis,Personnel Name,Room,IO,ASA,AgeNorm,DOW,ScheduledTimeNorm,"
                "ActualTime\n",
                out);
    for (int64_t i = 0; i < n; i++) {
        /* few procedures are common */
        double rank = chance_uniform(&chance);
        struct procedure procedure = procedure_of((int64_t)(rank * rank * rank * PROCEDURES));
        int64_t surgeon = chance_below(&chance, 60);
        int64_t asa = 1 + chance_below(&chance, 4), inpatient = chance_below(&chance, 2);
        double mean = procedure.mean + 0.004 * (double)(surgeon - 30) + 0.05 * (double)(asa - 1);
        bool trouble = chance_uniform(&chance) < procedure.trouble;
        double minutes =
            exp(mean + (trouble ? 0.6 + 0.6 * normal(&chance) : procedure.sd * normal(&chance)));

        (void)fprintf(out, "\"%s of %s%s\",\"%s %s%s\",Surgeon %lld,OR %lld,%lld,%lld,%.6f,%lld,",
                      procedure.action, procedure.site, procedure.addition,
                      finding[chance_below(&chance, 5)], procedure.site, procedure.addition,
                      (long long)surgeon, (long long)(1 + chance_below(&chance, 18)),
                      (long long)inpatient, (long long)asa, normal(&chance),
                      (long long)chance_below(&chance, 7));
        (void)fprintf(out, "%.6f,%.1f\n", (mean + 0.15 * normal(&chance) - 4.3) / 0.7,
                      minutes < 1 ? 1 : minutes);
    }
}
