/*
 * Everything that is said about the verbs, printed from their descriptors: --help, the overview,
 * man pages, docs/commands.md.
 */
#include "client/client.h"
#include "client/render.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

static const char about[] = "an overnight laboratory for one person and one machine";

/* Words of `text` (size bytes) between the margins; the caller has written `column` columns. */
static void print_within(int width, const char *text, size_t size, int indent, int column)
{
    const char *end = text + size;

    while (text < end) {
        size_t word;

        while (text < end && isspace((unsigned char)*text))
            text++;
        for (word = 0; text + word < end && !isspace((unsigned char)text[word]);)
            word++;
        if (word == 0)
            break;
        if (column > indent && column + 1 + (int)word > width) {
            putchar('\n');
            column = 0;
        }
        if (column < indent)
            column += printf("%*s", indent - column, "");
        else if (column > indent)
            column += printf(" ");
        column += printf("%.*s", (int)word, text);
        text += word;
    }
    putchar('\n');
}

static void print_wrapped(const char *text, size_t size, int indent, int column)
{
    struct render render;

    render_open(&render, stdout);
    print_within(render_prose_width(&render), text, size, indent, column);
}

/* Paragraphs are wrapped; what is indented by four spaces stands as it is. `emit` gets each. */
static void each_paragraph(const char *text,
                           void (*emit)(const char *text, size_t size, bool example))
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        size_t size = end ? (size_t)(end - text) : strlen(text);

        emit(text, size, strncmp(text, "    ", 4) == 0);
        text += size;
        while (*text == '\n')
            text++;
    }
}

static void emit_plain(const char *text, size_t size, bool example)
{
    putchar('\n');
    if (example)
        printf("%.*s\n", (int)size, text);
    else
        print_wrapped(text, size, 0, 0);
}

/* "-n, --lines N" */
static void option_title(const struct command_option *option, char *title, size_t size)
{
    char letter[8] = "";

    if (option->letter)
        snprintf(letter, sizeof(letter), "-%c, ", option->letter);
    snprintf(title, size, "%s--%s%s%s", letter, option->name, option->value ? " " : "",
             option->value ? option->value : "");
}

static void print_choices(const struct command_option *option, char *text, size_t size)
{
    size_t used = (size_t)snprintf(text, size, "%s", option->help);

    if (!option->choices)
        return;
    for (size_t i = 0; option->choices[i] && used < size; i++)
        used += (size_t)snprintf(text + used, size - used, "%s%s", i ? ", " : " One of ",
                                 option->choices[i]);
    if (used < size)
        snprintf(text + used, size - used, ".");
}

/* Each form of the synopsis on a line of its own: `before` NAME FORM `after`. */
static void print_forms(const struct command *command, const char *before, const char *after)
{
    const char *form = command->synopsis;

    for (;;) {
        int size = (int)strcspn(form, "\n");

        printf("%snj %s%s%.*s%s\n", before, command->name, size ? " " : "", size, form, after);
        if (!form[size])
            break;
        form += size + 1;
    }
}

void help_print_command(const struct command *command)
{
    print_forms(command, "", "");
    putchar('\n');
    print_wrapped(command->help, strlen(command->help), 0, 0);
    if (command->options) {
        printf("\nOptions:\n");
        for (const struct command_option *option = command->options; option->name; option++) {
            char title[80], text[512];
            int column;

            option_title(option, title, sizeof(title));
            print_choices(option, text, sizeof(text));
            column = printf("  %-20s  ", title);
            if (column > 24) {
                putchar('\n');
                column = 0;
            }
            print_wrapped(text, strlen(text), 24, column);
        }
    }
    if (command->description)
        each_paragraph(command->description, emit_plain);
    if (command->alias)
        printf("\nAlso: nj %s\n", command->alias);
}

void help_print_overview(void)
{
    struct render render;

    render_open(&render, stdout);
    printf("nightjar (nj): %s\n\n", about);
    for (size_t i = 0; command_registry[i]; i++) {
        const struct command *command = command_registry[i];
        int column = printf("  %-11s ", command->name);

        print_within(render.width ? render.width : INT_MAX, command->help, strlen(command->help),
                     column, column);
    }
    printf("\nBare nj is nj status. A verb may be cut short where no other begins so.\n"
           "More: nj help VERB.\n\n"
           "Experiments are named by ids: 12, 3-9, last, all, batch:4.\n"
           "NIGHTJAR_HOME       where all of it lives (default ~/.local/share/nightjar)\n"
           "NIGHTJAR_NO_START   1: never start a daemon\n"
           "NO_COLOR            no colours, even on a terminal\n");
}

