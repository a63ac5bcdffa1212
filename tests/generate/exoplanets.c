/*
 * Light curves of exoplanets: noisy_train/AAAA_BB_CC.txt with six header lines and 55 x 300
 * numbers, params_train/AAAA_BB_CC.txt with two header lines and 55 radii. AAAA is the planet, BB a
 * draw of its star's spots, CC one of the photons; the radii are those of the planet.
 */
#include "tests/generate/generate.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WAVELENGTHS 55
#define STEPS 300

struct planet {
    double temperature, gravity, star_radius, star_mass, magnitude, period, axis, inclination;
    double radius[WAVELENGTHS]; /* of the star's */
    double middle, duration;    /* of the transit, steps */
};

static void failed(const char *path)
{
    (void)fprintf(stderr, "%s: %s\n", path, strerror(errno));
    exit(1);
}

static double normal(struct chance *chance)
{
    double u = 1 - chance_uniform(chance);

    return sqrt(-2 * log(u)) * cos(6.283185307179586 * chance_uniform(chance));
}

/* The detector's ramp, between the means that the whole challenge has. */
static double ramp_at(int step)
{
    static const struct {
        int step;
        double value;
    } known[] = {{0, .50394},  {1, .72091},  {2, .81355},  {3, .87441},  {4, .91537},
                 {5, .94298},  {6, .96157},  {7, .97411},  {8, .98255},  {9, .98824},
                 {10, .99207}, {12, .99641}, {15, .99891}, {20, .99985}, {30, 1}};
    size_t i = 1;

    if (step >= 30)
        return 1;
    while (known[i].step < step)
        i++;
    return known[i - 1].value + (known[i].value - known[i - 1].value) * (step - known[i - 1].step) /
                                    (known[i].step - known[i - 1].step);
}

/* Standard deviation of a wavelength's noise for a star of magnitude 10.8. */
static double noise_of(int wavelength)
{
    if (wavelength == 0)
        return .0039;
    if (wavelength <= 8)
        return .0013 + .00015 * wavelength;
    if (wavelength <= 42)
        return .0051 + (.0133 - .0051) * (wavelength - 9) / 33;
    if (wavelength == 43)
        return .0325;
    return wavelength == 54 ? .0249 : .0050 + (.0119 - .0050) * (wavelength - 44) / 9;
}

static struct planet planet_of(uint64_t seed, int64_t number)
{
    struct chance chance = chance_for(seed, (uint64_t)number);
    static const double gravity[] = {4, 4.5, 4.5, 5};
    struct planet planet = {
        .temperature = fmin(6996, fmax(2500, 4911 + 983 * normal(&chance))),
        .gravity = gravity[chance_below(&chance, 4)],
        .star_radius = fmin(3.32, fmax(.1, .84 + .396 * normal(&chance))),
        .star_mass = fmin(2.24, fmax(.1, .799 + .313 * normal(&chance))),
        .magnitude = fmin(13.47, 10.52 + 1.63 * normal(&chance)),
        .period = fmin(68.1, exp(1.5 + .8 * normal(&chance))),
        .axis = floor(exp(23.1 + .6 * normal(&chance))),
        .inclination = chance_between(&chance, 86, 90),
        .middle = 152 + 4 * normal(&chance),
        .duration = chance_between(&chance, 50, 130),
    };
    double base = exp(chance_between(&chance, log(.02), log(.1))), slope = .05 * normal(&chance);

    for (int i = 0; i < WAVELENGTHS; i++)
        planet.radius[i] = base * (1 + slope * sin(i / 9.0) + .002 * normal(&chance));
    return planet;
}

/* 0 outside of the transit, 1 within; the limb takes a tenth of it. */
static double shade_at(const struct planet *planet, int step)
{
    double from_edge = planet->duration / 2 - fabs(step - planet->middle);
    double limb = planet->duration / 10;

    return from_edge <= 0 ? 0 : from_edge >= limb ? 1 : from_edge / limb;
}

static FILE *create(const struct generate_options *options, const char *folder, int64_t planet,
                    int64_t spot, int64_t draw)
{
    char path[4096];
    FILE *file;

    (void)snprintf(path, sizeof(path), "%s/%s/%04lld_%02lld_%02lld.txt", options->output, folder,
                   (long long)planet, (long long)spot, (long long)draw);
    file = fopen(path, "we");
    if (!file)
        failed(path);
    return file;
}

static void finish(FILE *file)
{
    if (fclose(file) != 0)
        failed("writing");
}

static void write_curves(const struct generate_options *options, const struct planet *planet,
                         int64_t number, int64_t spot, int64_t draw)
{
    struct chance spots = chance_for(options->seed, (uint64_t)(number * 100 + spot) << 20);
    struct chance chance =
        chance_for(options->seed, (uint64_t)((number * 100 + spot) * 100 + draw) << 24);
    double loudness = pow(10, .2 * (planet->magnitude - 10.8));
    double spot_depth = .0005 * fabs(normal(&spots)), spot_at = chance_between(&spots, 60, 240);
    FILE *file = create(options, "noisy_train", number, spot, draw);

    (void)fprintf(file,
                  "# star_temp: %.2f\n# star_logg: %.1f\n# star_rad: %.4f\n# star_mass: %.9g\n"
                  "# star_k_mag: %.3f\n# period: %.10g\n",
                  planet->temperature, planet->gravity, planet->star_radius, planet->star_mass,
                  planet->magnitude, planet->period);
    for (int i = 0; i < WAVELENGTHS; i++)
        for (int step = 0; step < STEPS; step++) {
            double spot_shape = exp(-.5 * pow((step - spot_at) / 20, 2));
            double flux = 1 - planet->radius[i] * planet->radius[i] * shade_at(planet, step) -
                          spot_depth * spot_shape;

            flux = flux * ramp_at(step) + noise_of(i) * loudness * chance_normal(&chance);
            (void)fprintf(file, "%.16g%c", flux, step == STEPS - 1 ? '\n' : '\t');
        }
    finish(file);
}

static void write_labels(const struct generate_options *options, const struct planet *planet,
                         int64_t number, int64_t spot, int64_t draw)
{
    FILE *file = create(options, "params_train", number, spot, draw);

    (void)fprintf(file, "# sma: %.0f\n# incl: %.10g\n", planet->axis, planet->inclination);
    for (int i = 0; i < WAVELENGTHS; i++)
        (void)fprintf(file, "%.16g%c", planet->radius[i], i == WAVELENGTHS - 1 ? '\n' : '\t');
    finish(file);
}

static void make_folder(const struct generate_options *options, const char *name)
{
    char path[4096];

    (void)snprintf(path, sizeof(path), "%s/%s", options->output, name);
    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        failed(path);
}

void generate_exoplanets(const struct generate_options *options)
{
    struct chance chance = chance_for(options->seed, 3);
    int64_t number = 0;

    make_folder(options, "");
    make_folder(options, "noisy_train");
    make_folder(options, "params_train");
    for (int64_t i = 0; i < options->planets; i++) {
        struct planet planet;

        number += 1 + (chance_uniform(&chance) < .4); /* some are kept for the test */
        planet = planet_of(options->seed, number);
        for (int64_t spot = 1; spot <= options->spots; spot++)
            for (int64_t draw = 1; draw <= options->draws; draw++) {
                write_curves(options, &planet, number, spot, draw);
                write_labels(options, &planet, number, spot, draw);
            }
    }
}
