"""Plugins with bad manners: what they do to themselves, and never to others."""
import os
import time

import pytest
from server import BINARY, Client, Server, free_port, wait_for

with open(BINARY, "rb") as binary:
    IS_SANITIZED = b"__asan_init" in binary.read()

# What the path makes crash, and what the log then blames.
PLACES = {"/segv": "handle", "/on_body": "on_body", "/on_writable": "on_writable", "/on_abort": "on_abort",
          "/on_finish": "on_finish", "/timer": "a timer", "/posted": "a posted call", "/on_stored": "on_stored",
          "/on_job": "on_job", "/work": "work", "/done": "done"}


def get(path):
    return b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode()


def memory_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return sum(int(line.split()[1]) for line in file if line.startswith("RssAnon"))


# ---------------------------------------------------------------- crashes


def connect_to_each(server):
    """{worker: kept-alive connections to it}, some to each of the two."""
    clients = {}
    while len(clients) < 2:
        for client in [server.connect() for _ in range(20)]:
            clients.setdefault(int(client.send(get("/pid")).read_answer()[2]), []).append(client)
    return clients


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer has its own say at a crash")
def test_a_crash_closes_its_own_workers_connections_and_no_others():
    with Server({"/": "crash"}, workers=2) as server:
        clients = connect_to_each(server)
        crashed, other = clients
        victim = clients[crashed].pop()
        assert victim.send(get("/segv")).read_all() == b""
        wait_for("a new worker", lambda: crashed not in server.processes("worker")
                 and len(server.processes("worker")) == 2)
        for client in clients[crashed]:
            assert client.is_closed()
        for client in clients[other]:
            assert int(client.send(get("/pid")).read_answer()[2]) == other
            client.close()
        for _ in range(50):
            assert server.request("/")[0] == 200


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer has its own say at a crash")
@pytest.mark.parametrize("path", PLACES)
def test_a_crash_is_blamed_on_the_callback_that_ran(path):
    with Server({"/": "crash"}, bobbin="request-timeout = 200ms\n", spool="") as server:
        with server.connect() as client:
            client.send(get(path))
            if path == "/on_writable":
                wait_for("something to read", lambda: client.socket.recv(65536))
            assert b"HTTP/1.1 504" not in client.read_all()
        wait_for("the blame", lambda: f" in {PLACES[path]} of crash" in server.log())
        wait_for("a new worker", lambda: server.request("/")[2] == b"still here\n")


@pytest.mark.skipif(IS_SANITIZED, reason="a sanitizer has its own say at a crash")
def test_a_crash_of_a_protocol_is_blamed_on_it():
    port = free_port()
    with Server({"/": "hello"}, bobbin=f"listen = wire://127.0.0.1:{port}\n") as server:
        with Client(port) as client:
            assert client.send(b"!").read_all() == b""
        wait_for("the blame", lambda: "(Aborted) in feed of wire" in server.log())
        wait_for("a new worker", lambda: server.request("/")[0] == 200)


# ---------------------------------------------------------------- requests without an end


def test_requests_that_nobody_ends_are_504_and_leave_nothing():
    with Server({"/rude": "rude", "/": "hello"}, bobbin="request-timeout = 300ms\nmax-requests = 50\n") as server:
        worker = server.one("worker")
        for round in range(4):
            clients = [server.connect().send(get("/rude/never")) for _ in range(50)]
            with server.connect() as late:  # as many as apps may have: who comes now is told at once
                statuses = set()
                while 503 not in statuses:
                    status, headers, _ = late.send(get("/")).read_answer()
                    statuses.add(status)
                assert headers["retry-after"] == "1"
            for client in clients:
                assert client.read_answer()[0] == 504
                assert client.send(get("/")).read_answer()[0] == 200  # the connection goes on
                client.close()
            if round == 0:
                before = memory_of(worker)
        assert memory_of(worker) - before < (20000 if IS_SANITIZED else 500)


def test_tickets_that_are_never_let_go_are_harmless():
    with Server({"/rude": "rude", "/": "hello"}, bobbin="request-timeout = 50ms\n") as server:
        worker = server.one("worker")
        for round in range(30):  # up to 30,000 stale tickets are posted to each time
            assert server.request("/rude/leak")[0] == 504
            if round == 10:
                before = memory_of(worker)
        assert server.request("/")[0] == 200
        assert server.processes("worker") == [worker]
        assert memory_of(worker) - before < (50000 if IS_SANITIZED else 4000)


