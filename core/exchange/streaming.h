/*
 * Answers that go out while they are written, and bodies that come in while they are read: the part
 * of a request that moves both along. The calls of plugins/bobbin.h are in answering.c (what every
 * answer has) and streaming.c.
 *
 * What an app writes is collected in answer->body and sent on when that is large enough, or when
 * the app's callback has returned (streaming_send_on), so that ten small writes make one chunk.
 */
#ifndef CORE_EXCHANGE_STREAMING_H
#define CORE_EXCHANGE_STREAMING_H

#include "core/exchange/request.h"

/* bobbin_write to an answer that is STREAMED. */
enum bobbin_flow streaming_write(bobbin_request *request, const void *data, size_t length);

/* The same after length bytes were appended to answer->body. */
enum bobbin_flow streaming_wrote(bobbin_request *request, size_t length);

/* bobbin_send_file to an answer that is STREAMED; the descriptor is taken. */
bool streaming_send_file(bobbin_request *request, int fd, uint64_t offset, uint64_t length);

/* For the client: hands what the app has written to exchange->client->send. Nothing to do for
 * requests that do not stream. */
void streaming_send_on(bobbin_request *request);

/* The app ends it: what is missing of a declared length cuts it. */
void streaming_end(bobbin_request *request);

/* Whether the app waits for on_writable, and may go on: less than the low mark waits. */
bool streaming_is_writable(const bobbin_request *request);
void streaming_tell_writable(bobbin_request *request);

/* A piece of the body, or its end, to on_body; nothing when the app has ended the request. */
void streaming_take_piece(bobbin_request *request, bobbin_str piece, bool is_last);

#endif
