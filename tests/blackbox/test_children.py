"""Jobs that are stored together: by a request, with another job's success; and jobs of a timer."""
import collections
import os
import random
import signal
import time

from server import Server, wait_for
from spoolreader import read_spool

QUEUE = "[queue:chain]\nattempts = 100\nbackoff = 20ms\nbackoff-max = 50ms\n"


def chain_server(folder, more="", **settings):
    return Server({"/jobs": "jobs", "/chain": "chain"}, spool=settings.pop("spool", "processes = 2"),
                  folder=str(folder), queues=QUEUE,
                  sections=f"[chain]\nfile = {folder}/trace\njournals = {folder}/spool/journals\n{more}",
                  **settings)


def lines_of(folder):
    try:
        with open(os.path.join(folder, "trace")) as file:
            return [line.split() for line in file.read().splitlines()]
    except FileNotFoundError:
        return []


def leaves(folder):
    """{what they were given: {id: how often it ran}}"""
    found = collections.defaultdict(collections.Counter)
    for word, *rest in lines_of(folder):
        if word == "leaf":
            found[rest[1]][rest[0]] += 1
    return found


def begun(folder, job):
    return sum(1 for line in lines_of(folder) if line[:2] == ["begin", job])


def spool(server, count, do="", body=b"payload"):
    status, job = server.json(f"/chain?n={count}&do={do}", data=body)
    assert status == 202, job
    return job["id"]


def done(server, job):
    answer = server.job(f"/jobs/{job}", until=("done", "dead"), seconds=60)
    assert answer["state"] == "done", answer
    return answer


def children_of(spool_folder):
    """How many jobs of each parent there are, after an independent reader; all of them must be done."""
    jobs = read_spool(spool_folder)
    by_place = collections.Counter(job["parent"] for job in jobs.values() if job["parent"])
    assert all(job["state"] == "done" for job in jobs.values() if job["parent"])
    return by_place


def test_what_a_job_spools_runs_when_it_is_done(tmp_path):
    with chain_server(tmp_path) as server:
        large = os.urandom(200_000)
        job, other = spool(server, 3), spool(server, 2, body=large)
        assert done(server, job)["attempt"] == 1 and done(server, other)
        wait_for("the children", lambda: len(leaves(tmp_path)[job]) == 3 and
                 len(leaves(tmp_path)[other]) == 2)
        for child in leaves(tmp_path)[job]:
            assert done(server, child)["queue"] == "chain"
        for child in leaves(tmp_path)[other]:
            done(server, child)
    found = read_spool(server.spool)
    assert all(found[child]["payload"] == large for child in leaves(tmp_path)[other])


def test_a_job_that_does_not_succeed_leaves_nothing(tmp_path):
    with chain_server(tmp_path) as server:
        failed = spool(server, 5, "fail")
        assert server.job(f"/jobs/{failed}")["state"] == "dead"
        for do in ("once", "crash"):
            job = spool(server, 5, do)
            assert done(server, job)["attempt"] == 2
            wait_for("the children", lambda: len(leaves(tmp_path)[job]) == 5)
    assert sum(job["parent"] is not None for job in read_spool(server.spool).values()) == 10
    assert failed not in leaves(tmp_path)


def test_a_thousand_and_not_one_more(tmp_path):
    with chain_server(tmp_path) as server:
        job = spool(server, 1001)
        done(server, job)
        wait_for("the children", lambda: len(leaves(tmp_path)[job]) == 1000, 60)


def test_a_process_that_dies_between_its_children_and_its_word_is_done(tmp_path):
    with chain_server(tmp_path) as server:
        for _ in range(5):
            job = spool(server, 4, "die")
            answer = done(server, job)
            assert answer["attempt"] == 1
            assert server.request(f"/jobs/{job}/result")[2] == b"the result"
            wait_for("the children", lambda: len(leaves(tmp_path)[job]) == 4)
            assert begun(tmp_path, job) == 1
        assert "signal 9" in server.log()


