"""What a request costs in memory."""
import os

import pytest
from server import BUILD, Server

GET = b"GET %s HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\n\r\n"

pytestmark = pytest.mark.slow  # sanitizers have a malloc of their own


def test_a_request_on_an_open_connection_calls_no_malloc():
    preload = os.path.join(BUILD, "tests", "plugins", "countmalloc.so")
    with Server({"/": "hello", "/echo": "echo", "/mallocs": "mallocs"},
                environment={"LD_PRELOAD": preload}) as server:
        with server.connect() as client:
            def ask(request):
                return client.send(request).read_answer()[2]

            def round_of_requests():
                ask(GET % b"/?name=you")
                ask(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nsome body")
                ask(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                    b"3\r\nabc\r\n0\r\n\r\n")
                client.send(GET % b"/1" + GET % b"/2" + GET % b"/3")
                for _ in range(3):
                    client.read_answer()

            round_of_requests()
            before = int(ask(GET % b"/mallocs"))
            assert before > 0
            for _ in range(200):
                round_of_requests()
            assert int(ask(GET % b"/mallocs")) == before