# ---------------------------------------------------------------- too much


def test_an_answer_that_grows_without_end_becomes_500():
    with Server({"/rude": "rude", "/": "hello"}, bobbin="answer-memory = 1m\n") as server:
        worker = server.one("worker")
        before = memory_of(worker)
        for _ in range(5):
            status, _, body = server.request("/rude/hoard")
            assert status == 500 and b"the answer is too large" in body
        assert memory_of(worker) - before < (60000 if IS_SANITIZED else 3000)
        assert "larger than answer-memory" in server.log()


def test_many_that_flood_their_clients_are_cut_and_others_are_served():
    with Server({"/s": "stream", "/": "hello"}, bobbin="answer-memory = 256k\n") as server:
        worker = server.one("worker")
        floods = [server.connect().send(get("/s/flood?size=1000000000&piece=100000")) for _ in range(50)]
        wait_for("all to be cut", lambda: server.log().count("answer-memory is full") == 50)
        assert server.request("/")[0] == 200
        assert memory_of(worker) < (200000 if IS_SANITIZED else 50 * 600)
        for client in floods:
            client.close()


# ---------------------------------------------------------------- the loop


def test_who_holds_the_loop_is_told_by_name():
    with Server({"/rude": "rude", "/": "hello"}) as server:
        def holders():
            return [line for line in server.log().splitlines() if "held the loop" in line]
        for _ in range(20):
            server.request("/rude/hold?ms=20")
        assert not holders() or IS_SANITIZED
        server.request("/rude/hold?ms=80")
        line = wait_for("the line", holders)[-1]
        assert " rude: handle held the loop for " in line and "warning" in line
        time.sleep(1.1)  # one line a second: the next may be told again
        server.request("/rude/timer?ms=80")
        wait_for("the timer", lambda: " rude: a timer held the loop for " in server.log())
        for _ in range(5):
            server.request("/rude/hold?ms=60")
        count = len(holders())
        assert count <= 3
        time.sleep(1.1)
        server.request("/rude/hold?ms=60")
        wait_for("how many were not told", lambda: "(0 more" not in holders()[-1] and len(holders()) > count)


# ---------------------------------------------------------------- the end, and what is put into headers


def test_what_comes_after_the_end_is_logged_and_does_nothing():
    with Server({"/rude": "rude"}) as server:
        with server.connect() as client:
            for _ in range(2):
                status, headers, body = client.send(get("/rude/twice")).read_answer()
                assert (status, body) == (200, b"once\n") and "x-late" not in headers
        lines = [line for line in server.log().splitlines() if "ended twice" in line]
        assert len(lines) == 6 and all(" rude: " in line and "/rude/twice" in line for line in lines)


@pytest.mark.parametrize("value", ["a%0d%0ab:%20c", "a%0ab", "a%0db", "%00x", "a%01b", "a%7fb", "%0a", "x%1b[31m"])
def test_a_header_that_would_split_the_answer_is_refused(value):
    with Server({"/rude": "rude"}) as server, server.connect() as client:
        status, headers, body = client.send(get(f"/rude/inject?value={value}")).read_answer()
        # C's strings end at NUL: what is before it is a legal value
        assert (status, body) == (200, b"taken\n" if value == "%00x" else b"refused\n")
        assert headers.get("x-echo", "") == "" and "b" not in headers
        assert ("control character" in server.log()) == (value != "%00x")


@pytest.mark.parametrize("name", ["", "a%20b", "a:b", "a%0d", "Connection", "content-length", "Transfer-Encoding",
                                  "keep-alive", "DATE", "trailer", "upgrade", "x%c3%a4"])
def test_a_name_that_is_no_token_or_the_servers_own_is_refused(name):
    with Server({"/rude": "rude"}) as server, server.connect() as client:
        status, headers, body = client.send(get(f"/rude/inject?value=1&name={name}")).read_answer()
        assert (status, body) == (200, b"refused\n") and headers["content-length"] == "8"


@pytest.mark.parametrize("value", ["plain", "tab%09inside", "%c3%a4%ff", ""])
def test_a_legal_header_is_sent_as_it_is(value):
    with Server({"/rude": "rude"}) as server, server.connect() as client:
        status, headers, body = client.send(get(f"/rude/inject?value={value}")).read_answer()
        assert (status, body) == (200, b"taken\n") and "x-echo" in headers
