"""A paused queue's jobs wait, whatever else happens; resumed, they run in their order."""
import os
import socket
import struct

from server import PATIENCE, Server, wait_for
from spoolreader import read_queue

APPS = {"/jobs": "jobs", "/timed": "timed", "/ledger": "ledger"}
PAUSE, RESUME, ANSWER, REFUSED = 6, 7, 3, 0xffffffff


def pausing_server(folder, queue="", processes=1):
    return Server(APPS, spool=f"processes = {processes}", folder=str(folder),
                  sections=f"[timed]\nfile = {folder}/trace\n[ledger]\nfile = {folder}/ledger",
                  queues=f"[queue:timed]\nattempts = 3\n{queue}")


def ask(server, kind, queue):
    """Says it over dispatcher.sock, and returns the state that is answered."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as leader:
        leader.settimeout(PATIENCE)
        leader.connect(os.path.join(server.spool, "dispatcher.sock"))
        name = queue.encode()
        leader.send(struct.pack("<IIQ64s", kind, len(name), 77, name))
        answer = leader.recv(1000)
    said, state, ticket = struct.unpack_from("<IIQ", answer)
    assert (said, ticket, len(answer)) == (ANSWER, 77, 48)
    return state


def put(server, path="/timed"):
    status, job = server.json(path, data=b"x")
    assert status == 202, job
    return job["id"]


def expect_ready(server, count):
    wait_for(f"{count} to wait", lambda: (read_queue(server.spool, "timed") or {}).get("ready") == count)


def ran(tmp_path):
    trace = tmp_path / "trace"
    return [line.split()[-1] for line in trace.read_text().splitlines()] if trace.exists() else []


def expect_nothing_runs_but(server, tmp_path, *jobs):
    """Jobs of another queue that were stored later are done: so the leader has passed ours over."""
    for _ in range(3):
        assert server.job(f"/jobs/{put(server, '/ledger')}")["state"] == "done"
    assert ran(tmp_path) == list(jobs)


def test_a_paused_queue_waits_and_runs_in_order_when_it_is_resumed(tmp_path):
    with pausing_server(tmp_path) as server:
        assert ask(server, PAUSE, "timed") == 1
        assert read_queue(server.spool, "timed")["paused"]
        jobs = [put(server) for _ in range(5)]
        expect_ready(server, 5)
        expect_nothing_runs_but(server, tmp_path)
        jobs += [put(server) for _ in range(5)]
        expect_ready(server, 10)
        assert ask(server, PAUSE, "timed") == 1  # again: nothing changes
        assert ask(server, RESUME, "timed") == 0
        for job in jobs:
            assert server.job(f"/jobs/{job}")["state"] == "done"
        assert ran(tmp_path) == jobs
        assert not read_queue(server.spool, "timed")["paused"]
        assert ask(server, RESUME, "timed") == 0


def test_a_pause_survives_every_death_and_a_resume_too(tmp_path):
    with pausing_server(tmp_path) as server:
        assert ask(server, PAUSE, "timed") == 1
        job = put(server)
        server.kill_all()
        server.start()
        expect_nothing_runs_but(server, tmp_path)
        expect_ready(server, 1)
        assert ask(server, RESUME, "timed") == 0
        assert server.job(f"/jobs/{job}")["state"] == "done"
        server.kill_all()
        server.start()
        assert server.job(f"/jobs/{put(server)}")["state"] == "done"


def test_a_queue_may_start_paused_until_somebody_says_otherwise(tmp_path):
    with pausing_server(tmp_path, "paused = on") as server:
        job = put(server)
        expect_nothing_runs_but(server, tmp_path)
        assert ask(server, RESUME, "timed") == 0
        assert server.job(f"/jobs/{job}")["state"] == "done"
        server.kill_all()
        server.start()
        assert server.job(f"/jobs/{put(server)}")["state"] == "done"


def test_what_is_paused_can_be_cancelled_and_expires(tmp_path):
    with pausing_server(tmp_path) as server:
        assert ask(server, PAUSE, "timed") == 1
        cancelled, kept = put(server), put(server)
        expires = put(server, "/timed?expires=1")
        expect_nothing_runs_but(server, tmp_path)
        assert server.request(f"/jobs/{cancelled}", method="DELETE")[0] < 300
        assert server.job(f"/jobs/{expires}", until=("expired",))
        expect_ready(server, 1)
        assert ask(server, RESUME, "timed") == 0
        assert server.job(f"/jobs/{kept}")["state"] == "done"
        expect_nothing_runs_but(server, tmp_path, kept)
        assert server.json(f"/jobs/{cancelled}")[1]["state"] == "cancelled"


def test_what_runs_goes_on_when_its_queue_is_paused(tmp_path):
    with pausing_server(tmp_path) as server:
        job = put(server, "/timed?ms=300")
        wait_for("it to run", lambda: server.json(f"/jobs/{job}")[1]["state"] == "running")
        assert ask(server, PAUSE, "timed") == 1
        assert server.job(f"/jobs/{job}")["state"] == "done"


def test_names_that_are_none_are_refused_and_hurt_nobody(tmp_path):
    with pausing_server(tmp_path) as server:
        for name in ("", "..", "../x", ".hidden", "a/b", "a\0b"):
            assert ask(server, PAUSE, name) == REFUSED
        assert ask(server, PAUSE, "nobody-has-used-it") == 1
        assert read_queue(server.spool, "nobody-has-used-it")["paused"]
        assert sorted(os.listdir(os.path.join(server.spool, "queues"))) == ["nobody-has-used-it"]
        assert server.job(f"/jobs/{put(server)}")["state"] == "done"
