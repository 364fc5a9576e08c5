"""The golden plugin of ABI 1, made with the frozen header, is loaded and run: by this bobbin, and by
one whose structs have all grown by what a later header may add."""
import os
import re
import shutil
import subprocess

import pytest
from installation import build_is_plain
from server import BINARY, BUILD, ROOT, Client, Server, free_port, wait_for


def grown(header):
    """Every struct that may grow has new members at its end."""
    def grow(struct):
        return struct.group(0)[:-2] + "    uint64_t grown[5] BOBBIN_ZERO;\n};"

    return re.sub(r"^struct bobbin_\w+ \{(?:\n    size_t size\b|\n    /\* The frozen head).*?^\};",
                  grow, header, flags=re.S | re.M)


def bobbin_of_later(folder):
    """Built in a copy of the tree, with the golden plugin of today beside its own."""
    for part in ("core", "plugins", "spooler", "build.sh", "tests/host"):
        copy = shutil.copytree if os.path.isdir(f"{ROOT}/{part}") else shutil.copy
        copy(f"{ROOT}/{part}", folder / part)
    header = folder / "plugins" / "bobbin.h"
    today = header.read_text()
    header.write_text(grown(today))
    assert header.read_text().count("uint64_t grown[5]") == 1 + today.count("\n    size_t size")
    done = subprocess.run(["./build.sh"], cwd=folder, capture_output=True, text=True,
                          env={**os.environ, "BUILD": "build", "SANITIZE": ""})
    assert done.returncode == 0, done.stdout + done.stderr
    shutil.copy(f"{BUILD}/tests/plugins/abi-1.so", folder / "build" / "plugins")
    return str(folder / "build" / "bobbin")


LATER = pytest.param("later", marks=[
    pytest.mark.slow, pytest.mark.skipif(not build_is_plain(), reason="not the plain build")])


