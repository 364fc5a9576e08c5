#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "core/plugin/descriptor.h"
#include "core/plugin/plugin.h"

/* The broken plugins of tests/plugins are built beside this program. */
static const char *plugin_folder(void)
{
    static char folder[1024];
    char program[900];
    ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    assert_true(length > 0);
    program[length] = '\0';
    snprintf(folder, sizeof folder, "%s/plugins", dirname(program));
    return folder;
}

static void assert_refused(const char *name, const char *words)
{
    char file[1200], sentence[1400];
    bobbin_error error;
    snprintf(file, sizeof file, "%s/%s.so", plugin_folder(), name);
    snprintf(sentence, sizeof sentence, "%s: %s", file, words);
    assert_null(descriptor_load(file, &error));
    assert_string_equal(error.text, sentence);
}

static struct config *configuration(const char *text)
{
    char file[] = "/tmp/bobbin-test-XXXXXX";
    bobbin_error error;
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    struct config *config = config_open(file, &error);
    unlink(file);
    if (config == NULL)
        fail_msg("%s", error.text);
    return config;
}

static void another_contract_is_refused_with_both_numbers(void **state)
{
    (void)state;
    assert_refused("wrong-abi", "speaks contract 7, this bobbin speaks 1");
}

static void a_foreign_object_is_refused(void **state)
{
    (void)state;
    assert_refused("wrong-magic",
                   "its bobbin_plugin_descriptor does not begin as BOBBIN_PLUGIN(...) makes it");
    assert_refused("no-descriptor", "is no plugin: it exports no bobbin_plugin_descriptor");
}

static void a_plugin_that_needs_a_newer_server_says_what_it_needs(void **state)
{
    (void)state;
    assert_refused("future", "needs bobbin_from_the_future, which this bobbin does not have");
    assert_refused("newer",
                   "was made with a newer bobbin.h and uses what this bobbin does not have");
}

static void a_descriptor_that_ends_early_is_refused(void **state)
{
    (void)state;
    char words[100];
    snprintf(words, sizeof words, "its descriptor has 32 bytes, this bobbin needs %zu",
             sizeof(struct bobbin_plugin));
    assert_refused("short", words);
    snprintf(words, sizeof words, "its protocol has 16 bytes, this bobbin needs %zu",
             sizeof(struct bobbin_protocol));
    assert_refused("short-protocol", words);
}

static void a_plugin_that_can_do_nothing_is_refused(void **state)
{
    (void)state;
    assert_refused("capable-of-nothing",
                   "can do nothing: it has no .handle, no .run and no .protocol");
}

static void a_table_of_options_is_checked_before_it_is_filled(void **state)
{
    (void)state;
    assert_refused("bad-option", "its option width lies outside of .config_size");
    assert_refused("bad-default",
                   "the default of the table is wrong: width: \"99\" is not a number from 1 to 10");
}

static void a_file_that_is_no_object_is_refused(void **state)
{
    (void)state;
    bobbin_error error;
    assert_null(descriptor_load("/proc/self/status", &error));
    assert_non_null(strstr(error.text, "/proc/self/status: "));
    assert_null(descriptor_load("not-there.so", &error));
    assert_string_equal(
        error.text, "./not-there.so: cannot open shared object file: No such file or directory");
}

static void a_plugin_must_have_the_name_of_its_file(void **state)
{
    (void)state;
    char sentence[1400];
    bobbin_error error;
    assert_refused("misnamed",
                   "calls itself \"somebody-else\": then its file must be somebody-else.so");
    struct config *config = configuration("");
    struct plugin_set *set = plugin_set_create(plugin_folder());
    assert_null(plugin_set_load(set, config, "misnamed", &error));
    snprintf(sentence, sizeof sentence,
             "%s/misnamed.so: calls itself \"somebody-else\": then its file must be "
             "somebody-else.so",
             plugin_folder());
    assert_string_equal(error.text, sentence);
    plugin_set_destroy(set);
    config_close(config);
}