def kill_while_spooling(server, name, kills):
    """The jobs, some of which kill their process themselves at the worst moment."""
    jobs = []
    for _ in range(kills):
        jobs += [spool(server, 3, "die" if i == 0 else "") for i in range(5)]
        time.sleep(random.uniform(0, 0.05))
        for pid in wait_for(name, lambda: server.processes(name))[:1]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
    for job in jobs:
        done(server, job)
    return jobs


def all_once(tmp_path, server, jobs, count):
    for job in jobs:
        wait_for("the children", lambda: len(leaves(tmp_path)[job]) == count, 60)
        for child in leaves(tmp_path)[job]:
            done(server, child)
    assert server.stop() == 0
    by_place = children_of(server.spool)
    assert len(by_place) == len(jobs) and set(by_place.values()) == {count}
    assert set(leaves(tmp_path)) == set(jobs)
    assert all(len(found) == count for found in leaves(tmp_path).values())


def test_children_are_there_once_though_job_processes_are_killed(tmp_path):
    with chain_server(tmp_path) as server:
        all_once(tmp_path, server, kill_while_spooling(server, "bobbin-job", 30), 3)


def test_children_are_there_once_though_dispatchers_are_killed(tmp_path):
    with chain_server(tmp_path) as server:
        all_once(tmp_path, server, kill_while_spooling(server, "bobbin-spooler", 5), 3)


def test_many_jobs_of_one_request_are_stored_in_order(tmp_path):
    with chain_server(tmp_path, bobbin="body-memory = 64k") as server:
        for count, body in ((1, b"x"), (1000, b"y" * 100), (20, os.urandom(500_000))):
            status, ids = server.json(f"/chain/many?n={count}", data=body)
            assert status == 200 and len(set(ids)) == count
            for job in (ids[0], ids[-1]):
                done(server, job)
            assert read_spool(server.spool)[ids[0]]["payload"] == body
        wait_for("all of them", lambda: len(leaves(tmp_path)["many"]) == 1021, 60)


def test_many_jobs_with_one_that_is_illegal_are_none(tmp_path):
    with chain_server(tmp_path) as server:
        for path, sentence in (("many?n=0", "1 to 1000 jobs are stored at once, and not 0"),
                               ("many?n=1001", "1 to 1000 jobs are stored at once, and not 1001"),
                               ("many?n=7&do=illegal", "job 7 of 7: a job has at most 1000 attempts")):
            status, answer = server.json(f"/chain/{path}", data=b"x")
            assert (status, answer["error"]) == (500, sentence)
        assert read_spool(server.spool) == {}


def test_a_timer_spools_and_is_told_before_the_stop(tmp_path):
    with chain_server(tmp_path, "ticks = 100000", workers=2) as server:
        wait_for("some ticks", lambda: len(leaves(tmp_path)["tick"]) > 20)
        assert server.stop() == 0
    words = [line[0] for line in lines_of(tmp_path)]
    assert words.count("asked") == words.count("told") > 20
    assert all(line == ["told", "0"] for line in lines_of(tmp_path) if line[0] == "told")
    assert words.count("stop") == 2


def test_clients_that_leave_get_all_of_their_jobs_or_none(tmp_path):
    with chain_server(tmp_path) as server:
        for _ in range(30):
            client = server.connect()
            client.send(b"POST /chain/many?n=7 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx")
            client.reset()
        status, ids = server.json("/chain/many?n=7", data=b"x")
        assert status == 200
        for job in ids:
            done(server, job)
        assert len(read_spool(server.spool)) % 7 == 0


def test_journals_and_blobs_of_job_processes_are_removed_like_all_others(tmp_path):
    with chain_server(tmp_path) as server:
        for do in ("", "die", "die", "fail"):
            server.job(f"/jobs/{spool(server, 3, do, body=os.urandom(100_000))}")
        wait_for("the children", lambda: sum(map(len, leaves(tmp_path).values())) == 9)
        for children in list(leaves(tmp_path).values()):
            for child in children:
                done(server, child)
        writers = {name[:16] for name in os.listdir(f"{server.spool}/journals")}
        assert len(writers) > 2
    with chain_server(tmp_path, spool="processes = 1\nresult-ttl = 1ms") as server:
        for folder in ("journals", "blobs", "results"):
            wait_for(f"no {folder}", lambda: os.listdir(f"{server.spool}/{folder}") == [])
