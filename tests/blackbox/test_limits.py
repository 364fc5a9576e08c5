"""How full a queue may be, and what it says of itself in queues/<queue>."""
from concurrent.futures import ThreadPoolExecutor

from server import Server, wait_for
from spoolreader import read_queue

APPS = {"/jobs": "jobs", "/timed": "timed", "/ledger": "ledger"}
HOUR = "/timed?delay=3600000"


def limited_server(folder, queue, workers=1, spool=""):
    return Server(APPS, spool=f"processes = 1\n{spool}", folder=str(folder), workers=workers,
                  sections=f"[timed]\nfile = {folder}/trace\n[ledger]\nfile = {folder}/trace",
                  queues=f"[queue:timed]\nbackoff = 10ms\n{queue}\n[queue:ledger]\nattempts = 1")


def expect(server, queue="timed", **counts):
    """Waits until the queue's page says so."""
    def says():
        page = read_queue(server.spool, queue)
        return page is not None and all(page[name] == count for name, count in counts.items())
    wait_for(f"{queue} to say {counts}", says)


def put(server, path=HOUR, data=b"x"):
    status, job = server.json(path, data=data)
    assert status == 202, job
    return job["id"]


def test_a_queue_says_what_waits_and_runs(tmp_path):
    with limited_server(tmp_path, "") as server:
        later = put(server)
        expect(server, delayed=1, ready=0, running=0, bytes=0)  # it stores no payload
        runs = put(server, "/ledger?ms=60000", b"four")
        expect(server, "ledger", running=1, ready=0, bytes=0)
        waits = put(server, "/ledger?do=fail", bytes(100_000))
        expect(server, "ledger", running=1, ready=1, bytes=100_000)
        assert server.request(f"/jobs/{later}", method="DELETE")[0] < 300
        assert server.request(f"/jobs/{runs}", method="DELETE")[0] < 300
        expect(server, delayed=0, ready=0)
        assert server.job(f"/jobs/{waits}")["state"] == "dead"
        expect(server, "ledger", running=0, ready=0, bytes=0, dead=1)
        server.kill_all()
        server.start()
        put(server, "/ledger")
        expect(server, "ledger", running=0, ready=0, dead=1)


def test_a_full_queue_is_503_with_retry_after_and_recovers(tmp_path):
    with limited_server(tmp_path, "max-waiting = 3") as server:
        jobs = []
        for number in range(3):
            jobs.append(put(server))
            expect(server, delayed=number + 1)
        status, headers, body = server.request(HOUR, data=b"x")
        assert status == 503 and int(headers["retry-after"]) > 0
        assert b"the queue timed is full: 3 jobs wait, the most is 3" in body
        put(server, "/ledger")  # another queue
        assert server.request(f"/jobs/{jobs[0]}", method="DELETE")[0] < 300
        expect(server, delayed=2)
        put(server)
        expect(server, delayed=3)
        server.kill_all()
        server.start()  # what waits is known to the next leader, and to the next worker
        expect(server, delayed=3)
        assert server.request(HOUR, data=b"x")[0] == 503


def test_many_that_put_at_once_overshoot_a_limit_by_little(tmp_path):
    with limited_server(tmp_path, "max-waiting = 50", workers=2) as server:
        put(server)
        expect(server, delayed=1)
        with ThreadPoolExecutor(16) as clients:
            answers = list(clients.map(lambda _: server.request(HOUR, data=b"x")[0], range(600)))
        assert set(answers) == {202, 503}
        stored = answers.count(202) + 1
        expect(server, delayed=stored)
        assert 50 <= stored <= 2 * 50 + 16  # at the worst each worker by itself, and what was on its way
        assert server.request(HOUR, data=b"x")[0] == 503


def test_many_jobs_at_once_have_room_together_or_not_at_all(tmp_path):
    with Server({"/chain": "chain"}, spool="processes = 1", folder=str(tmp_path),
                sections=f"[chain]\nfile = {tmp_path}/trace",
                queues="[queue:chain]\nmax-waiting = 10\npaused = on") as server:
        assert server.request("/chain/many?n=2", data=b"x")[0] == 200
        expect(server, "chain", ready=2)
        status, _, body = server.request("/chain/many?n=20", data=b"x")
        assert status == 503 and b"job 9 of 20: the queue chain is full: 10 jobs wait" in body
        assert server.request("/chain/many?n=8", data=b"x")[0] == 200  # what was refused took nothing
        expect(server, "chain", ready=10)
        assert server.request("/chain/many?n=1", data=b"x")[0] == 503
