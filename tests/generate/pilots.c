/*
 * Recordings of pilots: nine crews of two seats go through three experiments (CA, DA, SS) at 256
 * Hz.
 *
 * As in the file that users have, rows of a crew's experiment follow one another in the order of
 * their time as text ("0.", "1.", "10.", "100."), the two seats mixed; labels come in bouts; some
 * sensors are dead; r, ecg and gsr repeat their values; and 13 % of the values have 16 or 17
 * digits, as a double has that lies one step beside a short decimal.
 */
#include "tests/generate/generate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RATE 256
#define SEATS 2
#define EXPERIMENTS 3
#define CREWS 9
#define EEG 20
#define SENSORS 23 /* the EEG, then ecg, r, gsr */
#define TOTAL_ROWS 4867421
#define LONG_DIGITS 0.13

enum experiment { CA, DA, SS };

static const char *const experiment_name[] = {"CA", "DA", "SS"};
static const int crew_number[CREWS] = {1, 2, 3, 4, 5, 6, 7, 8, 13};
static const char header[] =
    "crew,experiment,time,seat,eeg_fp1,eeg_f7,eeg_f8,eeg_t4,eeg_t6,eeg_t5,eeg_t3,eeg_fp2,eeg_o1,"
    "eeg_p3,eeg_pz,eeg_f3,eeg_fz,eeg_f4,eeg_c4,eeg_p4,eeg_poz,eeg_c3,eeg_cz,eeg_o2,ecg,r,gsr,"
    "event\n";

struct recording { /* of one seat */
    int64_t n;
    double *time;     /* [n] */
    float *value;     /* [n][SENSORS] */
    char (*text)[16]; /* [n]: the time as it is written */
};

struct line { /* a row in the order of the file */
    const char *text;
    int seat;
    int64_t row;
    uint32_t chance; /* decides between equal texts */
};

static void *get(size_t size)
{
    void *memory = calloc(1, size);

    if (!memory)
        exit((fputs("out of memory\n", stderr), 1));
    return memory;
}

/* Rows that the original has of a seat's block; all of them together are TOTAL_ROWS. */
static int64_t rows_of(int crew, int seat, enum experiment experiment)
{
    int block = crew * SEATS + seat;

    if (experiment == CA)
        return 92132;
    if (experiment == DA)
        return 92132 + (block < 17);
    if (crew == 0)
        return 39563;
    return 91970 + (block < 8);
}

/* ---- signals ----------------------------------------------------------------------------------*/

struct level {
    double mean, sd;
    bool dead;
};

static void choose_levels(struct chance *chance, int crew, int seat, enum experiment experiment,
                          struct level level[SENSORS])
{
    bool gsr_dead = (crew == 1 && seat == 1) || (crew == 4 && seat == 1 && experiment == DA) ||
                    (crew == 6 && seat == 0 && experiment != SS);

    for (int i = 0; i < EEG; i++)
        level[i] =
            (struct level){chance_between(chance, -2, 2), chance_between(chance, 17, 68), false};
    level[EEG] =
        (struct level){chance_between(chance, -18000, 33000), chance_between(chance, 200, 2500),
                       crew == 0 && seat == 0 && experiment == DA};
    level[EEG + 1] = (struct level){seat == 0 ? chance_between(chance, 560, 740)
                                              : chance_between(chance, 780, 830),
                                    chance_between(chance, 1, 15), false};
    level[EEG + 2] =
        (struct level){chance_between(chance, 300, 1950), chance_between(chance, 5, 80), gsr_dead};
}

/* The head moves as one, and a little differently everywhere; now and then there is a jump. */
static void make_eeg(struct chance *chance, const struct level *level, struct recording *recording)
{
    double all = 0, own[EEG] = {0}, loudness = 0;

    for (int64_t i = 0; i < recording->n; i++) {
        double jump;

        all = 0.93 * all + 0.3676 * chance_normal(chance);
        loudness = 0.999 * loudness + 0.0447 * chance_normal(chance);
        jump = chance_uniform(chance) < 0.0005 ? 40 * chance_normal(chance) : 0;
        for (int j = 0; j < EEG; j++) {
            own[j] = 0.9 * own[j] + 0.4359 * chance_normal(chance);
            recording->value[i * SENSORS + j] =
                (float)(level[j].mean + 0.35 * level[j].sd * exp(0.9 * loudness) *
                                            (0.7 * all + 0.714 * own[j] + 0.7 * jump));
        }
    }
}

static void make_slow(struct chance *chance, const struct level *level, struct recording *recording)
{
    double drift[SENSORS - EEG] = {0}, held[SENSORS - EEG] = {0};

    for (int64_t i = 0; i < recording->n; i++)
        for (int j = 0; j < SENSORS - EEG; j++) {
            if (i == 0 || chance_uniform(chance) < 0.25) {
                drift[j] = 0.99 * drift[j] + 0.141 * chance_normal(chance);
                held[j] = level[EEG + j].mean + level[EEG + j].sd * drift[j];
            }
            recording->value[i * SENSORS + EEG + j] = level[EEG + j].dead ? 0.0F : (float)held[j];
        }
}

static void make_times(struct chance *chance, int crew, struct recording *recording)
{
    double start = chance_between(chance, 0, 0.2);
    bool coarse = crew >= 6; /* milliseconds, and their error as float32 */

    for (int64_t i = 0; i < recording->n; i++) {
        double time = (double)i / RATE;

        if (coarse)
            time = (double)(float)(floor((time + start) * 1000) / 1000);
        else
            time += 3.0 / RATE;
        recording->time[i] = time;
        (void)snprintf(recording->text[i], sizeof(recording->text[i]), "%.8f", time);
    }
}

