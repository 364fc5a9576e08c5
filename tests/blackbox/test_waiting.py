"""Waiting for the end of a job: in time, too late, from every worker, whoever dies meanwhile."""
import datetime
import os
import re
import signal
import time

import pytest
from photos import opened, photo
from server import Server, wait_for

APPS = {"/jobs": "jobs", "/ledger": "ledger", "/thumbnails": "thumbnail", "/patience": "patience"}
QUEUE = "[queue:ledger]\nattempts = 50\nbackoff = 50ms\nbackoff-max = 200ms\nkill-after = 500ms\n"


def waiting_server(folder, more="", **settings):
    return Server(APPS, spool=settings.pop("spool", "processes = 2"), folder=str(folder),
                  queues=QUEUE + more, sections=f"[ledger]\nfile = {folder}/trace", **settings)


def spool(server, query="", body=b"payload"):
    status, job = server.json(f"/ledger{query}", data=body)
    assert status == 202, job
    return job["id"]


def ask(server, path):
    """A connection on which the answer to a GET will come."""
    return server.connect().send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())


def state_of(server, job):
    return server.json(f"/jobs/{job}")[1]["state"]


def spooler_of(server):
    return server.one("bobbin-spooler")


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def events_of(server):
    return re.findall(r"on_job \w+|on_abort|on_finish", server.log())


def test_a_wait_is_answered_when_the_job_ends(tmp_path):
    with waiting_server(tmp_path, workers=2) as server:
        job = spool(server, "?ms=300")
        status, found = server.json(f"/jobs/{job}?wait=20s")
        assert (status, found["state"]) == (200, "done")
        # By the leader's word, and not by the next look at the files.
        assert time.time() - seconds_of(found["ended"]) < 0.2


def test_a_result_can_be_waited_for(tmp_path):
    with waiting_server(tmp_path) as server:
        job = spool(server, "?ms=200", body=b"some words")
        assert server.request(f"/jobs/{job}/result?wait=20s")[::2] == (200, b"some words")


def test_a_job_that_has_ended_or_is_unknown_is_answered_at_once(tmp_path):
    with waiting_server(tmp_path) as server:
        job = spool(server)
        server.job(f"/jobs/{job}")
        begun = time.monotonic()
        assert server.json(f"/jobs/{job}?wait=20s")[1]["state"] == "done"
        assert server.request(f"/jobs/{job}/result?wait=20s")[2] == b"payload"
        assert server.json("/jobs/nonsense?wait=20s")[0] == 404
        assert server.json(f"/jobs/{job[:-1]}{'0' if job[-1] != '0' else '2'}?wait=20s")[0] == 404
        assert time.monotonic() - begun < 10


def test_a_wait_that_is_too_short_tells_how_the_job_is(tmp_path):
    with waiting_server(tmp_path) as server:
        job = spool(server, "?ms=20000")
        wait_for("it to run", lambda: state_of(server, job) == "running")
        begun = time.monotonic()
        assert server.json(f"/jobs/{job}?wait=300ms")[1]["state"] == "running"
        assert time.monotonic() - begun >= 0.25
        assert server.request(f"/jobs/{job}/result?wait=10ms")[0] == 404
        server.request(f"/jobs/{job}", method="DELETE")


def test_a_wait_is_cut_to_max_wait(tmp_path):
    with waiting_server(tmp_path, more="[jobs]\nmax-wait = 100ms\n") as server:
        job = spool(server, "?ms=20000")
        assert server.json(f"/jobs/{job}?wait=500m")[1]["state"] in ("ready", "running")
        server.request(f"/jobs/{job}", method="DELETE")


@pytest.mark.parametrize("wrong", ["", "s", "10x", "10S", "-1s", "%2B1s", "1.5s", "99999999999999999999s", "10s%20"])
def test_a_malformed_wait_is_400_with_a_sentence(tmp_path, wrong):
    with waiting_server(tmp_path) as server:
        for path in ("", "/result"):
            status, answer = server.json(f"/jobs/x{path}?wait={wrong}")
            assert status == 400
            assert answer["error"].startswith("wait is a time like 250ms, 10s or 2m, not ")


def test_failed_and_cancelled_jobs_end_a_wait(tmp_path):
    with waiting_server(tmp_path, spool="processes = 1") as server:
        running, waiting = spool(server, "?do=hang"), spool(server)
        clients = [ask(server, f"/jobs/{job}?wait=25s") for job in (running, waiting)]
        wait_for("it to run", lambda: state_of(server, running) == "running")
        server.request(f"/jobs/{waiting}", method="DELETE")
        assert b'"state": "cancelled"' in clients[1].read_answer()[2]
        server.request(f"/jobs/{running}", method="DELETE")
        assert b'"state": "cancelled"' in clients[0].read_answer()[2]
        assert server.json(f"/jobs/{spool(server, '?do=fail')}?wait=20s")[1]["state"] == "dead"


def test_a_client_that_leaves_ends_its_wait(tmp_path):
    with waiting_server(tmp_path) as server:
        job = spool(server, "?ms=20000")
        wait_for("it to run", lambda: state_of(server, job) == "running")
        client = ask(server, f"/patience/{job}?ms=25000")
        server.json(f"/jobs/{job}")
        assert events_of(server) == []
        client.reset()  # a mere close would still get its answer
        wait_for("on_finish", lambda: "on_finish" in events_of(server))
        assert events_of(server) == ["on_abort", "on_job running", "on_finish"]
        server.request(f"/jobs/{job}", method="DELETE")
        server.job(f"/jobs/{job}")
    assert events_of(server) == ["on_abort", "on_job running", "on_finish"]