/* roff: a backslash, and a dot or quote that begins a line, are special; "-" is a hyphen there. */
static void print_roff(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((i == 0 || text[i - 1] == '\n') && (text[i] == '.' || text[i] == '\''))
            fputs("\\&", stdout);
        if (text[i] == '\\')
            fputs("\\e", stdout);
        else if (text[i] == '-')
            fputs("\\-", stdout);
        else
            putchar(text[i]);
    }
}

static void roff_text(const char *text)
{
    print_roff(text, strlen(text));
    putchar('\n');
}

static void emit_roff(const char *text, size_t size, bool example)
{
    fputs(example ? ".PP\n.EX\n" : ".PP\n", stdout);
    print_roff(text, size);
    fputs(example ? "\n.EE\n" : "\n", stdout);
}

static void man_of_command(const struct command *command)
{
    const char *form = command->synopsis;

    printf(".TH NIGHTJAR\\-");
    for (const char *at = command->name; *at; at++)
        putchar(toupper((unsigned char)*at));
    printf(" 1 \"\" \"nightjar " NIGHTJAR_VERSION "\"\n.SH NAME\nnightjar\\-%s \\- ",
           command->name);
    roff_text(command->help);
    printf(".SH SYNOPSIS\n");
    for (bool more = true; more;) {
        size_t size = strcspn(form, "\n");

        printf(".B nj %s\n", command->name);
        print_roff(form, size);
        printf("\n.br\n");
        more = form[size] != '\0';
        form += size + (more ? 1 : 0);
    }
    if (command->description) {
        printf(".SH DESCRIPTION\n");
        each_paragraph(command->description, emit_roff);
    }
    if (command->options)
        printf(".SH OPTIONS\n");
    for (const struct command_option *option = command->options; option && option->name; option++) {
        char title[80], text[512];

        option_title(option, title, sizeof(title));
        print_choices(option, text, sizeof(text));
        printf(".TP\n.B ");
        roff_text(title);
        roff_text(text);
    }
    printf(".SH SEE ALSO\n.BR nightjar (1)\n");
}

void help_print_man(const struct command *command)
{
    if (command) {
        man_of_command(command);
        return;
    }
    printf(".TH NIGHTJAR 1 \"\" \"nightjar " NIGHTJAR_VERSION "\"\n.SH NAME\nnightjar, nj \\- ");
    roff_text(about);
    printf(".SH SYNOPSIS\n.B nj\n[VERB] [ARGUMENTS] [OPTIONS]\n.SH VERBS\n");
    for (size_t i = 0; command_registry[i]; i++) {
        printf(".TP\n.BR nightjar\\-%s (1)\n", command_registry[i]->name);
        roff_text(command_registry[i]->help);
    }
    printf(".SH ENVIRONMENT\n"
           ".TP\n.B NIGHTJAR_HOME\nWhere the queue and the runs live; ~/.local/share/nightjar.\n"
           ".TP\n.B NIGHTJAR_NO_START\n1: never start a daemon.\n"
           ".TP\n.B NIGHTJAR_CGROUP\nOf the daemon: the folder of the cgroup v2 tree in which runs "
           "get "
           "control groups;\nthe nearest that is handed on. none: they get none.\n"
           ".TP\n.B NO_COLOR\nNo colours, even on a terminal.\n"
           ".SH EXIT STATUS\n"
           "0; for wait the verdict of what was waited for; else what went wrong:\n");
    for (int kind = 1; kind < ERROR_KIND_COUNT; kind++)
        printf(".TP\n.B %d\n%s\n", error_exit_status(kind), error_kind_text(kind));
}

static void emit_markdown(const char *text, size_t size, bool example)
{
    printf(example ? "```\n%.*s\n```\n\n" : "%.*s\n\n", (int)size, text);
}

static void markdown_of_command(const struct command *command)
{
    printf("## %s\n\n%s\n\n```\n", command->name, command->help);
    print_forms(command, "", "");
    printf("```\n\n");
    if (command->description)
        each_paragraph(command->description, emit_markdown);
    if (command->options)
        printf("| option | |\n| --- | --- |\n");
    for (const struct command_option *option = command->options; option && option->name; option++) {
        char title[80], text[512];

        option_title(option, title, sizeof(title));
        print_choices(option, text, sizeof(text));
        printf("| `%s` | %s |\n", title, text);
    }
    if (command->options)
        putchar('\n');
    if (command->alias)
        printf("Also: `nj %s`\n\n", command->alias);
}

void help_print_markdown(void)
{
    printf("# Commands\n\nPrinted by `nj help --markdown`; do not edit.\n\n");
    for (size_t i = 0; command_registry[i]; i++)
        markdown_of_command(command_registry[i]);
}