static struct recording record(const struct generate_options *options, int crew, int seat,
                               enum experiment experiment, int64_t n)
{
    struct chance chance = chance_for(
        options->seed, 1000 + (uint64_t)((crew * SEATS + seat) * EXPERIMENTS + (int)experiment));
    struct recording recording = {.n = n};
    struct level level[SENSORS];

    recording.time = get(((size_t)n + 1) * sizeof(*recording.time));
    recording.value = get(((size_t)n + 1) * SENSORS * sizeof(*recording.value));
    recording.text = get(((size_t)n + 1) * sizeof(*recording.text));
    choose_levels(&chance, crew, seat, experiment, level);
    make_times(&chance, crew, &recording);
    make_eeg(&chance, level, &recording);
    make_slow(&chance, level, &recording);
    return recording;
}

/* A shorter recording goes through the same bouts faster. */
static char label_of(int crew, enum experiment experiment, double time, double length)
{
    double t = time / length * 360;

    if (experiment == CA)
        return time < (crew == 0 ? 6.7 : 0.2 + 0.07 * crew) ? 'A' : 'C';
    if (experiment == DA)
        return t >= 32.06 && fmod(t - 32.06, 37.3) < 5.004 ? 'D' : 'A';
    if (crew == 0) /* less than half as long as the others */
        return t >= 191 && t < 226 ? 'B' : 'A';
    return (t >= 82 && t < 97) || (t >= 274 && t < 289) ? 'B' : 'A';
}

/* ---- text -------------------------------------------------------------------------------------*/

/* As Python writes the double that a decimal of six places is, or the one beside it. */
static char *write_value(char *to, float value, struct chance *chance)
{
    double six = nearbyint((double)value * 1e6) / 1e6;
    int64_t millionths = (int64_t)nearbyint(fabs(six) * 1e6);
    int64_t whole = millionths / 1000000, part = millionths % 1000000;
    char digits[24];
    int n = 0;

    if (part != 0 && chance_uniform(chance) < LONG_DIGITS) {
        double beside = nextafter(six, INFINITY);

        n = sprintf(to, "%.16g", beside);
        return to + (strtod(to, NULL) == beside ? n : sprintf(to, "%.17g", beside));
    }
    if (six < 0)
        *to++ = '-';
    do
        digits[n++] = (char)('0' + whole % 10);
    while ((whole /= 10) > 0);
    while (n > 0)
        *to++ = digits[--n];
    *to++ = '.';
    for (int64_t unit = 100000; unit > 0; unit /= 10) {
        *to++ = (char)('0' + part / unit);
        part %= unit;
        if (part == 0)
            break;
    }
    return to;
}

static int compare_lines(const void *a, const void *b)
{
    const struct line *x = a, *y = b;
    int order = strcmp(x->text, y->text);

    return order ? order : (x->chance > y->chance) - (x->chance < y->chance);
}

static void write_block(FILE *out, int crew, enum experiment experiment,
                        const struct recording recording[SEATS], struct chance *chance)
{
    int64_t n = recording[0].n + recording[1].n, at = 0;
    struct line *line = get(((size_t)n + 1) * sizeof(*line));
    char text[SENSORS * 32 + 64];

    for (int seat = 0; seat < SEATS; seat++)
        for (int64_t row = 0; row < recording[seat].n; row++)
            line[at++] =
                (struct line){recording[seat].text[row], seat, row, (uint32_t)chance_bits(chance)};
    qsort(line, (size_t)n, sizeof(*line), compare_lines);
    for (int64_t i = 0; i < n; i++) {
        const struct recording *from = &recording[line[i].seat];
        const float *value = from->value + line[i].row * SENSORS;
        double length = (double)from->n / RATE;
        char *to = text + sprintf(text, "%d,%s,%s,%d", crew_number[crew],
                                  experiment_name[experiment], line[i].text, line[i].seat);

        for (int j = 0; j < SENSORS; j++) {
            *to++ = ',';
            to = write_value(to, value[j], chance);
        }
        *to++ = ',';
        *to++ = label_of(crew, experiment, from->time[line[i].row], length);
        *to++ = '\n';
        (void)fwrite(text, 1, (size_t)(to - text), out);
    }
    free(line);
}

void generate_pilots(const struct generate_options *options, FILE *out)
{
    int64_t wanted = options->rows ? options->rows : TOTAL_ROWS, before = 0, done = 0;

    (void)fputs(header, out);
    for (int crew = 0; crew < CREWS; crew++)
        for (int experiment = CA; experiment <= SS; experiment++) {
            struct chance chance =
                chance_for(options->seed, (uint64_t)(crew * EXPERIMENTS + experiment));
            struct recording recording[SEATS];

            for (int seat = 0; seat < SEATS; seat++) {
                int64_t n;

                before += rows_of(crew, seat, (enum experiment)experiment);
                n = (int64_t)((double)before / TOTAL_ROWS * (double)wanted + 0.5) - done;
                done += n;
                recording[seat] = record(options, crew, seat, (enum experiment)experiment, n);
            }
            write_block(out, crew, (enum experiment)experiment, recording, &chance);
            for (int seat = 0; seat < SEATS; seat++) {
                free(recording[seat].time);
                free(recording[seat].value);
                free(recording[seat].text);
            }
        }
}
