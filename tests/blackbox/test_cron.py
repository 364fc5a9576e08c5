"""[cron:NAME]: each occurrence of a schedule is exactly one job, whatever leads."""
import os
import re
import signal
import subprocess
import time

from server import BINARY, Server, children_of, name_of, wait_for
from spoolreader import read_spool


def cron_server(folder, cron, payload="tick", **more):
    return Server({"/ledger": "ledger", "/jobs": "jobs"}, spool="processes = 1",
                  folder=str(folder), queues="[queue:ledger]\nbackoff = 20ms",
                  sections=f"[ledger]\nfile = {folder}/trace\n[cron:beat]\nqueue = ledger\n"
                           f"payload = {payload}\n{cron}\n", **more)


def jobs(server):
    """{time: [job]} of what the cron has made; none while a journal is just being made."""
    found = {}
    try:
        for job in read_spool(server.spool).values():
            if job["unique_key"].startswith("cron:beat:"):
                found.setdefault(int(job["unique_key"].rsplit(":", 1)[1]), []).append(job)
    except (FileNotFoundError, AssertionError):
        return {}
    return found


def note(server):
    """(time, state, id) of cron/beat."""
    try:
        with open(os.path.join(server.spool, "cron", "beat")) as file:
            time_s, state, job = file.read().split()
        return int(time_s), state, job
    except FileNotFoundError:
        return None


def write_note(server, time_s, state, job="-"):
    os.makedirs(os.path.join(server.spool, "cron"), exist_ok=True)
    with open(os.path.join(server.spool, "cron", "beat"), "w") as file:
        file.write(f"{time_s} {state} {job}\n")


def leaders(server):
    return [pid for pid in children_of(server.one("bobbin-gen")) if "spooler" in name_of(pid)]


def some(server, count):
    def look():
        found = jobs(server)
        return found if len(found) >= count else None
    return wait_for(f"{count} occurrences", look)


def expect_each_second_once(found):
    times = sorted(found)
    assert times == list(range(times[0], times[-1] + 1))
    assert all(len(same) == 1 for same in found.values())


# ---------------------------------------------------------------- its time


def test_each_occurrence_is_one_job_with_its_payload_and_its_time(tmp_path):
    with cron_server(tmp_path, "schedule = @every 1s", payload="tick tock") as server:
        found = some(server, 3)
        expect_each_second_once(found)
        for time_s, [job] in found.items():
            assert job["payload"] == b"tick tock" and job["queue"] == "ledger"
            assert job["headers"] == {"cron": b"beat", "cron-time": b"%d" % time_s}
            assert 0 <= job["enqueued_us"] / 1e6 - time_s < 1
        wait_for("the last to be noted", lambda: note(server)[1] == "stored")


def test_nothing_is_made_up_when_it_is_there_for_the_first_time(tmp_path):
    with cron_server(tmp_path, "schedule = 0 0 1 1 *") as server:
        before = time.time()
        noted = wait_for("it to be noted", lambda: note(server))
        assert noted[0] <= before + 1 and noted[1:] == ("skipped", "-") and jobs(server) == {}


def test_jitter_makes_a_job_due_later(tmp_path):
    with cron_server(tmp_path, "schedule = @every 1s\njitter = 1h") as server:
        found = some(server, 3)
        late = [job["due_us"] - time_s * 1_000_000 for time_s, [job] in found.items()]
        assert all(0 <= one <= 3600 * 1_000_000 for one in late) and len(set(late)) == len(late)


def test_without_overlap_one_is_skipped_while_the_job_before_has_not_ended(tmp_path):
    with cron_server(tmp_path, "schedule = @every 1s\noverlap = no") as server:
        blocker = server.json("/ledger?ms=3000", data=b"")[1]["id"]
        wait_for("it to be skipped", lambda: "is skipped: the job before has not ended" in server.log())
        waiting = note(server)[2]
        assert server.json(f"/jobs/{waiting}")[1]["state"] in ("ready", "running", "done")
        server.job(f"/jobs/{blocker}")
        wait_for("another one", lambda: note(server)[2] != waiting)
        found = jobs(server)
        times = sorted(found)
        assert times != list(range(times[0], times[-1] + 1))
        assert all(len(same) == 1 for same in found.values())


# ---------------------------------------------------------------- who leads


def test_each_occurrence_is_one_job_whatever_leads(tmp_path):
    with cron_server(tmp_path, "schedule = @every 1s") as server:
        for turn in range(5):
            leader = wait_for("a leader", lambda: leaders(server))[0]
            some(server, turn + 1)
            os.kill(leader, signal.SIGKILL)
            wait_for("another leader", lambda old=leader: [
                pid for pid in leaders(server) if pid != old])
        seen = note(server)[0]
        wait_for("the next one", lambda: note(server)[0] > seen + 1)
        found = jobs(server)
        expect_each_second_once(found)


