"""Dead letters: what is left of a job that died, for people to read."""
import os

import pytest
from server import Server, wait_for
from spoolreader import read_letters, read_spool

APPS = {"/jobs": "jobs", "/ledger": "ledger"}


def ledger_server(folder, spool="", queues="", place=None):
    return Server(APPS, spool=f"processes = 1\n{spool}", folder=str(place or folder),
                  sections=f"[ledger]\nfile = {folder}/trace",
                  queues=f"[queue:ledger]\nattempts = 2\nbackoff = 10ms\n{queues}")


def test_a_dead_job_leaves_a_letter_with_its_attempts_and_its_payload(tmp_path):
    with ledger_server(tmp_path) as server:
        small = server.json("/ledger?do=retry", data=b"small\n\npayload",
                            headers={"Content-Type": "text/x-small"})[1]["id"]
        large = server.json("/ledger?do=fail", data=bytes(300_000))[1]["id"]
        fine = server.json("/ledger?do=once", data=b"x")[1]["id"]
        assert server.job(f"/jobs/{small}")["state"] == "dead"
        assert server.job(f"/jobs/{large}")["state"] == "dead"
        assert server.job(f"/jobs/{fine}")["state"] == "done"
        letters = read_letters(server.spool)
        assert set(letters) == {small, large}
        letter = letters[small]
        assert letter["attempt"] == [(1, "it was told to try again"), (2, "it was told to try again")]
        assert (letter["reason"], letter["attempts"]) == ("it was told to try again", "2 of 2")
        assert (letter["payload"], letter["bytes"]) == ("below", b"small\n\npayload")
        assert ("do", "retry") in letter["header"]
        assert letters[large]["bytes"] == bytes(300_000)
        assert letters[large]["payload"] == f"in {large}.payload"


def test_a_letter_outlives_its_journal_and_the_job_is_unknown_then(tmp_path):
    with ledger_server(tmp_path, spool="result-ttl = 1ms") as server:
        job = server.json("/ledger?do=fail", data=bytes(300_000))[1]["id"]
        wait_for("the letter", lambda: job in read_letters(server.spool))
    with ledger_server(tmp_path, spool="result-ttl = 1ms") as server:  # nobody writes its journal any more
        wait_for("its journal to be removed", lambda: job not in read_spool(server.spool))
        assert read_letters(server.spool)[job]["bytes"] == bytes(300_000)
        assert server.request(f"/jobs/{job}")[0] == 404


def test_a_letter_goes_when_its_time_is_over(tmp_path):
    with ledger_server(tmp_path, spool="result-ttl = 1ms", queues="dead-ttl = 1ms") as server:
        job = server.json("/ledger?do=fail", data=bytes(300_000))[1]["id"]
        assert server.job(f"/jobs/{job}")["state"] == "dead"
        dead = os.path.join(server.spool, "dead")
        wait_for("the letter to go", lambda: os.listdir(dead) == [])


def test_a_letter_whose_job_is_not_dead_is_taken_back(tmp_path):
    """As if the leader had died between the letter and the state."""
    with ledger_server(tmp_path) as server:
        job = server.json("/ledger?do=hang&ms=1", data=b"x")[1]["id"]
        wait_for("it to run", lambda: server.json(f"/jobs/{job}")[1]["state"] == "running")
        server.kill_all()
        folder = os.path.join(server.spool, "dead", "ledger")
        os.mkdir(folder)
        with open(os.path.join(folder, job), "w") as file:
            file.write("bobbin dead letter 1\n")
        server.start()
        wait_for("the letter to go", lambda: not os.path.exists(os.path.join(folder, job)))
        server.kill_all()


def test_a_job_is_dead_also_without_space_for_its_letter(tmp_path, small_disk):
    with ledger_server(tmp_path, place=small_disk) as server:
        job = server.json("/ledger?do=fail&ms=500", data=b"x" * 20_000)[1]["id"]
        with open(small_disk / "filler", "wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        answer = server.job(f"/jobs/{job}")
        assert answer["state"] == "dead"
        assert read_letters(server.spool) == {}
        assert os.listdir(os.path.join(server.spool, "dead", "ledger")) == []
        assert "a dead letter of the queue ledger cannot be written: No space left on device" in server.log()
        (small_disk / "filler").unlink()
        job = server.json("/ledger?do=fail", data=b"x" * 20_000)[1]["id"]
        assert server.job(f"/jobs/{job}")["state"] == "dead"
        assert set(read_letters(server.spool)) == {job}
