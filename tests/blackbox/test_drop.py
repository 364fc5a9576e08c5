"""drop/<queue>/: a file that any program renames into it becomes a job."""
import os
import signal
import socket

import pytest
from server import Server, children_of, name_of, wait_for
from spoolreader import read_spool


def drop_server(folder, file=None, spool="", queues="", **more):
    return Server({"/jobs": "jobs", "/ledger": "ledger"}, spool=f"processes = 1\n{spool}",
                  folder=str(folder), queues="[queue:ledger]\n" + queues,
                  sections=f"[ledger]\nfile = {file or folder}/trace\n", **more)


def queue_folder(server, queue="ledger"):
    return os.path.join(server.spool, "drop", queue)


def drop(server, name, data, queue="ledger"):
    """As a careful program does it: written under a hidden name, then renamed."""
    folder = queue_folder(server, queue)
    with open(os.path.join(folder, "." + name[:200]), "wb") as file:
        file.write(data)
    os.rename(os.path.join(folder, "." + name[:200]), os.path.join(folder, name))


def jobs(server, queue="ledger"):
    """Those of the queue; none while a journal is just being made or removed."""
    try:
        return [job for job in read_spool(server.spool).values() if job["queue"] == queue]
    except (FileNotFoundError, AssertionError):
        return []


def done(server, count):
    def look():
        found = [job for job in jobs(server) if job["state"] == "done"]
        return found if len(found) >= count else None
    return wait_for(f"{count} jobs to be done", look)


def names(server, folder):
    try:
        return sorted(os.listdir(os.path.join(server.spool, "drop", folder)))
    except FileNotFoundError:
        return []


def leaders(server):
    """Those that the generation made: a nursery that was just forked has the same name."""
    return [pid for pid in children_of(server.one("bobbin-gen")) if "spooler" in name_of(pid)]


def why(server, name):
    path = os.path.join(server.spool, "drop", ".aside", name + ".why")
    wait_for(f"{path}", lambda: os.path.exists(path) and os.path.getsize(path))
    with open(path) as file:
        return file.read()


# ---------------------------------------------------------------- what becomes a job


def test_a_file_that_is_renamed_into_it_becomes_a_job_with_its_bytes(tmp_path):
    with drop_server(tmp_path) as server:
        drop(server, "small", b"a few bytes")
        [job] = done(server, 1)
        assert job["payload"] == job["result"] == b"a few bytes" and job["blob"] is None
        assert job["headers"] == {"file-name": b"small"}
        wait_for("the claim to be gone", lambda: names(server, ".claimed/ledger") == [])
        assert names(server, "ledger") == []


def test_a_large_file_is_linked_and_not_copied(tmp_path):
    with drop_server(tmp_path, spool="inline-max = 1k") as server:
        data = os.urandom(300_000)
        hidden = os.path.join(queue_folder(server), ".large")
        with open(hidden, "wb") as file:
            file.write(data)
        inode = os.stat(hidden).st_ino
        os.rename(hidden, os.path.join(queue_folder(server), "large"))
        [job] = done(server, 1)
        assert job["payload"] == job["result"] == data
        blob = os.path.join(server.spool, "blobs", "%016x" % job["blob"][0], str(job["blob"][1]))
        assert os.stat(blob).st_ino == inode
        wait_for("the claim to be gone", lambda: names(server, ".claimed/ledger") == [])
        assert os.stat(blob).st_nlink == 1


def test_the_limit_of_inline_payloads_is_kept_to_the_byte(tmp_path):
    with drop_server(tmp_path, spool="inline-max = 1k") as server:
        drop(server, "inside", b"x" * 1024)
        drop(server, "above", b"y" * 1025)
        found = {job["headers"]["file-name"]: job for job in done(server, 2)}
        assert found[b"inside"]["blob"] is None and found[b"above"]["blob"] is not None


def test_an_empty_file_is_a_job_with_an_empty_payload(tmp_path):
    with drop_server(tmp_path, spool="inline-max = 0") as server:
        drop(server, "empty", b"")
        [job] = done(server, 1)
        assert job["payload"] == b"" and job["blob"] is None


@pytest.mark.parametrize("name", ["with space", "zwei\nZeilen", "größe", "n" * 255])
def test_its_name_is_a_header_whatever_it_is(tmp_path, name):
    with drop_server(tmp_path) as server:
        drop(server, name, b"x")
        [job] = done(server, 1)
        assert job["headers"] == {"file-name": name.encode()}


def test_a_hidden_name_is_left_alone(tmp_path):
    with drop_server(tmp_path) as server:
        hidden = os.path.join(queue_folder(server), ".being-written")
        with open(hidden, "wb") as file:
            file.write(b"half of")
        drop(server, "whole", b"x")
        [job] = done(server, 1)
        assert job["headers"]["file-name"] == b"whole" and os.path.exists(hidden)


def test_a_queue_that_nobody_configured_gets_a_folder_by_hand(tmp_path):
    with drop_server(tmp_path) as server:
        os.mkdir(queue_folder(server, "other"))
        drop(server, "early", b"x", queue="other")
        [job] = wait_for("the job", lambda: jobs(server, "other"))
        assert job["payload"] == b"x"