def test_one_that_a_dead_leader_had_stored_is_not_stored_again(tmp_path):
    with cron_server(tmp_path, "schedule = @every 1h\nmissed = skip") as server:
        wait_for("it to be noted", lambda: note(server))
    time_s = int(time.time()) // 3600 * 3600
    write_note(server, time_s - 3600, "skipped")
    # At the next start it is one that is due, or one that was missed: stored either way.
    with cron_server(tmp_path, "schedule = @every 1h") as server:
        wait_for("it", lambda: note(server)[1] == "stored")
        noted = note(server)
        [[job]] = jobs(server).values()
        server.job(f"/jobs/{noted[2]}")
    write_note(server, noted[0], "storing")  # as it lay there before the job was noted
    with cron_server(tmp_path, "schedule = @every 1h") as server:
        wait_for("it to be found", lambda: note(server) == noted)
        [[again]] = jobs(server).values()
        assert again["nonce"] == job["nonce"]


def test_one_that_a_dead_leader_meant_to_store_is_stored(tmp_path):
    server = cron_server(tmp_path, "schedule = @every 1d")
    time_s = int(time.time()) // 86400 * 86400
    write_note(server, time_s, "storing")
    with server:
        assert list(some(server, 1)) == [time_s]
        wait_for("it to be noted", lambda: note(server)[:2] == (time_s, "stored"))


def test_of_those_that_were_missed_the_last_is_made_up_once(tmp_path):
    server = cron_server(tmp_path, "schedule = @every 1d")
    today = int(time.time()) // 86400 * 86400
    write_note(server, today - 5 * 86400, "stored")
    with server:
        assert list(some(server, 1)) == [today]
        wait_for("it to be noted", lambda: note(server)[:2] == (today, "stored"))
        assert len(jobs(server)) == 1


def test_missed_ones_are_skipped_when_it_says_so(tmp_path):
    server = cron_server(tmp_path, "schedule = @every 1d\nmissed = skip")
    wait_for("midnight to be over", lambda: int(time.time()) % 86400 > 90, 120)
    write_note(server, int(time.time()) - 5 * 86400, "stored")
    with server:
        wait_for("it to be said", lambda: "was missed, and is skipped" in server.log())
        assert jobs(server) == {}


def test_when_the_clock_was_wrong_it_begins_anew(tmp_path):
    server = cron_server(tmp_path, "schedule = @every 1s")
    write_note(server, int(time.time()) + 86400, "stored")
    with server:
        expect_each_second_once(some(server, 2))
        assert "is far in the future: the clock was set back" in server.log()


def test_when_the_clock_was_set_back_a_little_nothing_comes_twice(tmp_path):
    server = cron_server(tmp_path, "schedule = @every 1s")
    ahead = int(time.time()) + 4
    write_note(server, ahead, "stored")
    with server:
        assert min(some(server, 1)) == ahead + 1


def test_a_note_that_cannot_be_understood_is_said_and_replaced(tmp_path):
    server = cron_server(tmp_path, "schedule = @every 1s")
    write_note(server, 77, "nonsense")
    with server:
        some(server, 1)
        assert "cron/beat is not what a leader writes" in server.log()


def test_without_space_it_is_stored_later_and_once(small_disk):
    server = cron_server(small_disk, "schedule = @every 1d")
    today = int(time.time()) // 86400 * 86400
    write_note(server, today, "storing")
    filler = small_disk / "filler"
    with open(filler, "wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass
    os.truncate(filler, filler.stat().st_size - 48 * 1024)  # for the log, and no journal
    with server:
        wait_for("it to be said", lambda: "No space left on device; it is tried again" in server.log())
        assert jobs(server) == {}
        filler.unlink()
        assert [len(same) for same in some(server, 1).values()] == [1]
        wait_for("it to be noted", lambda: note(server)[:2] == (today, "stored"))


# ---------------------------------------------------------------- what may stand there


def test_a_wrong_schedule_is_a_sentence_with_its_line(tmp_path):
    server = cron_server(tmp_path, "schedule = 0 0 30 feb *")
    answer = subprocess.run([BINARY, "check", server.ini], capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert re.search(r'test\.ini:\d+: cron:beat: schedule: "0 0 30 feb \*" never comes round', answer.stderr)


def test_the_configuration_is_printed_with_its_defaults(tmp_path):
    server = cron_server(tmp_path, "schedule = @every 30s")
    answer = subprocess.run([BINARY, "config", server.ini], capture_output=True, text=True, check=True)
    section = answer.stdout.split("[cron:beat]")[1]
    for line in ("schedule = @every 30s", "queue = ledger", "missed = once", "time-zone = UTC"):
        assert line in section
