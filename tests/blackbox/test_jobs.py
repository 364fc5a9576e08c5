"""Jobs that come over HTTP: POST /jobs/<queue>, with hostile parameters and bodies of any length."""
import datetime
import os
import threading
import time

import pytest
import spoolreader
from server import Server, wait_for

APPS = {"/jobs": "jobs"}
ENDED = ("done", "dead", "cancelled", "expired")
MB = 1 << 20


def jobs_server(folder, more="", processes=1, queues="", sections="", apps=None, **settings):
    return Server({**APPS, **(apps or {})}, spool=f"processes = {processes}", folder=str(folder),
                  queues="[queue:ledger]\nattempts = 5\nbackoff = 20ms\nkill-after = 500ms\n" +
                  "[queue:letters]\nhandler = ledger\n" + queues,
                  sections=f"[ledger]\nfile = {folder}/trace\n" +
                  f"[jobs]\nopen = ledger\nopen = letters\n{more}\n" + sections, **settings)


def post(server, query="", body=b"payload", queue="ledger", **headers):
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return server.request(f"/jobs/{queue}{query}", data=body, method="POST", headers=headers)


def stored(server, *what, **more):
    status, headers, body = post(server, *what, **more)
    assert status == 202, body
    return headers["location"]


def state_of(server, location):
    return server.json(location)[1]["state"]


def begun(server):
    """The ids of all attempts, in their order."""
    try:
        with open(os.path.join(server.folder, "trace")) as file:
            return [line.split()[1] for line in file if line.startswith("begin ")]
    except FileNotFoundError:
        return []


def blocked(folder, **settings):
    """Nothing runs jobs: they stay as they were stored."""
    return jobs_server(folder, role="web", **settings)


# ---------------------------------------------------------------- what is asked for


def test_a_posted_job_runs_and_its_result_is_what_was_sent(tmp_path):
    with jobs_server(tmp_path) as server:
        location = stored(server, body=b"some words", Content_Type="text/x-mine")
        assert server.job(location)["state"] == "done"
        assert server.request(f"{location}/result")[2] == b"some words"
        assert server.job(stored(server, queue="letters"))["queue"] == "letters"


def test_what_is_asked_for_is_in_the_spool(tmp_path):
    with blocked(tmp_path) as server:
        due = int(time.time()) + 3600
        first = stored(server, f"?priority=2&due={due}&expires=2h&attempts=3&timeout=30s&key=mine",
                       X_Request_Id="request-17", Content_Type="text/x-mine").split("/")[-1]
        second = stored(server, Bobbin_Priority="8", Bobbin_Delay="1h", Bobbin_Attempts="2",
                        Idempotency_Key="theirs").split("/")[-1]
    found = spoolreader.read_spool(server.spool)
    job = found[first]
    assert (job["queue"], job["priority"], job["unique_key"]) == ("ledger", 2, "mine")
    assert (job["payload"], job["content_type"]) == (b"payload", "text/x-mine")
    assert job["headers"]["x-request-id"] == b"request-17"
    assert (job["due_us"], job["attempts"]) == (due * 1000000, 3)
    assert 7190e6 < job["expires_us"] - job["enqueued_us"] < 7210e6
    assert (found[second]["priority"], found[second]["unique_key"]) == (8, "theirs")


def test_a_queue_that_is_not_open_is_404_like_one_that_is_not_there(tmp_path):
    with jobs_server(tmp_path, queues="[queue:secret]\nhandler = ledger\n") as server:
        answers = [post(server, queue=queue)[::2] for queue in ("secret", "nothing", "x" * 49)]
        assert len(set(answers)) == 1 and answers[0][0] == 404
        for method in ("PUT", "PATCH"):
            answers = [server.request(f"/jobs/{queue}", data=b"", method=method)
                       for queue in ("secret", "nothing")]
            assert answers[0][0] == answers[1][0] == 405
            assert answers[0][1]["allow"] == answers[1][1]["allow"] == "GET, HEAD, DELETE"
        status, headers, _ = server.request("/jobs/ledger")
        assert (status, headers["allow"]) == (405, "POST")
        assert begun(server) == []


