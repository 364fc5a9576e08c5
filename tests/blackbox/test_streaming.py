"""Answers that go out while they are written, bodies that come in while they are read."""
import os
import socket
import threading
import time

import pytest
from server import Server, wait_for

APPS = {"/s": "stream", "/echo": "echo", "/events": "events", "/buffered": "echo:buffered", "/": "hello"}
TIMES = "head-timeout = 2s\nbody-timeout = 700ms\nwrite-timeout = 700ms\nrequest-timeout = 600ms\n" \
    "max-body = 1m\nbody-memory = 16k\nanswer-memory = 4m\n"
SECTIONS = "[echo]\nstream = on\n[echo:buffered]\n"


@pytest.fixture(scope="module")
def server():
    with Server(APPS, bobbin=TIMES, sections=SECTIONS) as running:
        yield running


def get(path, more=b""):
    return b"GET %s HTTP/1.1\r\nHost: a\r\n%s\r\n" % (path.encode(), more)


def since(server, mark):
    return server.log()[mark:]


def calls(server, mark, *expected):
    """Waits until the plugin's callbacks have been exactly these."""
    server.expect_calls("stream", ("handle", "abort", "finish", "gone"), mark, *expected, seconds=5)


def memory_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("RssAnon"))


# ---------------------------------------------------------------- out


@pytest.mark.parametrize("size, piece", [(0, 1), (1, 1), (1000, 10), (100_000, 7), (3_000_000, 1000),
                                         (50_000_000, 1_000_000)])
def test_a_streamed_answer_is_chunked_and_whole(server, size, piece):
    with server.connect() as client:
        for _ in range(2):  # the connection goes on behind it
            client.send(get(f"/s/write?size={size}&piece={piece}"))
            status, headers, _ = client.read_answer()
            assert status == 200 and headers["transfer-encoding"] == "chunked"
            body, trailers, sizes = client.read_chunked()
            assert body == bytes(size) and trailers == {}
        assert piece > 8192 or len(sizes) <= size // (16384 - piece) + 2  # small writes are collected


def test_a_declared_length_is_sent_without_chunks(server):
    with server.connect() as client:
        for _ in range(2):
            client.send(get("/s/write?size=300000&length=300000"))
            status, headers, body = client.read_answer()
            assert (status, body) == (200, bytes(300000)) and "transfer-encoding" not in headers


def test_what_is_written_beyond_the_declared_length_is_cut_off_and_logged(server):
    mark = len(server.log())
    with server.connect() as client:
        for _ in range(2):
            client.send(get("/s/write?size=30001&length=30000&piece=20000"))
            assert client.read_answer()[2] == bytes(30000)
        client.send(get("/s/flood?size=100&length=10"))
        assert client.read_answer()[2] == bytes(10)
    assert since(server, mark).count("more was written than the length that was declared") == 3


def test_less_than_the_declared_length_closes_the_connection(server):
    mark = len(server.log())
    with server.connect() as client:
        client.send(get("/s/write?size=29999&length=30000") + get("/"))
        answer = client.read_all()
        assert answer.count(b"HTTP/1.1") <= 1 and answer.count(b"\0") <= 29999
    assert "less was written than the length that was declared" in since(server, mark)
    calls(server, mark, "handle", "finish")


