"""kill -9 of anything, at any time: no acknowledged job is lost, none runs in two processes at once."""
import os
import random
import signal
import threading
import time

import pytest
from photos import opened, photo
from server import Server, is_alive, wait_for

APPS = {"/jobs": "jobs", "/ledger": "ledger", "/thumbnails": "thumbnail"}
QUEUE = "[queue:ledger]\nattempts = 50\nbackoff = 50ms\nbackoff-max = 200ms\nkill-after = 500ms\n"


def ledger_server(folder, more="", **settings):
    return Server(APPS, spool=settings.pop("spool", "processes = 2"), folder=str(folder),
                  queues=QUEUE + more, sections=f"[ledger]\nfile = {folder}/trace", **settings)


def spool(server, query="", body=b"payload"):
    status, job = server.json(f"/ledger{query}", data=body)
    assert status == 202, job
    return job["id"]


class Trace:
    """What the jobs wrote about themselves, in the order in which they did."""

    def __init__(self, folder):
        self.begun, self.ended, self.overlaps = {}, {}, []
        running = {}
        try:
            lines = open(os.path.join(folder, "trace")).read().splitlines()
        except FileNotFoundError:
            lines = []
        for line in lines:
            word, job, attempt, pid = line.split()
            if word == "begin":
                # Who began before and has not ended must have been killed: its process is gone, or
                # it has begun another job since.
                other = running.get(job)
                if other is not None and other != pid and is_alive(int(other)):
                    self.overlaps.append(line)
                running = {j: p for j, p in running.items() if p != pid}
                running[job] = pid
                self.begun[job] = self.begun.get(job, 0) + 1
            else:
                running.pop(job, None)
                self.ended[job] = self.ended.get(job, 0) + 1


