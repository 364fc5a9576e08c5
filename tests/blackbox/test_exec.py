"""Any program as a job: what it is handed, what becomes of it, and that it never runs twice at once."""
import gzip
import os
import random
import shutil
import signal

import pytest
from server import Server, is_alive, name_of, wait_for

APPS = {"/jobs": "jobs", "/into": "into"}


def exec_server(folder, programs, spool="processes = 1", queue="", **settings):
    """A queue for each program, of the same name: a command, or several lines of its section."""
    sections, queues = "", ""
    for name, command in programs.items():
        lines = command if "\n" in command else f"command = {command}"
        sections += f"[exec:{name}]\n{lines}\n"
        queues += f"[queue:{name}]\nhandler = exec:{name}\nbackoff = 10ms\nkill-after = 500ms\n{queue}\n"
    settings.setdefault("bobbin", "max-body = 200m\nshutdown-timeout = 5s")
    return Server(APPS, spool=spool, folder=str(folder), queues=queues, sections=sections, **settings)


def script(folder, name, text):
    """A program of the test's own."""
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def put(server, queue, body=b"", headers=None):
    status, job = server.json(f"/into/{queue}", data=body, headers=headers)
    assert status == 202, job
    return job["id"]


def end_of(server, job):
    return server.job(f"/jobs/{job}", seconds=60)


def result_of(server, job):
    assert end_of(server, job)["state"] == "done", server.json(f"/jobs/{job}")
    return server.request(f"/jobs/{job}/result")


def pid_in(path):
    """What a program has written about itself, once it has."""
    return wait_for(f"a pid in {path}", lambda: path.exists() and path.read_text().endswith("\n")
                    and int(path.read_text().split()[-1]))


def test_several_programs_have_queues_of_their_own(tmp_path):
    programs = {"cat": "command = cat\ncontent-type = text/plain", "count": "wc -c"}
    with exec_server(tmp_path, programs) as server:
        status, headers, body = result_of(server, put(server, "cat", b"meow"))
        assert (status, headers["content-type"], body) == (200, "text/plain", b"meow")
        status, headers, body = result_of(server, put(server, "count", b"meow"))
        assert (status, headers["content-type"], body) == (200, "application/octet-stream", b"4\n")
        # No output is no result.
        assert end_of(server, put(server, "cat"))["result"] is None


def test_exit_codes(tmp_path):
    program = script(tmp_path, "exit", 'code=$(cat); echo "it is $code" >&2; exit "$code"')
    with exec_server(tmp_path, {"exit": program}, queue="attempts = 3") as server:
        ended = {code: end_of(server, put(server, "exit", b"%d" % code)) for code in (0, 1, 75)}
        assert ended[0]["state"] == "done"
        assert (ended[1]["state"], ended[1]["attempt"], ended[1]["error"]) == \
            ("dead", 1, "exit status 1: it is 1")
        assert (ended[75]["state"], ended[75]["attempt"]) == ("dead", 3)
        assert ended[75]["error"] == "the program wants to be tried again (exit status 75): it is 75"
        for job in ended.values():
            wait_for("its stderr in the log", lambda: f"exec:exit: job {job['id']}: it is" in server.log())


def test_a_program_that_dies_of_a_signal_is_tried_again(tmp_path):
    program = script(tmp_path, "die", '[ "$BOBBIN_JOB_ATTEMPT" = 2 ] || kill -KILL $$; echo second')
    with exec_server(tmp_path, {"die": program}) as server:
        job = put(server, "die")
        assert result_of(server, job)[2] == b"second\n"
        assert end_of(server, job)["attempt"] == 2


def test_the_environment_tells_of_the_job(tmp_path):
    program = f"command = {shutil.which('env')}\nheader = x-width\ndirectory = {tmp_path}"
    with exec_server(tmp_path, {"env": program}, environment={"OTHER": "inherited"}) as server:
        job = put(server, "env", b"", {"content-type": "a/b", "x-width": "12"})
        told = dict(line.split("=", 1) for line in result_of(server, job)[2].decode().splitlines())
        assert {name[11:]: value for name, value in told.items() if name.startswith("BOBBIN_JOB_")} == {
            "ID": job, "QUEUE": "env", "ATTEMPT": "1", "ATTEMPTS": "5", "CONTENT_TYPE": "a/b",
            "HEADER_X_WIDTH": "12"}
        assert told["OTHER"] == "inherited"