@pytest.mark.parametrize("legal, illegal", [
    ("priority=9", "priority=10"), ("priority=0", "priority=-1"), ("priority=5", "priority=5.0"),
    ("priority=1", "priority=18446744073709551617"), ("attempts=1000", "attempts=1001"),
    ("attempts=1", "attempts=0"), ("timeout=7d", "timeout=604801"), ("timeout=1ms", "timeout=0"),
    ("delay=365d", "delay=31536001"), ("delay=1h", "delay=18446744073709551615d"),
    ("expires=365d", "expires=8761h"), ("expires=1ms", "expires=0"), ("expires=9m", "expires=%2B9m"),
    ("due=253402300799", "due=253402300800"), ("due=9999-12-31T23:59:59Z", "due=9999-12-31T23:59:60Z"),
    ("due=2026-11-24T13:04:47%2B01:00", "due=2026-11-24T13:04:47+01:00"), ("due=0", "due=tomorrow"),
    ("key=" + "k" * 200, "key=" + "k" * 201), ("key=%c3%a4", "key=a%00b"), ("key=x", "key="),
    ("wait=0", "wait=-1s"), ("wait=00001ms", "wait=1e3ms"), ("priority=1&", "priority=1&priority=1"),
    ("&&", "&nonsense"), ("delay=1", "delay=1&due=1"), ("", "%70riority=1"), ("", "priority"),
    ("", "%ff%fe=%ff"), ("", "x" * 8000), ("", "delay=" + "9" * 8000)])
def test_each_limit_is_legal_and_one_more_is_400(tmp_path, legal, illegal):
    with blocked(tmp_path) as server:
        status, answer = server.json(f"/jobs/ledger?{illegal}", data=b"x")
        assert status == 400 and 10 < len(answer["error"]) < 512
        assert post(server, f"?{legal}")[0] == 202
    assert len(spoolreader.read_spool(server.spool)) == 1


@pytest.mark.parametrize("name, value", [
    ("Bobbin-Priority", "10"), ("Bobbin-Delay", "5 s"), ("Bobbin-Due", "2026-02-30T00:00:00Z"),
    ("Bobbin-Expires", "0"), ("Bobbin-Attempts", "0x10"), ("Bobbin-Timeout", "8d"),
    ("Bobbin-Wait", "x"), ("Bobbin-Key", "k" * 201), ("Idempotency-Key", "k" * 201),
    ("Idempotency-Key", ""), ("Content-Type", "t" * 201)])
def test_a_field_that_is_not_legal_is_400_and_named(tmp_path, name, value):
    with blocked(tmp_path) as server:
        status, answer = server.json("/jobs/ledger", data=b"x", headers={name: value})
        assert status == 400 and answer["error"].startswith(f"{name} ")


# ---------------------------------------------------------------- when, and how often