class Watcher(threading.Thread):
    """Reads the trace as it grows, so that a killed process is still known when it matters."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.path, self.stopped, self.overlaps = os.path.join(folder, "trace"), False, []
        self.running = {}

    def run(self):
        while not os.path.exists(self.path) and not self.stopped:
            time.sleep(0.001)
        if self.stopped:
            return
        with open(self.path) as file:
            rest = ""
            while True:
                data = file.read()
                if not data and self.stopped:
                    return
                rest += data
                *lines, rest = rest.split("\n")
                for line in lines:
                    self.see(line)
                if not data:
                    time.sleep(0.001)

    def see(self, line):
        word, job, _, pid = line.split()
        if word == "end":
            self.running.pop(job, None)
            return
        other = self.running.get(job)
        if other and other != pid and is_alive(int(other)) and \
                self.running_job(other) == job:
            self.overlaps.append(line)
        self.running[job] = pid

    def running_job(self, pid):
        return next((j for j, p in reversed(list(self.running.items())) if p == pid), None)

    def stop(self):
        self.stopped = True
        self.join()


def all_done(server, ids):
    for job in ids:
        assert server.job(f"/jobs/{job}", seconds=60)["state"] == "done", job


def test_a_job_leaves_its_result_and_is_done(tmp_path):
    with ledger_server(tmp_path) as server:
        job = spool(server, body=b"some words")
        assert server.job(f"/jobs/{job}")["state"] == "done"
        status, headers, body = server.request(f"/jobs/{job}/result")
        assert (status, headers["content-type"], body) == (200, "text/plain", b"some words")


def test_progress_is_seen_while_a_job_runs(tmp_path):
    with ledger_server(tmp_path) as server:
        job = spool(server, "?ms=700")
        seen = wait_for("progress", lambda: server.json(f"/jobs/{job}")[1]["progress"])
        assert seen == {"percent": 50, "words": "half of it"}
        assert server.job(f"/jobs/{job}")["state"] == "done"


def test_a_failed_job_is_dead_with_its_sentence(tmp_path):
    with ledger_server(tmp_path) as server:
        job = server.job(f"/jobs/{spool(server, '?do=fail')}")
        assert (job["state"], job["attempt"], job["error"]) == ("dead", 1, "it was told to fail")


def test_a_retry_is_tried_again_and_done(tmp_path):
    with ledger_server(tmp_path) as server:
        job = server.job(f"/jobs/{spool(server, '?do=once')}")
        assert (job["state"], job["attempt"]) == ("done", 2)


def test_attempts_are_limited(tmp_path):
    with ledger_server(tmp_path) as server:
        job = server.job(f"/jobs/{spool(server, '?do=retry')}")
        assert (job["state"], job["attempt"]) == ("dead", 50)
        assert job["error"] == "it was told to try again"


def test_a_job_that_kills_its_process_is_retried_then_buried(tmp_path):
    with Server(APPS, spool="processes = 1", folder=str(tmp_path),
                queues="[queue:ledger]\nattempts = 3\nbackoff = 10ms",
                sections=f"[ledger]\nfile = {tmp_path}/trace") as server:
        job = server.job(f"/jobs/{spool(server, '?do=crash')}")
        assert (job["state"], job["attempt"]) == ("dead", 3)
        assert job["error"] == "its process died: signal 6 (Aborted)"
        assert "SIGABRT in run of the plugin ledger" in server.log() or \
            "ledger" in server.log()
        assert server.job(f"/jobs/{spool(server)}")["state"] == "done"
    assert Trace(tmp_path).begun[job["id"]] == 3


def test_a_job_that_hangs_is_timed_out_and_killed(tmp_path):
    with Server(APPS, spool="processes = 1", folder=str(tmp_path),
                queues="[queue:ledger]\nattempts = 2\ntimeout = 200ms\nkill-after = 100ms\n"
                       "backoff = 10ms",
                sections=f"[ledger]\nfile = {tmp_path}/trace") as server:
        job = server.job(f"/jobs/{spool(server, '?do=hang')}")
        assert (job["state"], job["attempt"]) == ("dead", 2)
        assert job["error"] == "timed out after 0.2 s"


def test_a_waiting_job_is_cancelled_and_never_runs(tmp_path):
    with ledger_server(tmp_path, spool="processes = 1") as server:
        first, second = spool(server, "?ms=500"), spool(server)
        status, job = server.json(f"/jobs/{second}", method="DELETE")
        assert (status, job["state"]) == (200, "cancelled")
        all_done(server, [first])
        third = spool(server)
        all_done(server, [third])
        assert server.json(f"/jobs/{second}")[1]["state"] == "cancelled"
    assert second not in Trace(tmp_path).begun


def test_a_running_job_is_cancelled(tmp_path):
    with ledger_server(tmp_path, spool="processes = 1") as server:
        job = spool(server, "?ms=20000")
        wait_for("it to run", lambda: server.json(f"/jobs/{job}")[1]["state"] == "running")
        status, answer = server.json(f"/jobs/{job}/cancel", data=b"", method="POST")
        assert (status, answer["state"]) == (200, "cancelling")
        # It stops when it is told to, and says done: that counts.
        assert server.job(f"/jobs/{job}")["state"] in ("cancelled", "done")


def test_durability_process_is_answered_and_done_too(tmp_path):
    with ledger_server(tmp_path) as server:
        all_done(server, [spool(server, "?durability=process") for _ in range(20)])


def test_term_hands_a_running_job_back_uncharged(tmp_path):
    settings = dict(spool="processes = 1", bobbin="shutdown-timeout = 3s")
    server = ledger_server(tmp_path, **settings).start()
    job = spool(server, "?do=hang")
    wait_for("it to run", lambda: server.json(f"/jobs/{job}")[1]["state"] == "running")
    assert server.stop() == 0
    with ledger_server(tmp_path, port=server.port, **settings) as server:
        running = wait_for("it to run again", lambda: (
            lambda j: j if j["state"] == "running" else None)(server.json(f"/jobs/{job}")[1]))
        assert running["attempt"] == 1
        server.json(f"/jobs/{job}", method="DELETE")
        assert server.job(f"/jobs/{job}")["state"] == "cancelled"


def victim(server, name):
    found = server.processes(name)
    return random.choice(found) if found else None


@pytest.mark.parametrize("name", ["worker", "spooler", "bobbin-nursery", "bobbin-job"])
def test_200_jobs_survive_kill_9_of(name, tmp_path):
    watcher = Watcher(str(tmp_path))
    watcher.start()
    with ledger_server(tmp_path, workers=2) as server:
        ids = []
        for number in range(200):
            while True:
                try:
                    ids.append(spool(server, "?ms=3"))
                    break
                except (OSError, EOFError, AssertionError):
                    # Not acknowledged: a client tries again.
                    assert name == "worker"
            if number % 40 == 20:
                pid = wait_for(f"a {name} to kill", lambda: victim(server, name))
                os.kill(pid, signal.SIGKILL)
        all_done(server, ids)
    watcher.stop()
    trace = Trace(tmp_path)
    assert not watcher.overlaps and not trace.overlaps
    assert all(trace.begun[job] >= 1 for job in ids)


def test_kill_9_of_everything_and_a_start_on_the_same_spool(tmp_path):
    server = ledger_server(tmp_path, workers=2).start()
    ids = [spool(server, "?ms=10") for _ in range(100)]
    server.kill_all()
    with ledger_server(tmp_path, workers=2) as server:
        all_done(server, ids)
    trace = Trace(tmp_path)
    assert not trace.overlaps
    for job in ids:
        assert trace.begun[job] >= 1


def test_photos_survive_kill_9_of_everything_twice(tmp_path):
    server = Server(APPS, spool="processes = 2", folder=str(tmp_path),
                    queues="[queue:thumbnail]\nbackoff = 50ms\nattempts = 20",
                    sections=f"[ledger]\nfile = {tmp_path}/trace")
    data, ids = photo(1200, 800), []
    for _ in range(2):
        server.start()
        for width in range(20, 60):
            _, headers, _ = server.request(f"/thumbnails?width={width}", data=data)
            ids.append((headers["location"], width))
        server.kill_all()
    with server:
        for location, width in ids:
            job = server.job(location)
            assert job["state"] == "done", job
            _, _, body = server.request(job["result"])
            assert opened(body).size == (width, (800 * width + 600) // 1200)


def test_a_client_that_leaves_while_its_job_is_being_stored_hurts_nobody(tmp_path):
    with ledger_server(tmp_path) as server:
        for number in range(200):
            client = server.connect()
            client.send(b"POST /ledger HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            client.reset() if number % 2 else client.close()
        all_done(server, [spool(server)])


def test_a_job_may_be_larger_than_a_journal_record(tmp_path):
    with ledger_server(tmp_path) as server:
        for size in (0, 1, 65535, 65536, 65537, 200_000, 3_000_000):
            body = random.randbytes(size)
            job = spool(server, body=body)
            all_done(server, [job])
            assert server.request(f"/jobs/{job}/result")[2] == body


def test_ended_jobs_are_forgotten_after_result_ttl(tmp_path):
    with ledger_server(tmp_path, spool="processes = 1\nresult-ttl = 300ms") as server:
        ids = [spool(server, body=b"x" * 70000) for _ in range(3)]
        all_done(server, ids)
        os.kill(server.one("worker"), signal.SIGKILL)  # its journal is complete now
        wait_for("the spool to be empty", lambda: not os.listdir(f"{server.spool}/journals"))
        wait_for("blobs to be gone", lambda: not os.listdir(f"{server.spool}/blobs"))
        assert os.listdir(f"{server.spool}/results") == []
        wait_for("a worker", lambda: server.processes("worker"))
        assert server.json(f"/jobs/{ids[0]}")[0] == 404


def test_200_photos_survive_the_death_of_a_worker_a_dispatcher_and_a_job_process(tmp_path):
    data = [photo(640, 480, quality=60), photo(300, 900, quality=60)]
    with Server(APPS, spool="processes = 2", folder=str(tmp_path), workers=2,
                queues="[queue:thumbnail]\nbackoff = 50ms\nattempts = 20",
                sections=f"[ledger]\nfile = {tmp_path}/trace") as server:
        posted = []
        for number in range(200):
            width = 20 + number
            while len(posted) == number:
                try:
                    status, headers, _ = server.request(f"/thumbnails?width={width}",
                                                        data=data[number % 2])
                    assert status == 202
                    posted.append((headers["location"], width))
                except OSError:
                    pass  # its worker was killed: not acknowledged, so a client tries again
            if number % 30 == 15:
                name = ("bobbin-worker", "bobbin-spooler", "bobbin-job")[number // 30 % 3]
                os.kill(wait_for(name, lambda: victim(server, name)), signal.SIGKILL)
        for number, (location, width) in enumerate(posted):
            job = server.job(location, seconds=60)
            assert job["state"] == "done", job
            height = (480 * width + 320) // 640 if number % 2 == 0 else 3 * width
            assert opened(server.request(job["result"])[2]).size == (width, height)


def journals_held_open(pid):
    held = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            held.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return {path for path in held if "/journals/" in path}


def test_journals_whose_jobs_have_ended_cost_the_dispatcher_no_descriptors(tmp_path):
    with ledger_server(tmp_path) as server:
        ids = []
        for _ in range(5):
            ids += [spool(server) for _ in range(3)]
            all_done(server, ids)
            old = server.one("bobbin-worker")
            os.kill(old, signal.SIGKILL)
            wait_for("another worker", lambda: [
                pid for pid in server.processes("bobbin-worker") if pid != old])
        spooler = server.one("bobbin-spooler")
        wait_for("them to be closed", lambda: not journals_held_open(spooler))
        assert len(os.listdir(f"{server.spool}/journals")) == 10
        all_done(server, ids)
        assert server.json(f"/jobs/{ids[0]}", method="DELETE")[1]["state"] == "done"