def test_a_program_has_no_descriptors_but_its_own_and_the_lock_of_its_slot(tmp_path):
    with exec_server(tmp_path, {"list": "sh -c 'cd /proc/$$$$/fd; for fd in *; do readlink $fd; done'"}) as server:
        places = result_of(server, put(server, "list"))[2].decode().splitlines()
        assert [place.split(":")[0] for place in places[:3]] == ["pipe"] * 3
        assert places[3:] == [f"{server.spool}/slots/0"]


def test_50_mb_through_gzip_and_back(tmp_path):
    piece = random.randbytes(1 << 20)
    data = b"".join(piece[i * 1000:] + piece[:i * 1000] for i in range(50))
    with exec_server(tmp_path, {"zip": "gzip -1 -c", "unzip": "gzip -dc"}) as server:
        packed = result_of(server, put(server, "zip", data))[2]
        assert gzip.decompress(packed) == data
        assert result_of(server, put(server, "unzip", packed))[2] == data
        with open(f"/proc/{server.one('bobbin-job')}/status") as file:
            anonymous = next(int(line.split()[1]) for line in file if line.startswith("RssAnon"))
        if "asan" not in server.binary:
            assert anonymous < 8192


def test_150_mb_in_both_directions_at_once(tmp_path):
    data = random.randbytes(1 << 20) * 150
    with exec_server(tmp_path, {"cat": "command = cat\nmost-output = 150m"}) as server:
        assert result_of(server, put(server, "cat", data))[2] == data


def test_a_program_that_hangs_is_stopped_at_the_timeout(tmp_path):
    program = script(tmp_path, "hang", f"echo $$ >> {tmp_path}/pids; exec sleep 1000")
    with exec_server(tmp_path, {"hang": program}, queue="attempts = 2\ntimeout = 300ms") as server:
        job = end_of(server, put(server, "hang"))
        assert (job["state"], job["attempt"]) == ("dead", 2)
        assert job["error"] == "timed out after 0.3 s"
        assert "a job process of slot" not in server.log()  # SIGTERM was enough
        pids = (tmp_path / "pids").read_text().split()
        assert len(pids) == 2 and not any(is_alive(int(pid)) for pid in pids)


def test_a_program_that_ignores_sigterm_is_killed(tmp_path):
    program = script(tmp_path, "deaf", f"trap '' TERM; echo $$ >> {tmp_path}/pids; while :; do sleep 1; done")
    with exec_server(tmp_path, {"deaf": program}, queue="attempts = 1\ntimeout = 300ms") as server:
        assert end_of(server, put(server, "deaf"))["state"] == "dead"
        wait_for("it to be gone", lambda: not is_alive(pid_in(tmp_path / "pids")))


def test_a_running_program_is_cancelled(tmp_path):
    program = script(tmp_path, "sleep", f"echo $$ > {tmp_path}/pid; exec sleep 1000")
    with exec_server(tmp_path, {"sleep": program}) as server:
        job = put(server, "sleep")
        pid = pid_in(tmp_path / "pid")
        assert server.json(f"/jobs/{job}", method="DELETE")[1]["state"] == "cancelling"
        assert end_of(server, job)["state"] == "cancelled"
        assert not is_alive(pid)


def test_a_server_that_leaves_hands_the_job_back(tmp_path):
    program = script(tmp_path, "first", f'echo $$ >> {tmp_path}/pids; '
                     f'[ -e {tmp_path}/again ] && echo "$BOBBIN_JOB_ATTEMPT" || exec sleep 1000')
    server = exec_server(tmp_path, {"first": program}).start()
    job = put(server, "first")
    pid = pid_in(tmp_path / "pids")
    assert server.stop() == 0
    assert not is_alive(pid)
    (tmp_path / "again").touch()
    with exec_server(tmp_path, {"first": program}, port=server.port) as server:
        assert result_of(server, job)[2] == b"1\n"


@pytest.mark.parametrize("how", ["sleep 1000 &", "setsid sleep 1000 &", "(setsid sleep 1000 & ) &"])
def test_what_a_program_leaves_behind_does_not_hold_its_job(tmp_path, how):
    pids = tmp_path / "pids"
    program = script(tmp_path, "leave", f"{how.replace('sleep 1000', f'{tmp_path}/rest')}\n"
                     f"while ! [ -s {pids} ]; do :; done; echo ended")
    script(tmp_path, "rest", f"echo $$ > {pids}; exec sleep 1000")
    with exec_server(tmp_path, {"leave": program}) as server:
        assert result_of(server, put(server, "leave"))[2] == b"ended\n"
        assert not is_alive(pid_in(pids))