def test_the_same_name_dropped_again_is_another_job(tmp_path):
    with drop_server(tmp_path) as server:
        for number in range(50):
            drop(server, "same", b"%d" % number)
            wait_for("it to be taken", lambda: names(server, "ledger") == [])
        assert sorted(int(job["payload"]) for job in done(server, 50)) == list(range(50))


def test_more_files_than_are_taken_at_once_all_become_jobs(tmp_path):
    server = drop_server(tmp_path)
    os.makedirs(queue_folder(server))
    for number in range(500):
        drop(server, f"file-{number}", b"%d" % number)
    with server:
        found = done(server, 500)
        assert sorted(int(job["payload"]) for job in found) == list(range(500))
        assert names(server, "ledger") == []


# ---------------------------------------------------------------- what does not


def test_what_is_no_file_goes_aside_with_a_sentence(tmp_path):
    with drop_server(tmp_path) as server:
        folder = queue_folder(server)
        os.mkdir(os.path.join(folder, "folder"))
        os.symlink("/etc/passwd", os.path.join(folder, "link"))
        os.mkfifo(os.path.join(folder, "pipe"))
        with socket.socket(socket.AF_UNIX) as listener:
            here = os.getcwd()
            os.chdir(folder)
            try:
                listener.bind("socket")
            finally:
                os.chdir(here)
        for name, word in (("folder", "a folder"), ("link", "a symbolic link"),
                           ("pipe", "a pipe"), ("socket", "a socket")):
            assert why(server, name) == f"it is {word} and not a file\n"
            wait_for("it to lie there", lambda name=name: name in names(server, ".aside"))
            assert f"drop/ledger/{name} is set aside: it is {word}" in server.log()
        assert names(server, "ledger") == [] and jobs(server) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_goes_aside(tmp_path):
    with drop_server(tmp_path) as server:
        drop(server, ".x", b"secret")
        os.chmod(os.path.join(queue_folder(server), ".x"), 0)
        os.rename(os.path.join(queue_folder(server), ".x"), os.path.join(queue_folder(server), "x"))
        assert "cannot be read: Permission denied" in why(server, "x")


def test_folders_and_files_that_are_no_queue_go_aside(tmp_path):
    with drop_server(tmp_path) as server:
        os.mkdir(queue_folder(server, "No Queue"))
        with open(queue_folder(server, "lost"), "wb") as file:
            file.write(b"x")
        assert "the queue's name \"No Queue\" has another character" in why(server, "No Queue")
        assert "files belong into drop/QUEUE/" in why(server, "lost")


def test_two_of_one_name_both_lie_aside(tmp_path):
    with drop_server(tmp_path) as server:
        for _ in range(2):
            os.mkdir(os.path.join(queue_folder(server), "x"))
            wait_for("it to go", lambda: names(server, "ledger") == [])
        wait_for("both", lambda: len(names(server, ".aside")) == 4)
        found = names(server, ".aside")
        assert found[0] == "x" and "x.why" in found
        assert all(name.startswith("x") for name in found)


# ---------------------------------------------------------------- crashes and full disks


def test_what_a_dead_leader_had_claimed_becomes_a_job(tmp_path):
    server = drop_server(tmp_path)
    os.makedirs(os.path.join(server.spool, "drop", ".claimed", "ledger"))
    for name, data in (("claimed", b"older"), ("alone", b"alone")):
        with open(os.path.join(server.spool, "drop", ".claimed", "ledger", name), "wb") as file:
            file.write(data)
    os.makedirs(queue_folder(server))
    drop(server, "claimed", b"newer")
    with server:
        assert sorted(job["payload"] for job in done(server, 3)) == [b"alone", b"newer", b"older"]
        wait_for("the claims to be gone", lambda: names(server, ".claimed/ledger") == [])
        assert names(server, "ledger") == []


def test_kill_9_of_the_leader_loses_no_file(tmp_path):
    with drop_server(tmp_path, spool="inline-max = 16") as server:
        dropped = set()
        for turn in range(6):
            leader = wait_for("a leader", lambda: leaders(server))[0]
            for number in range(40):
                data = b"%d.%d" % (turn, number) + (b"." * 40 if number % 2 else b"")
                drop(server, f"{turn}.{number}", data)
                dropped.add(data)
                if number == 20 + turn:
                    os.kill(leader, signal.SIGKILL)
            wait_for("another leader", lambda old=leader: [
                pid for pid in leaders(server) if pid != old])
        wait_for("all to be taken", lambda: names(server, "ledger") == [] and
                 names(server, ".claimed/ledger") == [])
        wait_for("all to be done", lambda: {
            job["payload"] for job in jobs(server) if job["state"] == "done"} == dropped)


def test_without_space_a_file_stays_and_is_taken_later(tmp_path, small_disk):
    with drop_server(small_disk, file=tmp_path) as server:
        hidden = os.path.join(queue_folder(server), ".waiting")
        with open(hidden, "wb") as file:
            file.write(b"x" * 3000)
        filler = small_disk / "filler"
        with open(filler, "wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(4096))
            except OSError:
                pass
        os.rename(hidden, os.path.join(queue_folder(server), "waiting"))
        wait_for("it to be said", lambda: "drop/ledger/waiting stays where it is: " in server.log())
        wait_for("it to lie there", lambda: "waiting" in names(server, "ledger"))
        filler.unlink()
        [job] = done(server, 1)
        assert job["payload"] == b"x" * 3000
        assert server.log().count("stays where it is") == 1
