"""Jobs that are due later, that expire, and that are the same as another one."""
import os
import signal
import time

import pytest
import spoolreader
from server import Server, wait_for

APPS = {"/jobs": "jobs", "/timed": "timed"}
ENDED = ("done", "dead", "cancelled", "expired")
QUEUES = "[queue:timed]\nbackoff = 20ms\nkill-after = 500ms\nattempts = 20\n"


def timed_server(folder, processes=1, **settings):
    return Server(APPS, spool=f"processes = {processes}", folder=str(folder), queues=QUEUES,
                  sections=f"[timed]\nfile = {folder}/trace", **settings)


def spool(server, **what):
    query = "&".join(f"{name}={value}" for name, value in what.items())
    status, job = server.json(f"/timed?{query}", data=b"")
    assert status == 202, job
    return job["id"]


def runs(server):
    """[(seconds, key, id)] in their order."""
    try:
        with open(os.path.join(server.folder, "trace")) as file:
            lines = file.read().splitlines()
    except FileNotFoundError:
        return []
    return [(int(line.split(" ")[0]) / 1e6, *line.split(" ")[1:]) for line in lines]


def ended(server, job):
    return server.job(f"/jobs/{job}", until=ENDED)


def state_of(server, job):
    return server.json(f"/jobs/{job}")[1]["state"]


def block(server, ms=20000):
    """A job that keeps the one process busy."""
    job = spool(server, ms=ms)
    wait_for("it to run", lambda: state_of(server, job) == "running")
    return job


def cancel(server, job):
    return server.json(f"/jobs/{job}", method="DELETE")


def kill_leader(server):
    old = server.one("bobbin-spooler")
    os.kill(old, signal.SIGKILL)
    wait_for("another leader", lambda: [
        pid for pid in server.processes("bobbin-spooler") if pid != old])


# ---------------------------------------------------------------- due later


def test_a_delayed_job_runs_when_it_is_due_and_in_the_order_of_its_time(tmp_path):
    with timed_server(tmp_path) as server:
        ended(server, spool(server))
        begun = time.time()
        delays = [700, 300, 500, 0]
        jobs = [spool(server, delay=delay, key=delay) for delay in delays]
        assert state_of(server, jobs[0]) == "ready"
        for job in jobs:
            assert ended(server, job)["state"] == "done"
        seen = runs(server)[1:]
        assert [int(key) for _, key, _ in seen] == sorted(delays)
        for at, key, _ in seen:
            assert at - begun >= int(key) / 1000
        lateness = [at - begun - int(key) / 1000 for at, key, _ in seen]
        assert min(lateness) < 0.1


def test_a_job_says_when_it_is_due(tmp_path):
    with timed_server(tmp_path) as server:
        due = int((time.time() + 3600) * 1e6)
        job = server.json(f"/jobs/{spool(server, due=due)}")[1]
        assert job["state"] == "ready"
        assert job["due"].endswith(f".{due // 1000 % 1000:03}Z")
        assert cancel(server, job["id"])[1]["state"] == "cancelled"


def test_a_job_due_in_the_past_runs_at_once(tmp_path):
    with timed_server(tmp_path) as server:
        assert ended(server, spool(server, due=1))["state"] == "done"


def test_a_job_due_in_eternity_waits_and_is_cancelled(tmp_path):
    with timed_server(tmp_path) as server:
        jobs = [spool(server, delay=2**64 - 1), spool(server, due=2**64 - 1)]
        assert ended(server, spool(server))["state"] == "done"
        for job in jobs:
            assert state_of(server, job) == "ready"
            assert cancel(server, job)[1]["state"] == "cancelled"


def test_delayed_jobs_survive_the_leader(tmp_path):
    with timed_server(tmp_path) as server:
        begun = time.time()
        job = spool(server, delay=1500)
        kill_leader(server)
        assert ended(server, job)["state"] == "done"
        assert runs(server)[0][0] - begun >= 1.5


