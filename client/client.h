/*
 * The command line: one verb, one file (command_<verb>.c), one const descriptor, listed in
 * registry.c. Help, completion, man pages and docs/commands.md are all printed from these
 * descriptors.
 *
 * Data go to standard output, messages to standard error. Exit status: 0, the verdict of what was
 * waited for, or a status of common/error.h (2: a bad command line).
 */
#ifndef NIGHTJAR_CLIENT_CLIENT_H
#define NIGHTJAR_CLIENT_CLIENT_H

#include "client/connection.h"
#include "common/error.h"
#include "common/json.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_FLAG,     /* no value */
    OPTION_TEXT,     /* as it stands */
    OPTION_INTEGER,  /* in [low, high] */
    OPTION_REAL,     /* in [low, high] */
    OPTION_DURATION, /* 90, 15m, 1h30m: number holds seconds */
    OPTION_SIZE,     /* 4096, 512K, 4G: number holds bytes */
};

struct command_option {
    const char *name; /* without dashes; NULL ends a table */
    char letter;      /* -n; 0: none */
    enum option_type type;
    bool repeats;               /* may be given several times; else the last one counts */
    const char *value;          /* how help calls the value: "N"; NULL: a flag */
    double low, high;           /* INTEGER and REAL: the range, both ends in */
    const char *const *choices; /* TEXT: the only ones allowed, ended by NULL; NULL: any */
    const char *help;           /* one sentence */
};

/* What a verb's other arguments are, for completion. */
enum argument_kind {
    ARGUMENT_NONE,
    ARGUMENT_IDS,     /* 12, 3-9, last, all, batch:4 */
    ARGUMENT_FILE,    /* a spec */
    ARGUMENT_SETTING, /* train.optimizer */
    ARGUMENT_COMMAND, /* a verb of ours */
    ARGUMENT_WORD,    /* one of the choices in `words` */
    ARGUMENT_TEXT,
};

struct client;

struct command {
    const char *name;
    const char *alias;       /* another word people know; NULL: none */
    const char *synopsis;    /* what follows the name: "[ID]... [options]"; a newline begins another
                                form */
    const char *help;        /* one sentence */
    const char *description; /* paragraphs apart by an empty line; lines that begin with four spaces
                                are examples */
    const struct command_option *options; /* NULL: none */
    enum argument_kind takes;
    const char *const *words; /* ARGUMENT_WORD: ended by NULL */
    int min_arguments;
    int max_arguments;  /* -1: any number */
    bool takes_program; /* a command line may follow "--" */
    /* Fails with an error, or sets client->exit_status (0 before). */
    bool (*run)(struct client *client, struct error *error);
};

/* Alphabetical, ended by NULL. */
extern const struct command *const command_registry[];
/* By name, alias or a prefix of the name that fits no other. INVALID: unknown (with a suggestion)
 * or ambiguous (with the candidates). */
bool command_find(const char *name, const struct command **ret, struct error *error);

/* What was given for an option. */
struct option_value {
    const struct command_option *option; /* borrowed */
    const char *text;                    /* borrowed; NULL: a flag */
    double number;                       /* the value of the numeric types */
};

struct arguments {
    struct option_value *value; /* owned, in the order given */
    size_t n_values;
    const char **argument; /* owned list of borrowed texts: what is no option */
    size_t n_arguments;
    char **program; /* borrowed: what follows "--", ended by NULL; NULL: no "--" */
    bool help;      /* --help or -h was given; nothing was checked then */
};
/* argv begins after the verb and ends with NULL. Options and arguments may be mixed; --name VALUE,
 * --name=VALUE, -nVALUE; a long option may be cut to a prefix that fits no other. */
bool arguments_parse(const struct command *command, char **argv, struct arguments *ret,
                     struct error *error);
void arguments_release(struct arguments *arguments);
/* The texts of an option that may be given several times, in their order: the next one from *at on,
 * which begins at 0. NULL: no more. */
const char *arguments_next(const struct arguments *arguments, const char *name, size_t *at);
/* By the option's name; the last value counts. NULL or the fallback: not given. */
const struct option_value *arguments_option(const struct arguments *arguments, const char *name);
bool arguments_flag(const struct arguments *arguments, const char *name);
const char *arguments_text(const struct arguments *arguments, const char *name,
                           const char *fallback);
double arguments_number(const struct arguments *arguments, const char *name, double fallback);

struct client {
    const struct command *command; /* borrowed: the verb in hand */
    struct arguments arguments;
    struct connection *connection; /* owned; NULL until something was asked */
    int64_t last_id;               /* of the requests so far */
    int exit_status;
};

/* Connects already, where a daemon runs: it wakes up while the request is being made. */
void client_wake_daemon(struct client *client);
/* Asks the daemon, connecting first where that was not done (which may start one). *params is
 * taken (NULL: none); *ret_result is the caller's. */
bool client_call(struct client *client, const char *method, cJSON **params, cJSON **ret_result,
                 struct error *error);
/* The same for a request that wire_request() made with this id. */
bool client_ask(struct client *client, const struct buffer *request, int64_t id, cJSON **ret_result,
                struct error *error);
/* An empty object; NO_MEMORY. */
bool client_object(cJSON **ret, struct error *error);
/* {"select": ...}; *select is taken in any case. */
bool client_select(cJSON **select, cJSON **ret_params, struct error *error);
/* One line of JSON to standard output. */
bool client_print_json(const cJSON *json, struct error *error);
/* The only line that is printed: without stdio, whose first use is a hundredth of a submission. */
bool client_print_line(const char *line, size_t size, struct error *error);
/* A line to standard error: "nj: ...". */
__attribute__((format(printf, 1, 2))) void client_message(const char *format, ...);

/* Help of one verb, and of all. */
void help_print_command(const struct command *command);
void help_print_overview(void);
/* Man pages (section 1) and docs/commands.md; command NULL: the page of nightjar itself. */
void help_print_man(const struct command *command);
void help_print_markdown(void);

#define COMMAND_OPTION_JSON                                                      \
    {                                                                            \
        .name = "json", .help = "Print the daemon's answer as one line of JSON." \
    }

#endif