def seconds_of(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


def test_a_delayed_job_says_when_it_is_due_and_runs_then(tmp_path):
    with jobs_server(tmp_path) as server:
        now = time.time()
        location = stored(server, "?delay=700ms")
        job = server.json(location)[1]
        assert job["state"] == "ready" and job["started"] is None
        assert len(job["due"]) == len("2026-11-24T13:04:47.310Z") and job["due"].endswith("Z")
        assert now + 0.69 <= seconds_of(job["due"]) < now + 10
        done = server.job(location, until=ENDED)
        assert done["state"] == "done" and seconds_of(done["started"]) >= now + 0.69
        far = "2999-01-02T03:04:05.678Z"
        location = stored(server, f"?due={far}")
        assert server.json(location)[1]["due"] == far
        assert server.json(location, method="DELETE")[1]["state"] == "cancelled"


def test_a_job_that_missed_its_time_is_expired_and_has_no_result(tmp_path):
    with jobs_server(tmp_path) as server:
        status, headers, body = post(server, "?delay=1h&expires=100ms&wait=20s")
        assert status == 200 and b'"state": "expired"' in body and b'"started": null' in body
        location = stored(server, "?delay=1h&expires=1ms")
        assert server.job(location, until=ENDED)["state"] == "expired"
        status, answer = server.json(f"{location}/result")
        assert (status, answer["error"]) == (404, "the job is expired: it has no result")
        assert begun(server) == []


def test_a_second_post_of_a_key_is_another_name_of_the_first(tmp_path):
    with jobs_server(tmp_path) as server:
        first = stored(server, "?delay=500ms", body=b"first", Idempotency_Key="k 1")
        second = stored(server, body=b"second", Idempotency_Key="k 1")
        other = stored(server, body=b"other", queue="letters", Idempotency_Key="k 1")
        assert first != second
        told, other_told = server.json(first)[1], server.json(second)[1]
        assert other_told["id"] == second.split("/")[-1] and other_told["due"] == told["due"]
        for location, result in ((second, b"first"), (first, b"first"), (other, b"other")):
            assert server.job(location)["state"] == "done"
            assert server.request(f"{location}/result")[2] == result
        third = stored(server, body=b"third", Idempotency_Key="k 1")
        assert server.job(third)["state"] == "done"
        assert server.request(f"{third}/result")[2] == b"third"


def test_a_thousand_posts_of_one_key_from_many_clients_run_once(tmp_path):
    with jobs_server(tmp_path, workers=4, apps={"/ledger": "ledger"}) as server:
        blocker = server.json("/ledger?ms=500000", data=b"")[1]["location"]
        wait_for("it to run", lambda: state_of(server, blocker) == "running")
        places, barrier = [], threading.Barrier(50)

        def send_twenty():
            client = server.connect()
            barrier.wait()
            for _ in range(20):
                client.send(b"POST /jobs/ledger HTTP/1.1\r\nHost: a\r\n"
                            b"Idempotency-Key: the-key\r\nContent-Length: 1\r\n\r\nx")
                status, fields, _ = client.read_answer()
                places.append(fields["location"] if status == 202 else status)
            client.close()

        clients = [threading.Thread(target=send_twenty) for _ in range(50)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        assert len(set(places)) == 1000 and all(str(place).startswith("/jobs/") for place in places)
        server.request(blocker, method="DELETE")
        for place in places:
            assert server.job(place)["state"] == "done"
        assert server.job(stored(server))["state"] == "done"  # nothing else waits before it
        ran = begun(server)
        assert len(ran) == 3 and ran[1] in [place.split("/")[-1] for place in places]


def test_a_wait_is_200_with_the_end_or_202_with_how_it_is(tmp_path):
    with jobs_server(tmp_path, more="max-wait = 20s") as server:
        status, headers, body = post(server, "?wait=20s")
        assert status == 200 and b'"state": "done"' in body and b'/result"' in body
        before = time.monotonic()
        status, headers, body = post(server, "?wait=300ms&delay=1h")
        assert status == 202 and b'"state": "ready"' in body and time.monotonic() - before >= 0.25
        assert server.json(headers["location"], method="DELETE")[1]["state"] == "cancelled"


# ---------------------------------------------------------------- bodies


def chunked(*pieces):
    return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def send_head(server, fields, query=""):
    return server.connect().send(
        f"POST /jobs/ledger{query} HTTP/1.1\r\nHost: a\r\n{fields}\r\n\r\n".encode())


@pytest.mark.parametrize("is_chunked", [False, True])
@pytest.mark.parametrize("most, limit", [("", MB), ("most-body = 100k", 100 << 10), ("most-body = 7", 7)])
def test_a_body_is_as_long_as_most_body_and_not_a_byte_longer(tmp_path, most, limit, is_chunked):
    with jobs_server(tmp_path, more=most) as server:
        for length in (limit, limit + 1):
            body = os.urandom(length)
            pieces = [body[at:at + 5000] for at in range(0, length, 5000)]
            client = send_head(server, "Transfer-Encoding: chunked" if is_chunked
                               else f"Content-Length: {length}")
            try:
                client.send(chunked(*pieces) if is_chunked else body)
            except (BrokenPipeError, ConnectionResetError):
                assert length > limit
            status, fields, answer = client.read_answer()
            client.close()
            if length == limit:
                assert status == 202
                assert server.job(fields["location"])["state"] == "done"
                assert server.request(fields["location"] + "/result")[2] == body
            else:
                assert status == 413 and f"has at most {limit} bytes".encode() in answer
        assert len(begun(server)) == 1


def test_what_is_too_long_is_refused_before_it_is_sent(tmp_path):
    with jobs_server(tmp_path) as server:
        client = send_head(server, f"Content-Length: {MB + 1}\r\nExpect: 100-continue")
        assert client.read_answer()[0] == 413
        client = send_head(server, f"Content-Length: {1 << 62}", query="?priority=x")
        assert client.read_answer()[0] == 400
        client = send_head(server, "Content-Length: 3\r\nExpect: 100-continue")
        assert client.read_answer()[0] == 100
        assert client.send(b"abc").read_answer()[0] == 202


def test_max_body_holds_before_most_body(tmp_path):
    with jobs_server(tmp_path, more="most-body = 1m", bobbin="max-body = 1000") as server:
        assert post(server, body=b"x" * 1000)[0] == 202
        client = send_head(server, "Content-Length: 1001")
        assert client.read_answer()[0] == 413
        client = send_head(server, "Transfer-Encoding: chunked").send(chunked(b"x" * 1001))
        assert client.read_answer()[0] == 413


def test_a_chunked_body_in_a_file_is_the_payload_whole(tmp_path):
    with jobs_server(tmp_path, bobbin="body-memory = 4k") as server:
        for length in (4096, 4097, 700_001):
            body = os.urandom(length)
            client = send_head(server, "Transfer-Encoding: chunked")
            for at in range(0, length, 999):
                client.send(b"%x\r\n%s\r\n" % (len(body[at:at + 999]), body[at:at + 999]))
            status, fields, _ = client.send(b"0\r\n\r\n").read_answer()
            assert status == 202
            assert server.job(fields["location"])["state"] == "done"
            assert server.request(fields["location"] + "/result")[2] == body
            client.close()


def test_a_body_of_no_job_does_not_harm_the_next_request(tmp_path):
    with jobs_server(tmp_path) as server:
        location = stored(server, "?delay=1h")
        client = server.connect()
        for method, path, status in (("POST", "/jobs/other", 404), ("GET", location, 200), ("GET", f"{location}?wait=50ms", 200),
                                     ("POST", "/jobs/ledger?x=1", 400), ("PUT", location, 405),
                                     ("POST", f"{location}/cancel", 200), ("POST", "/jobs/ledger", 202)):
            client.send(f"{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde".encode())
            found, fields, answer = client.read_answer()
            assert found == status, answer
            if fields.get("connection") == "close":
                client.close()
                client = server.connect()
        client.close()


def crowd(server, number):
    """Ten clients that have sent their jobs, but for two that have not sent all."""
    for i in range(10):
        length = (10, 9000)[i % 2]
        client = send_head(server, f"Content-Length: {length}\r\nIdempotency-Key: {number}-{i}",
                           query=("?wait=10s", "", "?wait=10s&delay=1h&expires=1s")[i % 3])
        yield client.send(b"x" * (length - i // 8))


def held_for_clients(pid):
    """Descriptors of connections and of spilled bodies. Journals may be open as well: they are kept for the next question."""
    found = []
    for name in os.listdir(f"/proc/{pid}/fd"):
        try:
            found.append(os.readlink(f"/proc/{pid}/fd/{name}"))
        except FileNotFoundError:
            pass
    return sorted(path for path in found if path.startswith("socket:") or path.endswith("(deleted)"))


def test_clients_that_vanish_while_their_job_is_stored_leave_nothing(tmp_path):
    with jobs_server(tmp_path, bobbin="body-memory = 4k") as server:
        worker = server.one("bobbin-worker")
        assert post(server, "?wait=20s")[0] == 200  # the first wait opens the way to the leader
        before = held_for_clients(worker)
        for number in range(20):
            mark = len(begun(server))
            clients = list(crowd(server, number))
            if number % 2:  # one runs: others are being stored, or wait for their end
                wait_for("a run", lambda: len(begun(server)) > mark)
            for client in clients:
                client.reset()
        assert server.job(stored(server))["state"] == "done"
        wait_for("the descriptors to be closed", lambda: len(held_for_clients(worker)) <= len(before))
    jobs = list(spoolreader.read_spool(server.spool).values())
    assert len(jobs) >= 2 + 10
    for job in jobs:
        assert job["state"] != "running" and len(job["payload"]) in (7, 10, 9000)