@pytest.fixture(scope="module", params=["today", LATER])
def golden(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("abi")
    (folder / "sent").write_text("0123456789")
    binary = BINARY if request.param == "today" else bobbin_of_later(tmp_path_factory.mktemp("later"))
    with Server({"/golden": "abi-1"}, spool="processes = 1\ninline-max = 8", folder=str(folder),
                binary=binary,
                bobbin=f"body-memory = 100k\nlisten = abi-1://127.0.0.1:{free_port()}",
                sections="[abi-1]\nneeded = sent\ncount = 7\nlist = a\nlist = b\nsecret = s",
                queues="[queue:abi-1]\nkill-after = 10s") as server:
        yield server
    assert "abi-1 starts in a worker" in server.log()
    assert "abi-1 starts in a job process" in server.log()


def test_options_of_every_type_are_filled(golden):
    assert golden.request("/golden/options")[2].decode().splitlines() == [
        "count 7", "automatic 1", "size 65536", "time 30000", "choice 1", "flag 1", "text words",
        "secret s", "path /dev/null", "list a", "list b"]


def test_a_request_is_read_with_every_accessor(golden):
    status, headers, body = golden.request(
        "/golden/./about?a=1+2&b", data=b"abcdef", method="PUT",
        headers={"X-Golden": "yes", "X-Request-Id": "r1"})
    assert (status, headers["x-one"], headers["x-two"]) == (203, "1", "2")
    told = dict(line.split(" ", 1) for line in body.decode().splitlines())
    assert told | {"first": 0} == {
        "method": "PUT", "path": "/golden/about", "route": "/golden",
        "target": "/golden/./about?a=1+2&b", "query": "a=1+2&b", "a": "1 2", "header": "yes",
        "first": 0, "address": "127.0.0.1", "scheme": "http",
        "authority": f"127.0.0.1:{golden.port}", "id": "r1", "body": "6 of 6 in memory",
        "last": "def", "json": r'"\"\n"'}
    body = golden.request("/golden/about", data=b"x" * 200000 + b"end")[2].decode()
    assert "body 200003 of 200003 in a file\nlast end\n" in body


def test_an_answer_is_streamed_with_backpressure(golden):
    with golden.connect() as client:
        client.send(b"GET /golden/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.read_answer(head_only=True)[0] == 200
        body, trailers, _ = client.read_chunked()
        assert body == bytes(4 << 20) and trailers == {"x-flow": "blocked"}


def test_bodies_are_streamed_with_pauses(golden):
    assert golden.request("/golden/upload", data=b"x" * 300000)[2] == b"300000 bytes\n"


def test_files_interim_answers_and_cuts(golden):
    assert golden.request("/golden/file")[2] == b"234"
    with golden.connect() as client:
        client.send(b"GET /golden/hints HTTP/1.1\r\nHost: x\r\n\r\n")
        status, fields, _ = client.read_answer()
        assert (status, fields["link"]) == (103, "</a.css>; rel=preload")
        assert client.read_answer()[::2] == (200, b"yo")
        client.send(b"GET /golden/cut HTTP/1.1\r\nHost: x\r\n\r\n")
        answer = client.read_all()  # what there is of it
        assert answer.startswith(b"HTTP/1.1 200 ") and not answer.endswith(b"0\r\n\r\n")


def test_answers_come_from_timers_threads_and_the_pool(golden):
    assert golden.request("/golden/timer")[2] == b"tick\ntick\ntick\n"
    assert golden.request("/golden/thread")[2] == b"from a thread\n"
    assert golden.request("/golden/offload")[2] == b"ran 42\n"
    assert golden.json("/golden/nowhere") == (404, {"error": "there is no /nowhere"})


def stored(golden, what):
    outcome, name, queue = golden.request(f"/golden/spool?do={what}")[2].decode().split()
    assert (outcome, queue) == ("stored", "abi-1") and re.fullmatch("[a-z0-9]{1,64}", name)
    return name


def job(golden, name, path="job"):
    text = golden.request(f"/golden/{path}?id={name}")[2].decode()
    return dict(line.split(" ", 1) for line in text.splitlines())


def ended(golden, name):
    def look():
        found = job(golden, name)
        return found if found["state"] not in ("ready", "running", "cancelling") else None
    return wait_for("the job to end", look)


def test_jobs_are_stored_run_and_asked_for(golden):
    name = stored(golden, "again")
    assert ended(golden, name) == {
        "state": "done", "queue": "abi-1", "attempt": "2 of 3", "percent": "100 ",
        "error": "", "times": "1",
        "result": f"1 text/plain the payload text/x-golden abi-1 of it 2/3 {len(name)} words"}
    failed = ended(golden, stored(golden, "fail"))
    assert (failed["state"], failed["error"]) == ("dead", "failed at once")
    status, headers, _ = golden.request("/golden/accept")
    assert status == 202
    assert job(golden, "nonsense")["state"] == "unknown"


def test_several_jobs_are_stored_at_once_and_waited_for(golden):
    outcome, *names = golden.request("/golden/many")[2].decode().split()
    assert outcome == "stored" and len(names) == 2
    for name, payload in zip(names, ("first", "second")):
        found = job(golden, name, "wait")
        assert found["state"] == "done" and found["result"].startswith(f"1 text/plain {payload} ")


def test_a_job_is_stored_without_a_request(golden):
    assert golden.request("/golden/host")[2] == b"taken\n"
    wait_for("it to be stored", lambda: "abi-1: stored without a request\n" in golden.log())


def test_a_result_comes_in_pieces_and_a_job_follows_another(golden):
    found = job(golden, stored(golden, "follow"), "wait")
    assert (found["state"], found["result"]) == ("done", "1 text/x-pieces one, two")
    wait_for("the other to run", lambda: "one job has followed another" in golden.log())


def test_a_running_job_is_cancelled(golden):
    name = stored(golden, "hang")
    wait_for("it to tell how far it is", lambda: job(golden, name)["percent"] == "50 half of it")
    assert job(golden, name)["state"] == "running"
    assert job(golden, name, "cancel")["state"] in ("cancelling", "cancelled")
    assert ended(golden, name)["state"] == "cancelled"


def test_its_protocol_is_spoken(golden):
    port = int(re.search(r"abi-1://127\.0\.0\.1:(\d+)", open(golden.ini).read()).group(1))
    with Client(port) as client:
        # Two in one piece: both are answered, in their order.
        client.send(b"GET /golden/timer\nGET /golden/file\nGET /golden/nowhere\n")
        text = b"200 15\ntick\ntick\ntick\n200 3\n234404 "
        while not client.buffer.startswith(text):
            assert text.startswith(client.buffer[:len(text)])
            client._more()
        client.send(b"nonsense\n")
        assert b"400 " in client.read_all()
