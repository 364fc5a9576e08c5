/* The macros of bobbin-test.h in C++20. */
#include "bobbin-test.h"

static void handle(void *, bobbin_request *request)
{
    bobbin_end(request);
}

BOBBIN_PLUGIN(.name = "hosted", .handle = handle);

int main()
{
    static const char *const headers[] = {"x-mine", "yes", nullptr};
    bobbin_error error;
    bobbin_test_host *host =
        bobbin_test_open(&bobbin_plugin_descriptor, BOBBIN_TEST_SETUP(.route = "/x"), &error);
    bobbin_test_ask(host, BOBBIN_TEST_REQUEST(.target = "/x", .headers = headers));
    bobbin_test_run(host, BOBBIN_TEST_JOB(.payload = bobbin_text("x")));
    return bobbin_test_close(host, &error) ? 0 : 1;
}
