"""start, drain and stop of a plugin, once in each process that calls it, and its timers."""
import re

from server import Server, wait_for

ROUTES = {"/life": "life", "/jobs": "jobs"}


def told(server, what):
    """(role, pid) of the processes whose plugin said so."""
    return re.findall(rf" (worker|job)\[(\d+)\] life: {what}$", server.log(), flags=re.M)


def test_each_process_starts_and_stops_once():
    with Server(ROUTES, workers=2, spool="processes = 3") as server:
        wait_for("all to start", lambda: len(told(server, "start in a worker")) == 2 and
                 len(told(server, "start in a job process")) == 3)
        workers, jobs = told(server, "start in a worker"), told(server, "start in a job process")
        assert {role for role, _ in workers} == {"worker"} and {role for role, _ in jobs} == {"job"}
        assert server.job(server.request("/life", data=b"x")[1]["location"])["state"] == "done"
        assert server.stop() == 0
        assert sorted(told(server, "stop")) == sorted(workers + jobs)
        assert sorted(told(server, "drain")) == sorted(workers)
        log = server.log()
        for role, pid in workers:
            assert log.index(f"{role}[{pid}] life: drain") < log.index(f"{role}[{pid}] life: stop")


def test_timers_are_called_when_they_are_due_and_stopped_with_their_plugin():
    with Server(ROUTES, spool="processes = 1") as server:
        wait_for("the timers", lambda: told(server, "once") and told(server, "three ticks"))
        assert server.request("/life")[0] == 202
        assert server.stop() == 0
        assert len(told(server, "once")) == len(told(server, "three ticks")) == 1
        assert "a stopped timer" not in server.log() and "a timer where" not in server.log()


def test_a_worker_whose_plugin_does_not_start_serves_nobody():
    server = Server(ROUTES, sections="[life]\nfails-in = workers\n", spool="")
    server.start(ready=False)
    assert server.process.wait(10) == 1
    assert "life did not start: it fails in workers" in server.log() and " listens on " not in server.log()
    server.__exit__(None, None, None)


def test_a_job_process_whose_plugin_does_not_start_runs_nothing_until_it_does(tmp_path):
    reason = tmp_path / "reason"
    reason.touch()
    with Server(ROUTES, sections=f"[life]\nfails-in = jobs\nwhile = {reason}\n", spool="processes = 1") as server:
        location = server.request("/life", data=b"x")[1]["location"]
        wait_for("two tries", lambda: server.log().count("life did not start: it fails in jobs") >= 2)
        assert server.json(location)[1]["state"] == "ready" and server.json(location)[1]["attempt"] == 0
        reason.unlink()
        assert server.job(location)["state"] == "done"


def test_the_only_instance_of_a_plugin_runs_the_jobs_of_its_queue():
    with Server({"/life": "life:other", "/jobs": "jobs"}, sections="[life:other]\n", spool="processes = 1") as server:
        location = server.request("/life", data=b"x")[1]["location"]
        assert server.job(location)["state"] == "done"
        assert " life:other: run" in server.log()
