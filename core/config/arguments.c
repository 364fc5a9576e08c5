#include "core/config/arguments.h"

#include <stdlib.h>
#include <string.h>

#include "core/config/option.h"

enum operand { NO_OPERAND, MAYBE_OPERAND, NEEDS_OPERAND };

struct command {
    const char *name;
    enum arguments_command command;
    enum operand operand;
    const char *operand_name;
    const char *help;
};

static const struct command commands[] = {
    {"check", COMMAND_CHECK, NEEDS_OPERAND, "FILE", "whether the file is right, with its plugins"},
    {"config", COMMAND_CONFIG, NEEDS_OPERAND, "FILE", "every value as it was understood"},
    {"options", COMMAND_OPTIONS, MAYBE_OPERAND, "[SECTION]",
     "every key with its limits, its default and what it does"},
    {"--plugin", COMMAND_PLUGIN, NEEDS_OPERAND, "FILE", "what the plugin is, and its options"},
    {"--help", COMMAND_HELP, NO_OPERAND, "", "this page"},
    {"--version", COMMAND_VERSION, NO_OPERAND, "", "the version"},
};

enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static const struct command *find_command(const char *text)
{
    if (strcmp(text, "-h") == 0)
        text = "--help";
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, text) == 0)
            return &commands[i];
    return NULL;
}

static const char *nearest_command(const char *text)
{
    const char *names[COMMAND_COUNT];
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        names[i] = commands[i].name;
    return option_nearest(text, names, COMMAND_COUNT);
}

static bool refuse_command(const char *text, bobbin_error *error)
{
    const char *kind = *text == '-' ? "an option" : "a command";
    const char *nearest = nearest_command(text);
    if (nearest != NULL)
        return bobbin_fail(error, "\"%s\" is not %s; did you mean \"%s\"?", text, kind, nearest);
    return bobbin_fail(error, "\"%s\" is not %s (see bobbin --help)", text, kind);
}

static bool parse_command(struct arguments *arguments, const struct command *command, int count,
                          char *const *texts, bobbin_error *error)
{
    int most = command->operand == NO_OPERAND ? 2 : 3;
    arguments->command = command->command;
    if (count > most)
        return bobbin_fail(error, "bobbin %s: \"%s\" is too much", command->name, texts[most]);
    if (command->operand == NEEDS_OPERAND && count < 3)
        return bobbin_fail(error, "bobbin %s needs a %s", command->name, command->operand_name);
    arguments->operand = count == 3 ? texts[2] : NULL;
    return true;
}

static bool parse_generation(struct arguments *arguments, int count, char *const *texts,
                             bobbin_error *error)
{
    if (count != 4)
        return bobbin_fail(error, "--generation is for the master only");
    *arguments = (struct arguments){COMMAND_GENERATION, texts[3], atoi(texts[2])};
    return true;
}

/* A word that is nearly a command, and looks like no file, was meant to be one. */
static bool is_misspelt(const char *text)
{
    return *text == '-' || (strpbrk(text, "./") == NULL && nearest_command(text) != NULL);
}

bool arguments_parse(struct arguments *arguments, int count, char *const *texts,
                     bobbin_error *error)
{
    *arguments = (struct arguments){.command = COMMAND_RUN, .fd = -1};
    if (count < 2)
        return bobbin_fail(error, "which file? (bobbin app.ini, or bobbin --help)");
    if (strcmp(texts[1], "--generation") == 0)
        return parse_generation(arguments, count, texts, error);
    const struct command *command = find_command(texts[1]);
    if (command != NULL)
        return parse_command(arguments, command, count, texts, error);
    if (count > 2 || is_misspelt(texts[1]))
        return refuse_command(texts[1], error);
    arguments->operand = texts[1];
    return true;
}

void arguments_print_help(FILE *out)
{
    fputs("bobbin: an application server with a built-in spooler\n\n"
          "  bobbin FILE                 runs what the INI file describes\n",
          out);
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        char words[64];
        snprintf(words, sizeof words, "%s %s", commands[i].name, commands[i].operand_name);
        fprintf(out, "  bobbin %-20s %s\n", words, commands[i].help);
    }
    fputs("\nSignals: TERM and INT drain, a second one or QUIT ends at once.\n"
          "Exit status: 0 drained, 1 failed, 2 wrong use or configuration.\n",
          out);
}
