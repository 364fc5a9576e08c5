#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/config/arguments.h"

static bool parse(struct arguments *arguments, bobbin_error *error, char *const *texts)
{
    int count = 0;
    while (texts[count] != NULL)
        count++;
    return arguments_parse(arguments, count, texts, error);
}

static void assert_means(enum arguments_command command, const char *operand, char *const *texts)
{
    struct arguments arguments;
    bobbin_error error;
    if (!parse(&arguments, &error, texts))
        fail_msg("%s", error.text);
    assert_int_equal(arguments.command, command);
    if (operand == NULL)
        assert_null(arguments.operand);
    else
        assert_string_equal(arguments.operand, operand);
}

static void assert_wrong(const char *sentence, char *const *texts)
{
    struct arguments arguments;
    bobbin_error error;
    assert_false(parse(&arguments, &error, texts));
    assert_string_equal(error.text, sentence);
}

#define MEANS(command, operand, ...)                                                               \
    assert_means(command, operand, (char *const[]){"bobbin", __VA_ARGS__, NULL})
#define WRONG(sentence, ...) assert_wrong(sentence, (char *const[]){"bobbin", __VA_ARGS__, NULL})

static void a_file_alone_is_run(void **state)
{
    (void)state;
    MEANS(COMMAND_RUN, "app.ini", "app.ini");
    MEANS(COMMAND_RUN, "./chek", "./chek");
    MEANS(COMMAND_RUN, "server", "server");
}

static void commands_have_their_operands(void **state)
{
    (void)state;
    MEANS(COMMAND_CHECK, "app.ini", "check", "app.ini");
    MEANS(COMMAND_CONFIG, "app.ini", "config", "app.ini");
    MEANS(COMMAND_OPTIONS, NULL, "options");
    MEANS(COMMAND_OPTIONS, "spool", "options", "spool");
    MEANS(COMMAND_PLUGIN, "x.so", "--plugin", "x.so");
    MEANS(COMMAND_HELP, NULL, "--help");
    MEANS(COMMAND_HELP, NULL, "-h");
    MEANS(COMMAND_VERSION, NULL, "--version");
}

static void the_master_tells_a_generation_its_end_of_the_pair(void **state)
{
    (void)state;
    struct arguments arguments;
    assert_true(arguments_parse(
        &arguments, 4, (char *const[]){"bobbin: generation", "--generation", "5", "app.ini"},
        NULL));
    assert_int_equal(arguments.command, COMMAND_GENERATION);
    assert_int_equal(arguments.fd, 5);
    assert_string_equal(arguments.operand, "app.ini");
}

static void wrong_use_is_a_sentence(void **state)
{
    (void)state;
    assert_wrong("which file? (bobbin app.ini, or bobbin --help)", (char *const[]){"bobbin", NULL});
    WRONG("\"chekc\" is not a command; did you mean \"check\"?", "chekc", "app.ini");
    WRONG("\"chekc\" is not a command; did you mean \"check\"?", "chekc");
    WRONG("\"frobnicate\" is not a command (see bobbin --help)", "frobnicate", "app.ini");
    WRONG("\"--vresion\" is not an option; did you mean \"--version\"?", "--vresion");
    WRONG("\"-x\" is not an option (see bobbin --help)", "-x");
    WRONG("bobbin check needs a FILE", "check");
    WRONG("bobbin --plugin needs a FILE", "--plugin");
    WRONG("bobbin --version: \"now\" is too much", "--version", "now");
    WRONG("bobbin check: \"b.ini\" is too much", "check", "a.ini", "b.ini");
    WRONG("--generation is for the master only", "--generation", "5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_alone_is_run),
        cmocka_unit_test(commands_have_their_operands),
        cmocka_unit_test(the_master_tells_a_generation_its_end_of_the_pair),
        cmocka_unit_test(wrong_use_is_a_sentence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
