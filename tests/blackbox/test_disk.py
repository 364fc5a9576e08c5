"""A full disk is said, hurts nobody, and is over when there is space again."""
import os

import pytest
from server import Server, wait_for

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small tmpfs")


def test_a_full_disk_is_503_with_retry_after_and_recovers(tmp_path, small_disk):
    with Server({"/ledger": "ledger", "/jobs": "jobs"}, spool="processes = 1",
                folder=str(small_disk), sections=f"[ledger]\nfile = {tmp_path}/trace",
                bobbin="body-memory = 1m") as server:
        stored = server.json("/ledger", data=b"x" * 1000)[1]["id"]
        filler = small_disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass

        def is_full():
            status, headers, body = server.request("/ledger", data=b"y" * 40_000)
            if status == 202:
                return False
            assert status == 503 and int(headers["retry-after"]) > 0
            assert b"No space left on device" in body
            return True

        wait_for("the disk to be full", is_full)
        assert server.job(f"/jobs/{stored}")["state"] == "done"
        filler.unlink()
        status, job = server.json("/ledger", data=b"z" * 1000)
        assert status == 202
        assert server.job(f"/jobs/{job['id']}")["state"] == "done"


def test_jobs_that_have_no_space_for_what_they_spool_try_again(tmp_path, small_disk):
    with Server({"/chain": "chain", "/jobs": "jobs"}, spool="processes = 1", folder=str(small_disk),
                sections=f"[chain]\nfile = {tmp_path}/trace",
                queues="[queue:chain]\nattempts = 1000\nbackoff = 20ms\nbackoff-max = 50ms") as server:
        filler = small_disk / "filler"
        filler.write_bytes(bytes(1024 * 1024))
        job = server.json("/chain?n=20", data=b"x" * 60_000)[1]["id"]

        def has_failed():
            answer = server.json(f"/jobs/{job}")[1]
            assert answer["state"] in ("ready", "running"), answer
            return answer["attempt"] > 1 and answer["error"]

        sentence = wait_for("an attempt without space", has_failed)
        assert sentence.startswith("the jobs that it spooled were not stored: the journal ")
        assert sentence.endswith("No space left on device")
        assert "leaf" not in (tmp_path / "trace").read_text()
        filler.unlink()
        assert server.job(f"/jobs/{job}")["state"] == "done"
        wait_for("the children", lambda: (tmp_path / "trace").read_text().count("leaf") == 20)
