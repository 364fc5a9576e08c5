"""What the documentation says about the files, and what the server says about its jobs, agree."""
import random

from server import Server
from spoolreader import read_letters, read_spool


def test_an_independent_reader_sees_what_the_server_says(tmp_path):
    with Server({"/jobs": "jobs", "/ledger": "ledger"}, spool="processes = 2",
                folder=str(tmp_path), sections=f"[ledger]\nfile = {tmp_path}/trace",
                queues="[queue:ledger]\nbackoff = 10ms\nattempts = 3") as server:
        said, bodies = {}, {}
        for number in range(60):
            what = random.choice(["", "?do=fail", "?do=once", "?do=retry"])
            size = random.choice([0, 1, 100, 70_000, 300_000])
            body = random.randbytes(size)
            _, job = server.json(f"/ledger{what}", data=body)
            bodies[job["id"]] = body
        for job in bodies:
            said[job] = server.job(f"/jobs/{job}")
    found, letters = read_spool(server.spool), read_letters(server.spool)
    assert set(found) == set(said)
    for job, answer in said.items():
        assert found[job]["state"] == answer["state"]
        assert found[job]["attempt"] == answer["attempt"]
        assert found[job]["queue"] == "ledger"
        assert found[job]["payload"] == bodies[job]
        assert found[job]["result"] == (bodies[job] if answer["state"] == "done" else None)
    assert set(letters) == {job for job, answer in said.items() if answer["state"] == "dead"}
    for job, letter in letters.items():
        assert letter["bytes"] == bodies[job]
        assert letter["reason"] == said[job]["error"] == letter["attempt"][-1][1]
        assert letter["attempts"] == f"{said[job]['attempt']} of 3"