def test_output_without_an_end_is_a_failure_that_is_told(tmp_path):
    with exec_server(tmp_path, {"yes": "command = yes\nmost-output = 3m"}) as server:
        job = end_of(server, put(server, "yes"))
        assert (job["state"], job["attempt"]) == ("dead", 1)
        assert job["error"] == "the program wrote more than 3145728 bytes (most-output)"
        assert job["result"] is None
        assert not [pid for pid in server.processes("yes") if is_alive(pid)]


def test_a_program_that_reads_nothing_is_done(tmp_path):
    with exec_server(tmp_path, {"echo": "echo 'a  b'"}) as server:
        assert result_of(server, put(server, "echo", random.randbytes(3 << 20)))[2] == b"a  b\n"


def test_a_program_that_is_missing_is_told_at_the_start_of_a_job_process(tmp_path):
    with exec_server(tmp_path, {"none": "there-is-none"}) as server:
        sentence = 'exec:none did not start: there is no program "there-is-none" in PATH'
        wait_for("the sentence", lambda: sentence in server.log())


def test_kill_9_of_the_job_process_takes_its_program_along(tmp_path):
    program = script(tmp_path, "sleep", f"echo $$ >> {tmp_path}/pids; "
                     f"[ $(wc -l < {tmp_path}/pids) = 1 ] && exec sleep 1000; kill -0 $(head -1 {tmp_path}/pids) && "
                     "echo twice; echo once")
    with exec_server(tmp_path, {"sleep": program}) as server:
        job = put(server, "sleep")
        first = pid_in(tmp_path / "pids")
        assert name_of(first)
        os.kill(server.one("bobbin-job"), signal.SIGKILL)
        assert result_of(server, job)[2] == b"once\n"
        assert not is_alive(first) and end_of(server, job)["attempt"] == 2


@pytest.mark.parametrize("how", ["", "setsid"])
def test_kill_9_of_the_job_process_takes_the_children_of_its_program_along(tmp_path, how):
    pids = tmp_path / "pids"
    program = script(tmp_path, "parent", f"if [ -s {pids} ]; then kill -0 $(cat {pids}) && echo twice; echo once; exit; fi\n"
                     f"({how} {tmp_path}/rest &) & wait; exec sleep 1000")
    script(tmp_path, "rest", f"echo $$ > {pids}; exec sleep 1000")
    with exec_server(tmp_path, {"parent": program}) as server:
        job = put(server, "parent")
        child = pid_in(pids)
        os.kill(server.one("bobbin-job"), signal.SIGKILL)
        assert result_of(server, job)[2] == b"once\n"
        assert not is_alive(child)


def test_after_kill_9_of_everything_a_job_waits_for_its_orphan(tmp_path):
    # The child of the program survives: nobody is left to kill it. It holds the lock of its slot.
    (tmp_path / "hold").touch()
    program = script(tmp_path, "orphan", f"echo begin >> {tmp_path}/trace; {tmp_path}/rest & wait")
    script(tmp_path, "rest", f"echo $$ >> {tmp_path}/pids\n"
           f"while [ -e {tmp_path}/hold ]; do sleep 0.01; done; echo end >> {tmp_path}/trace")
    server = exec_server(tmp_path, {"orphan": program}).start()
    job = put(server, "orphan")
    orphan = pid_in(tmp_path / "pids")
    for name in ("bobbin-job", "bobbin-nursery", "bobbin-spooler", "bobbin-worker"):
        os.kill(server.one(name), signal.SIGSTOP)  # so that nobody reacts to another's end
    family = [server.process.pid] + [pid for name in ("spooler", "nursery", "worker", "bobbin-job")
                                     for pid in server.processes(name)]
    for pid in family:
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    wait_for("all to be gone", lambda: not any(is_alive(pid) for pid in family))
    assert is_alive(orphan)
    try:
        with exec_server(tmp_path, {"orphan": program, "cat": "cat"}, port=server.port) as server:
            for _ in range(3):  # others are run meanwhile
                assert result_of(server, put(server, "cat", b"x"))[2] == b"x"
            assert (tmp_path / "trace").read_text() == "begin\n"
            (tmp_path / "hold").unlink()
            assert end_of(server, job)["state"] == "done"
        assert (tmp_path / "trace").read_text().split() == ["begin", "end", "begin", "end"]
    finally:
        if is_alive(orphan):
            os.kill(orphan, signal.SIGKILL)