def test_a_wait_that_begins_when_the_client_has_left_is_told_at_once(tmp_path):
    with waiting_server(tmp_path) as server:
        client = ask(server, "/patience/x?late=1")
        server.json("/jobs/x")
        client.reset()
        wait_for("on_finish", lambda: "on_finish" in events_of(server))
        assert events_of(server) == ["on_abort", "on_job unknown", "on_finish"]
    assert events_of(server) == ["on_abort", "on_job unknown", "on_finish"]


def test_request_timeout_ends_a_wait(tmp_path):
    with waiting_server(tmp_path, bobbin="request-timeout = 200ms") as server:
        job = spool(server, "?ms=20000")
        client = ask(server, f"/patience/{job}?ms=25000")
        assert client.read_answer()[0] == 504
        wait_for("on_finish", lambda: "on_finish" in events_of(server))
        assert re.fullmatch("on_abort on_job (ready|running) on_finish",
                            " ".join(events_of(server)))
        server.request(f"/jobs/{job}", method="DELETE")


def test_a_request_that_is_ended_while_it_waits_is_answered_at_once(tmp_path):
    with waiting_server(tmp_path) as server:
        job = spool(server, "?ms=20000")
        client = ask(server, f"/patience/{job}?ms=25000&end=1")
        assert client.read_answer()[::2] == (200, b"at once\n")
        wait_for("on_finish", lambda: "on_finish" in events_of(server))
        assert re.fullmatch("on_job (ready|running) on_finish", " ".join(events_of(server)))
        server.request(f"/jobs/{job}", method="DELETE")


def test_clients_that_wait_get_the_result_from_the_next_leader(tmp_path):
    with waiting_server(tmp_path) as server:
        jobs = [spool(server, "?ms=400", body=b"%d" % i) for i in range(8)]
        clients = [ask(server, f"/jobs/{job}/result?wait=30s") for job in jobs]
        for _ in range(2):
            spooler = wait_for("a job to run", lambda: any(
                state_of(server, job) == "running" for job in jobs) and spooler_of(server))
            os.kill(spooler, signal.SIGKILL)
            wait_for("another leader", lambda: [
                pid for pid in server.processes("bobbin-spooler") if pid != spooler])
        for number, client in enumerate(clients):
            assert client.read_answer()[::2] == (200, b"%d" % number)


def test_without_a_spooler_a_wait_ends_at_its_limit_or_by_a_look_at_the_files(tmp_path):
    spooler = waiting_server(tmp_path, role="spooler")
    spooler.ini = os.rename(spooler.ini, f"{tmp_path}/spooler.ini") or f"{tmp_path}/spooler.ini"
    with waiting_server(tmp_path, role="web") as web:
        job = spool(web)
        assert web.json(f"/jobs/{job}?wait=300ms")[1]["state"] == "ready"
        client = ask(web, f"/jobs/{job}/result?wait=30s")
        with spooler:
            assert client.read_answer()[::2] == (200, b"payload")


def test_a_thousand_clients_wait_at_once(tmp_path):
    with waiting_server(tmp_path, workers=1) as server:
        slow = spool(server, "?ms=1500")
        jobs = [slow] * 500 + [spool(server) for _ in range(500)]
        clients = [ask(server, f"/patience/{job}?ms=29000") for job in jobs]
        for client in clients:
            assert client.read_answer()[::2] == (200, b"done\n")
            client.close()


@pytest.mark.parametrize("has_stored", [True, False])
def test_a_worker_that_stops_answers_all_waits(tmp_path, has_stored):
    server = waiting_server(tmp_path, bobbin="shutdown-timeout = 3s").start()
    job = spool(server, "?do=hang")  # which does not end when it is told to stop
    if not has_stored:  # then its door is closed without a turn of the loop
        old = server.one("bobbin-worker")
        os.kill(old, signal.SIGKILL)
        wait_for("another worker", lambda: [
            pid for pid in server.processes("bobbin-worker") if pid != old])
    clients = [ask(server, f"/patience/{job}?ms=60000") for _ in range(50)]
    wait_for("it to run", lambda: state_of(server, job) == "running")
    assert server.stop() == 0
    events = events_of(server)
    assert events.count("on_finish") == 50
    assert sum(event.startswith("on_job") for event in events) == 50
    log = server.log()
    assert log.rindex("on_finish") < log.index("on_stop")
    for client in clients:
        client.close()


def test_a_thumbnail_comes_at_once_when_it_is_ready_in_time(tmp_path):
    with waiting_server(tmp_path) as server:
        status, headers, body = server.request("/thumbnails?width=30&wait=20s", data=photo(600, 400))
        assert (status, headers["content-type"], opened(body).size) == (200, "image/jpeg", (30, 20))
        for wrong in ("", "s", "31s", "0s", "2"):
            assert server.request(f"/thumbnails?wait={wrong}", data=photo(60, 40))[0] == 400


def test_a_thumbnail_that_is_late_is_202_as_ever(tmp_path):
    with waiting_server(tmp_path, spool="processes = 1") as server:
        blocker = spool(server, "?ms=20000")
        wait_for("it to run", lambda: state_of(server, blocker) == "running")
        status, headers, body = server.request("/thumbnails?width=30&wait=1s", data=photo(600, 400))
        assert status == 202 and b'"state": "ready"' in body
        server.request(f"/jobs/{blocker}", method="DELETE")
        assert server.job(headers["location"])["state"] == "done"
