"""Results that come in pieces: whole or none, and never in memory."""
import hashlib
import os
import urllib.request

import pytest
import spoolreader
from server import Server, wait_for

APPS = {"/jobs": "jobs", "/streamer": "streamer"}


def streaming_server(folder, **settings):
    return Server(APPS, spool="processes = 1", folder=str(folder),
                  queues="[queue:streamer]\nbackoff = 1ms", **settings)


def spool(server, what, mib=1):
    status, job = server.json(f"/streamer?do={what}&mb={mib}", data=b"")
    assert status == 202
    return job["id"]


def wanted(mib):
    return b"".join(b"%c" % (97 + i % 26) * (1 << 20) for i in range(mib))


def highest_kib(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))


def result_of(server, job):
    assert server.job(f"/jobs/{job}")["state"] == "done"
    return server.request(f"/jobs/{job}/result")


def test_a_result_of_200_mb_costs_no_memory(tmp_path):
    with streaming_server(tmp_path) as server:
        result_of(server, spool(server, "append", 1))
        process = server.one("bobbin-job")
        before = highest_kib(process)
        job = spool(server, "append", 200)
        assert server.job(f"/jobs/{job}")["state"] == "done"
        assert highest_kib(process) - before < 4096
        hashed = hashlib.sha256()
        with urllib.request.urlopen(server.url(f"/jobs/{job}/result")) as answer:
            assert answer.headers["content-type"] == "text/a"
            assert int(answer.headers["content-length"]) == 200 << 20
            while piece := answer.read(1 << 20):
                hashed.update(piece)
        assert hashed.digest() == hashlib.sha256(wanted(200)).digest()
        worker = server.one("bobbin-worker")
        assert highest_kib(worker) < 500 * 1024


@pytest.mark.parametrize("what", ["append", "anew", "retry", "die"])
def test_pieces_become_the_result_of_their_own_attempt(tmp_path, what):
    with streaming_server(tmp_path) as server:
        status, headers, body = result_of(server, spool(server, what, 2))
        assert (status, headers["content-type"], body) == (200, "text/a", wanted(2))
    assert [job["result"] for job in spoolreader.read_spool(server.spool).values()] == [wanted(2)]
    (folder,) = os.listdir(f"{server.spool}/results")
    assert os.listdir(f"{server.spool}/results/{folder}") == ["0"]


def test_a_result_replaces_what_was_appended(tmp_path):
    with streaming_server(tmp_path) as server:
        status, headers, body = result_of(server, spool(server, "replaced", 2))
        assert (status, headers["content-type"], body) == (200, "text/plain", b"short")


def test_a_result_of_no_pieces_is_none(tmp_path):
    with streaming_server(tmp_path) as server:
        assert result_of(server, spool(server, "append", 0))[0] == 404


@pytest.mark.parametrize("small_disk", ["6m"], indirect=True)
def test_without_space_the_result_is_lost_and_the_job_is_done(small_disk):
    with streaming_server(small_disk) as server:
        job = server.job(f"/jobs/{spool(server, 'append', 50)}")
        assert (job["state"], job["attempt"], job["result"]) == ("done", 1, None)
        assert "No space left on device" in server.log()
        # What was written of it is gone: there is space for another.
        wait_for("space", lambda: os.statvfs(small_disk).f_bavail * 4096 > 3 << 20)
        assert result_of(server, spool(server, "append", 2))[2] == wanted(2)
        # One that is lost may be made anew.
        assert result_of(server, spool(server, "replaced", 50))[2] == b"short"