def test_a_delay_and_a_due_time_are_refused_together(tmp_path):
    with timed_server(tmp_path) as server:
        status, answer = server.json("/timed?delay=1&due=1", data=b"")
        assert status == 500 and "a job has a delay or a due time, not both" in answer["error"]


# ---------------------------------------------------------------- expiry


def test_a_job_that_waits_behind_others_expires_in_time_and_never_runs(tmp_path):
    with timed_server(tmp_path) as server:
        blocker = block(server)
        begun = time.monotonic()
        job, other = spool(server, expires=300, key="late"), spool(server, expires=60000, key="fine")
        answer = server.json(f"/jobs/{job}?wait=20s")[1]
        assert answer["state"] == "expired"
        assert 0.29 <= time.monotonic() - begun < 5
        cancel(server, blocker)
        assert ended(server, other)["state"] == "done"
        assert [key for _, key, _ in runs(server)] == ["", "fine"]
        assert server.json(f"/jobs/{job}/result")[0] == 404
        assert cancel(server, job)[1]["state"] == "expired"


def test_a_job_without_a_handler_or_that_is_due_later_expires_too(tmp_path):
    with timed_server(tmp_path) as server:
        jobs = [spool(server, expires=200, queue="nobody"), spool(server, expires=200, delay=1000)]
        for job in jobs:
            assert ended(server, job)["state"] == "expired"
        time_after = spool(server, delay=1200)
        assert ended(server, time_after)["state"] == "done"
        assert [job for _, _, job in runs(server)] == [time_after]


def test_a_job_that_has_started_does_not_expire(tmp_path):
    with timed_server(tmp_path) as server:
        assert ended(server, spool(server, expires=200, ms=600))["state"] == "done"


def test_jobs_expire_while_nobody_leads(tmp_path):
    with timed_server(tmp_path, role="web") as server:
        job = spool(server, expires=1)
        other = spool(server, expires=1, key="x")
        third = spool(server, key="x")
    with timed_server(tmp_path) as server:
        assert ended(server, job)["state"] == ended(server, other)["state"] == "expired"
        assert ended(server, third)["state"] == "done"
        assert [key for _, key, _ in runs(server)] == ["x"]


# ---------------------------------------------------------------- unique keys


def test_a_duplicate_is_another_name_of_the_first(tmp_path):
    with timed_server(tmp_path) as server:
        blocker = block(server)
        first, second, other = (spool(server, key=key) for key in ("x", "x", "y"))
        for job in (first, second):
            assert state_of(server, job) == "ready"
            assert server.json(f"/jobs/{job}")[1]["id"] == job
        cancel(server, blocker)
        assert server.json(f"/jobs/{second}?wait=20s")[1]["state"] == "done"
        for job in (first, second):
            assert server.request(f"/jobs/{job}/result")[2] == first.encode()
        assert ended(server, other)["state"] == "done"
        assert [job for _, _, job in runs(server)] == [blocker, first, other]
        # The key is free again.
        third = spool(server, key="x")
        assert ended(server, third)["state"] == "done"
        assert server.request(f"/jobs/{third}/result")[2] == third.encode()
    found = spoolreader.read_spool(server.spool)
    assert found[second]["state"] == "duplicate" and found[third]["state"] == "done"
    assert found[second]["first"] == found[first]["place"]
    assert found[second]["unique_key"] == "x"


def test_the_same_key_in_another_queue_is_another_key(tmp_path):
    with timed_server(tmp_path) as server:
        blocked = spool(server, key="x", queue="nobody")
        job = spool(server, key="x")
        assert ended(server, job)["state"] == "done"
        assert state_of(server, blocked) == "ready"


