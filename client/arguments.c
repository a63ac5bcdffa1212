/* The command line of one verb, read by its option table. */
#include "client/client.h"

#include "common/spec/setting.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void arguments_release(struct arguments *arguments)
{
    free(arguments->value);
    free(arguments->argument);
    memset(arguments, 0, sizeof(*arguments));
}

static const struct command_option *option_by_letter(const struct command *command, char letter)
{
    for (const struct command_option *option = command->options; option && option->name; option++)
        if (option->letter == letter)
            return option;
    return NULL;
}

/* --na finds --name where no other begins so; an exact name always wins. */
static bool option_by_name(const struct command *command, const char *name, size_t size,
                           const struct command_option **ret, struct error *error)
{
    const struct command_option *found = NULL;
    const char *names[64];
    size_t n = 0;

    for (const struct command_option *option = command->options; option && option->name; option++) {
        if (n < sizeof(names) / sizeof(*names))
            names[n++] = option->name;
        if (strncmp(option->name, name, size) != 0)
            continue;
        if (option->name[size] == '\0') {
            *ret = option;
            return true;
        }
        if (found)
            return error_set(error, ERROR_INVALID, "--%.*s could be --%s or --%s", (int)size, name,
                             found->name, option->name);
        found = option;
    }
    if (!found) {
        char wanted[64];
        const char *nearest;

        snprintf(wanted, sizeof(wanted), "%.*s", (int)size, name);
        nearest = n ? setting_suggest(wanted, names, n) : NULL;
        return error_set(error, ERROR_INVALID, "unknown option --%s%s%s%s", wanted,
                         nearest ? "; did you mean --" : "", nearest ? nearest : "",
                         nearest ? "?" : "");
    }
    *ret = found;
    return true;
}

static bool parse_number(const struct command_option *option, const char *text, double *ret_number,
                         struct error *error)
{
    char *end;
    double number;

    errno = 0;
    number = strtod(text, &end);
    if (end == text || *end || !isfinite(number))
        return error_set(error, ERROR_INVALID, "--%s: expected a number, not '%s'", option->name,
                         text);
    if (option->type == OPTION_INTEGER && number != floor(number))
        return error_set(error, ERROR_INVALID, "--%s: expected a whole number, not '%s'",
                         option->name, text);
    if (number < option->low || number > option->high)
        return error_set(error, ERROR_INVALID, "--%s: %s is outside [%.16g, %.16g]", option->name,
                         text, option->low, option->high);
    *ret_number = number;
    return true;
}

static bool check_choice(const struct command_option *option, const char *text, struct error *error)
{
    char list[256] = "";
    size_t used = 0;

    if (!option->choices)
        return true;
    for (size_t i = 0; option->choices[i]; i++) {
        if (strcmp(option->choices[i], text) == 0)
            return true;
        used += (size_t)snprintf(list + used, sizeof(list) - used, "%s%s", i ? ", " : "",
                                 option->choices[i]);
        if (used >= sizeof(list))
            break;
    }
    return error_set(error, ERROR_INVALID, "--%s: '%s' is none of %s", option->name, text, list);
}

static bool parse_value(struct option_value *value, struct error *error)
{
    const struct command_option *option = value->option;
    int64_t bytes;

    switch (option->type) {
    case OPTION_FLAG:
        return true;
    case OPTION_TEXT:
        return check_choice(option, value->text, error);
    case OPTION_INTEGER:
    case OPTION_REAL:
        return parse_number(option, value->text, &value->number, error);
    case OPTION_DURATION:
        if (!setting_parse_duration(value->text, &value->number))
            return error_set(error, ERROR_INVALID,
                             "--%s: expected a duration such as 90s, 15m or 1h30m, not '%s'",
                             option->name, value->text);
        return true;
    case OPTION_SIZE:
        if (!setting_parse_size(value->text, &bytes))
            return error_set(error, ERROR_INVALID,
                             "--%s: expected a size such as 512M or 4G, not '%s'", option->name,
                             value->text);
        value->number = (double)bytes;
        return true;
    }
    return error_set(error, ERROR_INTERNAL, "--%s has no type", option->name);
}

static bool add_value(struct arguments *arguments, const struct command_option *option,
                      const char *text, struct error *error)
{
    struct option_value *value = &arguments->value[arguments->n_values];

    *value = (struct option_value){.option = option, .text = text};
    if (!parse_value(value, error))
        return false;
    arguments->n_values++;
    return true;
}

/* One argument that begins with "--"; *argv moves over a value that stands apart. */
static bool parse_long(const struct command *command, char ***argv, struct arguments *arguments,
                       struct error *error)
{
    const char *name = **argv + 2;
    const char *equals = strchr(name, '=');
    size_t size = equals ? (size_t)(equals - name) : strlen(name);
    const struct command_option *option;
    const char *text = equals ? equals + 1 : NULL;

