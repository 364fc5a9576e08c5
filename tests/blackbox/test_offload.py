"""Blocking work on the thread pool, and what becomes of it when its client or its worker leaves."""
import os
import time

import pytest
from server import Server, wait_for

WORDS = ("handle", "working", "stopping", "done", "dropped", "abort", "finish", "taken", "not taken")
POOL = "threads = 2\noffload-queue = 2\nrequest-timeout = 20s\n"


@pytest.fixture(scope="module")
def server():
    with Server({"/pool": "pool", "/slow": "slow", "/": "hello"}, bobbin=POOL) as running:
        yield running


@pytest.fixture
def gate(tmp_path):
    """The file that works wait for, and open() to let them go."""
    return tmp_path / "gate"


def get(path):
    return b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode()


def begin(server, gate, count, path="until"):
    """Clients whose works have been taken, in this order."""
    clients = []
    for _ in range(count):
        mark = len(server.log())
        clients.append(server.connect().send(get(f"/pool/{path}?path={gate}")))
        wait_for("its handle", lambda: "handle" in server.calls("pool", WORDS, mark))
    return clients


def close_all(clients):
    for client in clients:
        client.close()


def test_the_loop_serves_others_while_work_blocks(server, gate):
    clients = begin(server, gate, 2)
    assert server.request("/")[0] == 200
    gate.touch()
    for client in clients:
        assert client.read_answer()[2] == b"done\n"
    close_all(clients)


def test_beyond_threads_and_queue_it_is_503_and_recovers(server, gate):
    mark = len(server.log())
    clients = begin(server, gate, 4)
    wait_for("two works", lambda: server.calls("pool", ("working",), mark) == ["working"] * 2)
    status, headers, body = server.request(f"/pool/until?path={gate}")
    assert (status, headers["Retry-After"]) == (503, "1") and b"offload-queue is full" in body
    gate.touch()
    for client in clients:
        assert client.read_answer()[2] == b"done\n"
    assert server.request(f"/pool/until?path={gate}")[2] == b"done\n"
    close_all(clients)


def test_an_answer_that_has_begun_is_cut_when_the_queue_is_full(server, gate):
    clients = begin(server, gate, 4)
    with server.connect() as client:
        client.send(get(f"/pool/begun?path={gate}"))
        assert not client.read_all().endswith(b"0\r\n\r\n")
    gate.touch()
    for client in clients:
        assert client.read_answer()[2] == b"done\n"
    close_all(clients)


def test_a_client_that_leaves_the_queue_takes_its_work_along(server, gate):
    busy = begin(server, gate, 2)
    mark = len(server.log())
    queued = begin(server, gate, 1)[0]
    queued.reset()  # a mere close could be half of one: see the header
    server.expect_calls("pool", WORDS, mark, "handle", "abort", "dropped", "finish")
    gate.touch()
    for client in busy:
        assert client.read_answer()[2] == b"done\n"
    close_all(busy)


@pytest.mark.parametrize("path", ["until", "begun"])
def test_a_client_that_leaves_tells_its_running_work_to_stop(server, gate, path):
    mark = len(server.log())
    client = begin(server, gate, 1, path)[0]
    wait_for("the work", lambda: "working" in server.calls("pool", WORDS, mark))
    client.reset()
    def look():
        calls = server.calls("pool", WORDS, mark)
        return "finish" in calls and calls
    calls = wait_for("the end", look)
    assert calls.index("abort") < calls.index("done") < calls.index("finish") == len(calls) - 1
    assert calls.count("stopping") == 1


def test_the_504_does_not_wait_for_the_work(tmp_path):
    gate = tmp_path / "gate"
    with Server({"/pool": "pool"}, bobbin="request-timeout = 300ms\n") as server, server.connect() as client:
        mark = len(server.log())
        client.send(get(f"/pool/until?path={gate}"))
        assert client.read_answer()[0] == 504
        server.expect_calls("pool", WORDS, mark, "handle", "working", "abort", "stopping", "done", "finish")


def test_an_answer_does_not_wait_for_work_that_still_runs(server, gate):
    mark = len(server.log())
    with server.connect() as client:
        client.send(get(f"/pool/ended?path={gate}") + get("/"))
        assert client.read_answer()[2] == b"ended\n"
        assert client.read_answer()[2] == b"Hello, world!\n"
        wait_for("the work", lambda: "working" in server.calls("pool", WORDS, mark))
        log = server.log()[mark:]
        assert "finish" not in server.calls("pool", WORDS, mark) and "ended twice" not in log
        gate.touch()
        server.expect_calls("pool", WORDS, mark, "handle", "working", "done", "finish")
        assert server.log()[mark:].count("ended twice") == 1


def test_several_works_of_one_request(server, gate):
    mark = len(server.log())
    client = begin(server, gate, 1, "many")[0]
    wait_for("two works", lambda: server.calls("pool", ("working",), mark) == ["working"] * 2)
    gate.touch()
    assert client.read_answer()[2] == b"done\n"
    client.close()
    server.expect_calls("pool", ("done", "finish"), mark, "done", "done", "finish")


def test_work_that_follows_work(server, gate):
    gate.touch()
    mark = len(server.log())
    assert server.request(f"/pool/again?path={gate}")[2] == b"done\n"
    server.expect_calls("pool", WORDS, mark, "handle", "working", "working", "done", "finish")


def test_a_request_that_has_ended_cannot_offload(server):
    mark = len(server.log())
    assert server.request("/pool/late")[0] == 200
    server.expect_calls("pool", WORDS, mark, "handle", "not taken", "finish")
    assert "has ended cannot offload" in server.log()[mark:]


def test_the_slow_example(server):
    begin = time.monotonic()
    assert server.request("/slow?ms=60")[2] == b"That took a while.\n"
    assert time.monotonic() - begin >= 0.06
    for wrong in ("x", "60001", "-1", "99999999999", "1.5", "12345678"):
        assert server.request(f"/slow?ms={wrong}")[0] == 400
    assert server.request("/slow?ms=")[0] == 200


def test_a_drain_waits_for_work_and_answers(gate):
    with Server({"/pool": "pool", "/": "hello"}, bobbin=POOL) as server, server.connect() as witness:
        assert witness.send(get("/")).read_answer()[0] == 200
        clients = begin(server, gate, 3)
        server.process.terminate()
        wait_for("the drain", lambda: witness.send(get("/")).read_answer()[1].get("connection") == "close")
        gate.touch()
        for client in clients:
            assert client.read_answer()[2] == b"done\n"
        assert server.process.wait(10) == 0


def test_quit_tells_works_to_stop_and_drops_those_that_wait(gate):
    with Server({"/pool": "pool"}, bobbin=POOL) as server:
        begin(server, gate, 4)
        mark = len(server.log())
        assert server.stop(3) == 0
        calls = server.calls("pool", WORDS, mark)
        assert calls.count("stopping") == 2 and calls.count("done") == 2 and calls.count("dropped") == 2
        assert calls.count("abort") == 4 and calls.count("finish") == 4


def test_a_crash_in_a_work_is_blamed_on_its_plugin():
    with Server({"/pool": "pool", "/": "hello"}, bobbin=POOL) as server:
        with server.connect() as client:
            client.send(get("/pool/crash"))
            assert client.read_all() == b""
        wait_for("the blame", lambda: "(Aborted) in work of pool" in server.log())
        wait_for("a new worker", lambda: server.request("/")[0] == 200)


def test_a_worker_that_never_offloads_has_no_threads():
    with Server({"/": "hello"}) as server:
        assert len(os.listdir(f"/proc/{server.one('worker')}/task")) == 1
