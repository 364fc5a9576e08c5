/* What a test sees of an answer, and of the calls that led to it. */
#include "tests/host/client.h"
#include "tests/host/host.h"

enum bobbin_test_outcome bobbin_test_outcome_of(const bobbin_test_client *client)
{
    switch (client->state) {
    case CLIENT_WHOLE:
        return BOBBIN_TEST_WHOLE;
    case CLIENT_CUT:
        return BOBBIN_TEST_CUT;
    case CLIENT_LEFT:
        return BOBBIN_TEST_LEFT;
    default:
        return BOBBIN_TEST_OPEN;
    }
}

int bobbin_test_status(const bobbin_test_client *client)
{
    return client->received.status;
}

const char *bobbin_test_header(const bobbin_test_client *client, const char *name)
{
    return received_find(&client->received.fields, name);
}

const char *bobbin_test_trailer(const bobbin_test_client *client, const char *name)
{
    return received_find(&client->received.trailers, name);
}

bobbin_str bobbin_test_body(const bobbin_test_client *client)
{
    return (bobbin_str){bobbin_test_text(client), client->received.body_bytes};
}

const char *bobbin_test_text(const bobbin_test_client *client)
{
    return client->received.body != NULL ? client->received.body : "";
}

int bobbin_test_interim(const bobbin_test_client *client, size_t index)
{
    return index < client->received.interim_count ? client->received.interims[index].status : 0;
}

const char *bobbin_test_interim_header(const bobbin_test_client *client, size_t index,
                                       const char *name)
{
    return index < client->received.interim_count
               ? received_find(&client->received.interims[index].fields, name)
               : NULL;
}

bool bobbin_test_is_streamed(const bobbin_test_client *client)
{
    return client->is_streamed;
}

bool bobbin_test_has_timed_out(const bobbin_test_client *client)
{
    return client->has_timed_out;
}

const char *bobbin_test_calls_for(bobbin_test_client *client)
{
    return calls_text(&client->host->calls, client);
}

size_t bobbin_test_count_for(const bobbin_test_client *client, const char *callback)
{
    return calls_count(&client->host->calls, client, callback);
}
