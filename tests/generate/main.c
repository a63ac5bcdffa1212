/*
 *   generate pilots [--rows N] [--seed S] [-o FILE]        recordings of pilots, as one CSV
 *   generate operations [--rows N] [--seed S] [-o FILE]    durations of operations, with texts
 *   generate exoplanets [--planets N] [--spots B] [--draws C] [--seed S] -o FOLDER
 */
#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "tests/generate/generate.h"

static int usage(void)
{
    (void)fputs("usage: generate pilots|operations|exoplanets [--rows N] [--planets N] [--spots N] "
                "[--draws N] [--seed N] [-o PATH]\n",
                stderr);
    return 2;
}

static int64_t number(const char *text)
{
    char *end = NULL;
    long long value = strtoll(text, &end, 10);

    if (end == text || *end || value < 0)
        exit(usage());
    return value;
}

static struct generate_options read_options(int n, char **argument)
{
    static const struct option option[] = {{"rows", required_argument, NULL, 'r'},
                                           {"planets", required_argument, NULL, 'p'},
                                           {"spots", required_argument, NULL, 'b'},
                                           {"draws", required_argument, NULL, 'c'},
                                           {"seed", required_argument, NULL, 's'},
                                           {"output", required_argument, NULL, 'o'},
                                           {0}};
    struct generate_options options = {.planets = 4, .spots = 10, .draws = 10, .seed = 1};

    for (int at; (at = getopt_long(n, argument, "o:", option, NULL)) != -1;) {
        if (at == 'r')
            options.rows = number(optarg);
        else if (at == 'p')
            options.planets = number(optarg);
        else if (at == 'b')
            options.spots = number(optarg);
        else if (at == 'c')
            options.draws = number(optarg);
        else if (at == 's')
            options.seed = (uint64_t)number(optarg);
        else if (at == 'o')
            options.output = optarg;
        else
            exit(usage());
    }
    return options;
}

int main(int n, char **argument)
{
    struct generate_options options;
    FILE *out = stdout;

    if (n < 2)
        return usage();
    options = read_options(n - 1, argument + 1);
    if (strcmp(argument[1], "exoplanets") == 0) {
        if (!options.output)
            return usage();
        generate_exoplanets(&options);
        return 0;
    }
    if (options.output && !(out = fopen(options.output, "we"))) {
        (void)fprintf(stderr, "%s: %s\n", options.output, strerror(errno));
        return 1;
    }
    (void)setvbuf(out, NULL, _IOFBF, 1 << 20);
    if (strcmp(argument[1], "pilots") == 0)
        generate_pilots(&options, out);
    else if (strcmp(argument[1], "operations") == 0)
        generate_operations(&options, out);
    else
        return usage();
    if (fclose(out) != 0) {
        (void)fprintf(stderr, "writing: %s\n", strerror(errno));
        return 1;
    }
    return 0;
}