static void a_misspelt_plugin_is_told_the_nearest_one(void **state)
{
    (void)state;
    bobbin_error error;
    struct config *config = configuration("");
    struct plugin_set *set = plugin_set_create(plugin_folder());
    assert_null(plugin_set_load(set, config, "crahs", &error));
    assert_string_equal(error.text, "there is no plugin \"crahs\"; did you mean \"crash\"?");
    assert_false(plugin_set_knows(set, "crahs:big"));
    assert_true(plugin_set_knows(set, "crash:big"));
    plugin_set_destroy(set);
    config_close(config);
}

static void instances_have_a_configuration_each(void **state)
{
    (void)state;
    bobbin_error error;
    struct config *config = configuration("[refuses]\nwidth = 3\n[refuses:big]\nwidth = 9\n");
    struct plugin_set *set = plugin_set_create(plugin_folder());
    struct plugin_instance *plain = plugin_set_load(set, config, "refuses", &error);
    struct plugin_instance *big = plugin_set_load(set, config, "refuses:big", &error);
    assert_non_null(plain);
    assert_non_null(big);
    assert_ptr_equal(plain->plugin->options, big->plugin->options);
    assert_int_equal(*(uint64_t *)plain->config, 3);
    assert_int_equal(*(uint64_t *)big->config, 9);
    assert_ptr_equal(plugin_set_load(set, config, "refuses", &error), plain);
    assert_ptr_equal(plugin_set_find(set, "refuses:big"), big);
    assert_ptr_equal(plugin_set_at(set, 1), big);
    assert_null(plugin_set_at(set, 2));
    plugin_set_destroy(set);
    config_close(config);
}

static void why_a_plugin_did_not_start_is_told(void **state)
{
    (void)state;
    bobbin_error error;
    struct config *config = configuration("");
    struct plugin_set *set = plugin_set_create(plugin_folder());
    struct plugin_instance *instance = plugin_set_load(set, config, "refuses", &error);
    assert_non_null(instance);
    assert_false(plugin_start(instance, NULL, NULL, &error));
    assert_string_equal(error.text, "refuses did not start: the model of width 5 is not there");
    plugin_stop(instance); /* harmless */
    plugin_set_destroy(set);
    config_close(config);
}

static void a_plugin_without_state_gets_its_configuration(void **state)
{
    (void)state;
    bobbin_error error;
    struct config *config = configuration("");
    struct plugin_set *set = plugin_set_create(plugin_folder());
    struct plugin_instance *instance = plugin_set_load(set, config, "quiet", &error);
    assert_non_null(instance);
    assert_true(plugin_start(instance, NULL, NULL, &error));
    assert_ptr_equal(instance->state, instance->config);
    assert_string_equal(bobbin_instance(&instance->host), "quiet");
    assert_true(bobbin_in_job_process(&instance->host));
    plugin_stop(instance);
    plugin_set_destroy(set);
    config_close(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_contract_is_refused_with_both_numbers),
        cmocka_unit_test(a_foreign_object_is_refused),
        cmocka_unit_test(a_plugin_that_needs_a_newer_server_says_what_it_needs),
        cmocka_unit_test(a_descriptor_that_ends_early_is_refused),
        cmocka_unit_test(a_plugin_that_can_do_nothing_is_refused),
        cmocka_unit_test(a_table_of_options_is_checked_before_it_is_filled),
        cmocka_unit_test(a_file_that_is_no_object_is_refused),
        cmocka_unit_test(a_plugin_must_have_the_name_of_its_file),
        cmocka_unit_test(a_misspelt_plugin_is_told_the_nearest_one),
        cmocka_unit_test(instances_have_a_configuration_each),
        cmocka_unit_test(why_a_plugin_did_not_start_is_told),
        cmocka_unit_test(a_plugin_without_state_gets_its_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