def test_http_1_0_gets_an_unknown_length_until_the_connection_closes(server):
    with server.connect() as client:
        client.send(b"GET /s/write?size=30000 HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        status, headers, _ = client.read_answer()
        assert status == 200 and headers["connection"] == "close" and "transfer-encoding" not in headers
        assert client.read_all() == bytes(30000)


@pytest.mark.parametrize("length", ["", "&length=100000"])
def test_head_gets_the_head_of_a_streamed_answer_and_no_body(server, length):
    with server.connect() as client:
        client.send(f"HEAD /s/write?size=100000{length} HTTP/1.1\r\nHost: a\r\n\r\n".encode() + get("/"))
        status, headers, _ = client.read_answer(head_only=True)
        assert status == 200
        assert client.read_answer()[2] == b"Hello, world!\n"


def test_streams_and_other_answers_are_pipelined_in_order(server):
    with server.connect() as client:
        client.send((get("/s/write?size=70000") + get("/") + get("/s/slowly?size=3000&piece=1000")) * 5)
        for _ in range(5):
            client.read_answer()
            assert client.read_chunked()[0] == bytes(70000)
            assert client.read_answer()[2] == b"Hello, world!\n"
            client.read_answer()
            assert client.read_chunked()[0] == bytes(3000)


def test_what_a_timer_writes_leaves_at_once(server):
    with server.connect() as client:
        client.send(get("/s/slowly?size=5000&piece=1000"))
        client.read_answer()
        assert client.read_chunked()[2] == [1000] * 5


def test_ranges_of_files_and_words_follow_each_other(server, tmp_path):
    content = os.urandom(3_000_001)
    (tmp_path / "file").write_bytes(content)
    whole = b"<" + content[1_500_000:] + b"|" + content[:1_500_000] + b">"
    with server.connect() as client:
        client.send(get(f"/s/ranges?file={tmp_path}/file&size=3000001") + get("/"))
        client.read_answer()
        assert client.read_chunked()[0] == whole
        assert client.read_answer()[2] == b"Hello, world!\n"
        client.send(get(f"/s/ranges?file={tmp_path}/file&size=3000001&length={len(whole)}"))
        assert client.read_answer()[2] == whole


def test_a_file_that_ends_early_cuts_the_connection(server, tmp_path):
    (tmp_path / "file").write_bytes(bytes(1000))
    with server.connect() as client:
        client.send(get(f"/s/ranges?file={tmp_path}/file&size=3000"))
        assert not client.read_all().endswith(b"0\r\n\r\n")


def test_trailers_follow_a_chunked_body_and_nothing_else(server):
    mark = len(server.log())
    with server.connect() as client:
        client.send(get("/s/trailers"))
        client.read_answer()
        body, trailers, _ = client.read_chunked()
        assert (body, trailers) == (b"body", {"x-sum": "42", "x-two": ""})
        client.send(get("/s/trailers?length=4"))
        assert client.read_answer()[2] == b"body"
        client.send(b"GET /s/trailers HTTP/1.0\r\n\r\n")
        client.read_answer()
        assert client.read_all() == b"body"
    log = since(server, mark)
    assert "an illegal trailer was taken" not in log and log.count("no early trailer") == 3
    assert log.count(": trailer\n") == 1 and log.count(": no trailer\n") == 2


def test_interim_answers_come_before_the_answer(server):
    mark = len(server.log())
    with server.connect() as client:
        client.send(get("/s/hints"))
        status, headers, _ = client.read_answer()
        assert (status, headers["link"]) == (103, "</style.css>; rel=preload")
        assert "content-length" not in headers and "connection" not in headers
        assert client.read_answer()[0] == 102
        assert client.read_answer()[0] == 200
        assert client.read_chunked()[0] == b"hinted\n"
        client.send(b"GET /s/hints HTTP/1.0\r\n\r\n")  # RFC 9110, section 15.2
        assert client.read_answer()[0] == 200
        assert client.read_all() == b"not hinted\n"
    assert "was taken" not in since(server, mark)


def test_what_there_is_of_a_cut_answer_comes(server):
    for path, end in (("/s/write?size=10&length=50", bytes(10)), ("/s/cut", b"8\r\na piece\n\r\n")):
        mark = len(server.log())
        with server.connect() as client:
            answer = client.send(get("/") + get(path)).read_all()  # and the one before it
            assert b"Hello, world!\n" in answer and answer.count(b"HTTP/1.1 200") == 2 and answer.endswith(end), answer
        calls(server, mark, "handle", "finish")


def test_an_answer_that_would_end_with_the_connection_is_cut_by_a_reset(server):
    mark = len(server.log())
    with server.connect() as client:
        client.send(b"GET /s/cut HTTP/1.0\r\n\r\n")
        with pytest.raises(ConnectionResetError):
            while client.socket.recv(1000):
                pass
    calls(server, mark, "handle", "finish")


def test_an_answer_that_is_cut_is_never_whole(server):
    for how in ("cut", "refuse"):
        mark = len(server.log())
        with server.connect() as client:
            client.send(get(f"/s/{how}"))
            assert not client.read_all().endswith(b"0\r\n\r\n")
        calls(server, mark, "handle", "finish")
    assert "the well is dry" in server.log()


def test_an_app_that_falls_silent_is_cut_at_request_timeout(server):
    mark = len(server.log())
    begin = time.monotonic()
    with server.connect() as client:
        client.send(get("/s/silent"))
        assert not client.read_all().endswith(b"0\r\n\r\n")
    assert 0.5 < time.monotonic() - begin < 5
    calls(server, mark, "handle", "abort", "finish")
    assert "was not continued in time" in since(server, mark)


def test_an_app_that_writes_now_and_then_is_not_cut(server):
    with server.connect() as client:
        client.send(get("/s/slowly?size=100&piece=1"))  # 2 s, request-timeout is 600 ms
        client.read_answer()
        assert client.read_chunked()[0] == bytes(100)


def test_a_client_that_does_not_read_is_left_at_write_timeout(server):
    mark = len(server.log())
    with server.connect() as client:
        client.send(get("/s/write?size=100000000&piece=100000"))
        calls(server, mark, "handle", "abort", "finish")


@pytest.mark.parametrize("leave", ["close", "reset"])
def test_a_client_that_leaves_while_it_reads_aborts_the_app(server, leave):
    mark = len(server.log())
    client = server.connect().send(get("/s/write?size=1000000000&piece=100000"))
    client.read_answer()
    getattr(client, leave)()
    calls(server, mark, "handle", "abort", "finish")


def test_an_app_that_floods_is_cut_at_answer_memory(server):
    mark = len(server.log())
    with server.connect() as client:
        client.send(get("/s/flood?size=1000000000&piece=100000"))
        calls(server, mark, "handle", "gone", "abort", "finish")
    assert "answer-memory is full" in since(server, mark)
    assert server.request("/")[0] == 200


def slow_reader(port, path, seconds):
    """Reads 1 KB/s."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        client.sendall(get(path))
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert client.recv(50)
            time.sleep(0.05)


def test_a_gigabyte_to_clients_that_read_1_kb_a_second_costs_little_memory():
    with Server({"/s": "stream"}) as server:
        worker = server.one("worker")
        before = memory_of(worker)
        threads = [threading.Thread(target=slow_reader, args=(server.port, "/s/write?size=1000000000&piece=10000", 3))
                   for _ in range(10)]
        for thread in threads:
            thread.start()
        most = 0
        while any(thread.is_alive() for thread in threads):
            most = max(most, memory_of(worker) - before)
            time.sleep(0.05)
        for thread in threads:
            thread.join()
        print(f"10 answers of 1 GB to clients that read 1 KB/s: {most} KiB more")
        # write-high-mark is 256 KiB; a piece more and the blocks they lie in
        assert most < 10 * 400 + (20000 if "asan" in server.folder + os.environ.get("BOBBIN_BUILD", "") else 0)


def test_events_come_until_the_client_leaves():
    with Server({"/events": "events"}) as server, server.connect() as client:
        client.send(get("/events"))
        _, headers, _ = client.read_answer()
        assert headers["content-type"] == "text/event-stream"
        while client.buffer.count(b"event: tick\ndata: ") < 2:
            client._more()


def test_listeners_are_let_go_when_the_server_drains():
    with Server({"/events": "events"}) as server, server.connect() as client:
        client.send(get("/events"))
        client.read_answer()
        begin = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - begin < 10
        assert client.read_all().endswith(b"0\r\n\r\n")


# ---------------------------------------------------------------- in


@pytest.mark.parametrize("size", [0, 1, 1000, 16384, 100_000, 5_000_000])
def test_echo_streams_any_size(server, size):
    body = os.urandom(size)
    assert server.request("/echo", data=body, method="POST")[2] == body
    with server.connect() as client:
        sender = threading.Thread(target=client.send, args=(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
            b"".join(b"%x\r\n%s\r\n" % (len(body[at:at + 7000]), body[at:at + 7000])
                     for at in range(0, size, 7000)) + b"0\r\n\r\n" + get("/"),))
        sender.start()
        client.read_answer()
        assert client.read_chunked()[0] == body
        assert client.read_answer()[2] == b"Hello, world!\n"
        sender.join()


def test_a_streamed_body_has_no_limit_and_costs_no_memory(server):
    worker = server.one("worker")
    before, size = memory_of(worker), 200_000_000
    with server.connect() as client:
        def send():
            client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
            for _ in range(200):
                client.send(bytes(1_000_000))
        sender = threading.Thread(target=send)
        sender.start()
        status, most, got = None, 0, 0
        while got < size:
            data = client.socket.recv(1 << 20)
            assert data
            got += len(data)
            most = max(most, memory_of(worker) - before)
        sender.join()
    asan = "asan" in os.environ.get("BOBBIN_BUILD", "")
    assert most < (30000 if asan else 2000), most


def test_a_sender_that_does_not_read_is_paused_then_left(server):
    with server.connect() as client:
        client.socket.settimeout(5)
        client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n")
        with pytest.raises((ConnectionError, socket.timeout)) as left:
            for _ in range(1000):
                client.send(bytes(1_000_000))
        assert not isinstance(left.value, socket.timeout)


@pytest.mark.parametrize("size", [0, 1, 20_000, 300_000])
def test_a_paused_body_waits_and_loses_nothing(server, size):
    mark = len(server.log())
    with server.connect() as client:
        client.send(b"POST /s/upload HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size + bytes(size) + get("/"))
        assert client.read_answer()[2].startswith(b"%d bytes in " % size)
        assert client.read_answer()[2] == b"Hello, world!\n"
    assert "a piece came in a pause" not in since(server, mark)


def test_a_client_that_half_closes_in_a_pause_gets_its_answer(server):
    with server.connect() as client:
        client.send(b"POST /s/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + bytes(200000))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_answer()[2].startswith(b"200000 bytes in ")


def test_a_client_that_half_closes_within_its_body_aborts_the_app(server):
    mark = len(server.log())
    with server.connect() as client:
        client.send(b"POST /s/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n" + bytes(100000))
        client.socket.shutdown(socket.SHUT_WR)
        assert client.is_closed()
    calls(server, mark, "handle", "abort", "finish")


def test_a_body_that_stops_coming_is_408_and_the_app_is_aborted(server):
    mark = len(server.log())
    with server.connect() as client:
        client.send(b"POST /s/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        status, headers, _ = client.read_answer()
        assert status == 408 and headers["connection"] == "close"
    calls(server, mark, "handle", "abort", "finish")


def test_a_bad_chunk_is_400_and_the_app_is_aborted(server):
    mark = len(server.log())
    with server.connect() as client:
        client.send(b"POST /s/upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nxyz\r\n")
        status, headers, _ = client.read_answer()
        assert status == 400 and headers["connection"] == "close"
    calls(server, mark, "handle", "abort", "finish")


def test_a_bad_chunk_cuts_an_answer_that_has_begun(server):
    with server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
        assert client.read_answer()[0] == 200
        client.send(b"xyz\r\n")
        assert not client.read_all().endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("size, place", [(0, b"memory"), (1, b"memory"), (16384, b"memory"), (16385, b"a file"),
                                         (1048576, b"a file")])
def test_a_collected_body_is_where_it_would_be_without_streaming(server, size, place):
    assert server.request("/s/collect", data=bytes(size), method="POST")[2] == b"%d bytes in %s\n" % (size, place)
    body = os.urandom(size)
    assert server.request("/buffered", data=body, method="POST")[2] == body


def test_a_collected_body_beyond_max_body_is_413(server):
    for head in (b"Content-Length: 1048577\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n100001\r\n" + bytes(0x100001)):
        mark = len(server.log())
        with server.connect() as client:
            client.send(b"POST /s/collect HTTP/1.1\r\nHost: a\r\n" + head)
            status, headers, _ = client.read_answer()
            assert status == 413 and headers["connection"] == "close"
        wait_for("the end", lambda: "finish" in since(server, mark))


def test_100_continue_comes_when_the_app_wants_the_body(server):
    with server.connect() as client:
        client.send(b"POST /s/upload HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        assert client.read_answer()[0] == 100
        client.send(b"abc")
        assert client.read_answer()[0] == 200
        client.send(b"POST /s/early HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
        status, headers, body = client.read_answer()
        assert (status, body, headers["connection"]) == (200, b"early\n", "close")


def test_an_early_answer_reads_a_little_of_the_body_and_keeps_the_connection(server):
    for path, answer in (("early", b"early\n"), ("nowhere-else", None)):
        with server.connect() as client:
            client.send(f"POST /s/{path} HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n".encode() + bytes(100)
                        if answer else b"POST /s/early HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
            assert client.read_answer()[2] == b"early\n"
            if answer:
                client.send(bytes(59900))
            client.send(get("/"))
            assert client.read_answer()[2] == b"Hello, world!\n"


def test_an_early_answer_to_a_long_body_closes_and_is_not_lost(server):
    for head in (b"Content-Length: 10000000", b"Transfer-Encoding: chunked"):
        with server.connect() as client:
            client.send(b"POST /s/early HTTP/1.1\r\nHost: a\r\n" + head + b"\r\n\r\n10000\r\n" + bytes(65536))
            status, headers, body = client.read_answer()
            assert (status, body, headers["connection"]) == (200, b"early\n", "close")


def test_a_stream_that_ends_before_its_body_has_come_is_whole(server):
    with server.connect() as client:
        client.send(b"POST /s/early-stream HTTP/1.1\r\nHost: a\r\nContent-Length: 50000\r\n\r\n")
        client.read_answer()
        assert client.read_chunked()[0] == b"a piece\n"
        client.send(bytes(50000) + get("/"))
        assert client.read_answer()[2] == b"Hello, world!\n"


def test_a_drain_lets_streams_end():
    with Server({"/s": "stream"}) as server, server.connect() as client:
        client.send(get("/s/slowly?size=20&piece=1"))
        client.read_answer()
        server.process.terminate()
        assert client.read_chunked()[0] == bytes(20)
        assert client.is_closed()
        assert server.process.wait(10) == 0