    if (!option_by_name(command, name, size, &option, error))
        return false;
    if (!option->value && text)
        return error_set(error, ERROR_INVALID, "--%s takes no value", option->name);
    if (option->value && !text) {
        text = *++*argv;
        if (!text)
            return error_set(error, ERROR_INVALID, "--%s needs a value (%s)", option->name,
                             option->value);
    }
    return add_value(arguments, option, text, error);
}

/* One argument that begins with a single "-": flags may be run together, a value may follow. */
static bool parse_short(const struct command *command, char ***argv, struct arguments *arguments,
                        struct error *error)
{
    for (const char *letter = **argv + 1; *letter; letter++) {
        const struct command_option *option = option_by_letter(command, *letter);
        const char *text = NULL;

        if (!option)
            return error_set(error, ERROR_INVALID, "unknown option -%c", *letter);
        if (!option->value) {
            if (!add_value(arguments, option, NULL, error))
                return false;
            continue;
        }
        text = letter[1] ? letter + 1 : *++*argv;
        if (!text)
            return error_set(error, ERROR_INVALID, "-%c needs a value (%s)", *letter,
                             option->value);
        return add_value(arguments, option, text, error);
    }
    return true;
}

static bool check_counts(const struct command *command, const struct arguments *arguments,
                         struct error *error)
{
    int n = (int)arguments->n_arguments;

    if (arguments->program && !command->takes_program)
        return error_set(error, ERROR_INVALID, "%s takes no command after --", command->name);
    if (arguments->program && !arguments->program[0])
        return error_set(error, ERROR_INVALID, "no command follows --");
    if (n < command->min_arguments && !arguments->program)
        return error_set(error, ERROR_INVALID, "something is missing: nj %s %.*s", command->name,
                         (int)strcspn(command->synopsis, "\n"), command->synopsis);
    if (command->max_arguments >= 0 && n > command->max_arguments)
        return error_set(error, ERROR_INVALID, "'%s' is too much: nj %s %.*s",
                         arguments->argument[command->max_arguments], command->name,
                         (int)strcspn(command->synopsis, "\n"), command->synopsis);
    return true;
}

static bool wants_help(char **argv)
{
    for (; *argv && strcmp(*argv, "--") != 0; argv++)
        if (strcmp(*argv, "--help") == 0 || strcmp(*argv, "-h") == 0)
            return true;
    return false;
}

static bool parse_all(const struct command *command, char **argv, struct arguments *arguments,
                      struct error *error)
{
    for (; *argv; argv++) {
        if (strcmp(*argv, "--") == 0) {
            arguments->program = argv + 1;
            break;
        }
        if (strncmp(*argv, "--", 2) == 0) {
            if (!parse_long(command, &argv, arguments, error))
                return false;
        } else if ((*argv)[0] == '-' && (*argv)[1]) {
            if (!parse_short(command, &argv, arguments, error))
                return false;
        } else {
            arguments->argument[arguments->n_arguments++] = *argv;
        }
    }
    return check_counts(command, arguments, error);
}

bool arguments_parse(const struct command *command, char **argv, struct arguments *ret,
                     struct error *error)
{
    struct arguments arguments = {0};
    size_t letters = 1;

    arguments.help = wants_help(argv);
    for (char **arg = argv; *arg && strcmp(*arg, "--") != 0; arg++)
        letters += strlen(*arg) + 1; /* -abc holds three options */
    arguments.value = calloc(letters, sizeof(*arguments.value));
    arguments.argument = calloc(letters, sizeof(*arguments.argument));
    if (!arguments.value || !arguments.argument) {
        arguments_release(&arguments);
        return error_set(error, ERROR_NO_MEMORY, "reading the command line");
    }
    if (!arguments.help && !parse_all(command, argv, &arguments, error)) {
        arguments_release(&arguments);
        return false;
    }
    *ret = arguments;
    return true;
}

const char *arguments_next(const struct arguments *arguments, const char *name, size_t *at)
{
    while (*at < arguments->n_values) {
        const struct option_value *value = &arguments->value[(*at)++];

        if (strcmp(value->option->name, name) == 0)
            return value->text;
    }
    return NULL;
}

const struct option_value *arguments_option(const struct arguments *arguments, const char *name)
{
    for (size_t i = arguments->n_values; i-- > 0;)
        if (strcmp(arguments->value[i].option->name, name) == 0)
            return &arguments->value[i];
    return NULL;
}

bool arguments_flag(const struct arguments *arguments, const char *name)
{
    return arguments_option(arguments, name) != NULL;
}

const char *arguments_text(const struct arguments *arguments, const char *name,
                           const char *fallback)
{
    const struct option_value *value = arguments_option(arguments, name);

    return value ? value->text : fallback;
}

double arguments_number(const struct arguments *arguments, const char *name, double fallback)
{
    const struct option_value *value = arguments_option(arguments, name);

    return value ? value->number : fallback;
}