def test_a_first_is_cancelled_through_its_other_name_while_it_waits_or_runs(tmp_path):
    with timed_server(tmp_path) as server:
        first = spool(server, key="x", ms=20000)
        wait_for("it to run", lambda: state_of(server, first) == "running")
        second = spool(server, key="x")
        waiting, alias = spool(server, key="y"), spool(server, key="y")
        assert cancel(server, alias)[1]["state"] == "cancelled"
        assert state_of(server, waiting) == "cancelled"
        assert cancel(server, second)[1]["state"] in ("cancelling", "done")
        assert ended(server, second)["state"] == ended(server, first)["state"]
        for key in ("x", "y"):
            assert ended(server, spool(server, key=key))["state"] == "done"


def test_puts_of_one_key_by_many_workers_at_once_run_once(tmp_path):
    with timed_server(tmp_path, workers=4) as server:
        blocker = block(server)
        clients = [server.connect() for _ in range(40)]
        for client in clients:
            client.send(b"POST /timed?key=x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")
        jobs = [client.read_answer()[2].split(b'"')[3].decode() for client in clients]
        cancel(server, blocker)
        for job in jobs:
            assert ended(server, job)["state"] == "done"
        (ran,) = [job for _, key, job in runs(server) if key == "x"]
        for job in jobs:
            assert server.request(f"/jobs/{job}/result")[2] == ran.encode()
        for client in clients:
            client.close()


def test_the_same_job_stays_the_first_under_the_next_leaders(tmp_path):
    with timed_server(tmp_path, workers=3) as server:
        jobs = [spool(server, key="x", delay=5000)] + [spool(server, key="x") for _ in range(10)]
        for _ in range(3):
            kill_leader(server)
            jobs += [spool(server, key="x") for _ in range(5)]
        for job in jobs:
            assert ended(server, job)["state"] == "done"
            assert server.request(f"/jobs/{job}/result")[2] == jobs[0].encode()
        assert [job for _, _, job in runs(server)] == [jobs[0]]
        kill_leader(server)
        last = spool(server, key="x")
        assert ended(server, last)["state"] == "done"
        assert server.request(f"/jobs/{last}/result")[2] == last.encode()


def test_jobs_of_one_key_that_no_leader_has_seen_run_once_the_earliest(tmp_path):
    with timed_server(tmp_path, role="web", workers=3) as server:
        jobs = [spool(server, key="x") for _ in range(30)]
    with timed_server(tmp_path) as server:
        for job in jobs:
            assert ended(server, job)["state"] == "done"
        assert [job for _, _, job in runs(server)] == [jobs[0]]


def replace_worker(server):
    """Its journal is complete then."""
    old = server.one("bobbin-worker")
    os.kill(old, signal.SIGKILL)
    wait_for("another worker", lambda: [
        pid for pid in server.processes("bobbin-worker") if pid != old])


def test_an_other_name_is_known_as_long_as_its_first(tmp_path):
    settings = dict(spool="processes = 1\nresult-ttl = 300ms", folder=str(tmp_path), queues=QUEUES,
                    sections=f"[timed]\nfile = {tmp_path}/trace")
    with Server(APPS, **settings) as server:
        first = spool(server, key="x", delay=3600 * 1000)
        replace_worker(server)
        second = spool(server, key="x")
        replace_worker(server)
        ended(server, spool(server))
        replace_worker(server)
        # The third journal was swept: so would the second have been, all of its jobs have ended.
        wait_for("a sweep", lambda: len(os.listdir(f"{server.spool}/journals")) == 4)
        assert state_of(server, second) == state_of(server, first) == "ready"
        kill_leader(server)
        wait_for("its cancel, by the next leader", lambda: server.json(f"/jobs/{first}", method="DELETE")[1]["state"] == "cancelled")
        assert server.json(f"/jobs/{second}?wait=20s")[1]["state"] == "cancelled"
        wait_for("all to be gone", lambda: not os.listdir(f"{server.spool}/journals"))


def test_a_key_has_at_most_200_bytes(tmp_path):
    with timed_server(tmp_path) as server:
        status, answer = server.json(f"/timed?key={'x' * 201}", data=b"")
        assert status == 500 and "a job's unique key has at most 200 bytes" in answer["error"]
        assert ended(server, spool(server, key="x" * 200))["state"] == "done"
