"""Connections and HTTP/1.1 from outside, byte by byte where it matters."""
import os
import socket
import subprocess
import time

import pytest
from server import BINARY, PATIENCE, Server, wait_for

APPS = {"/": "hello", "/echo": "echo", "/later": "later", "/files": "static"}
GET = b"GET /?name=%d HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    root = tmp_path_factory.mktemp("files") / "root"
    root.mkdir()
    (root / "index.html").write_text("<p>index</p>")
    (root / "style.CSS").write_text("p {}")
    (root / "none").write_text("?")
    (root / "empty.txt").write_text("")
    (root / "a b%20c.txt").write_text("odd name")
    (root / ".hidden").write_text("secret")
    (root / "folder").mkdir()
    (root / "folder" / "index.html").write_text("<p>inside</p>")
    (root / "bare").mkdir()
    (root / "large.bin").write_bytes(os.urandom(20_000_000))
    (root.parent / "outside.txt").write_text("outside")
    (root / "leads-out").symlink_to("../outside.txt")
    (root / "leads-in").symlink_to("index.html")
    (root / "etc").symlink_to("/etc")
    os.mkfifo(root / "fifo")
    return root


@pytest.fixture(scope="module")
def server(files):
    timeouts = "head-timeout = 500ms\nbody-timeout = 500ms\nkeepalive-timeout = 900ms\n" \
        "write-timeout = 700ms\nrequest-timeout = 600ms\nmax-body = 1m\nbody-memory = 16k\n"
    with Server(APPS, bobbin=timeouts, sections=f"[static]\nroot = {files}") as running:
        yield running


# ---------------------------------------------------------------- requests and their answers


def test_hello_greets(server):
    status, headers, body = server.request("/?name=J%C3%BCrgen+X")
    assert (status, body.decode()) == (200, "Hello, Jürgen X!\n")
    assert headers["content-type"] == "text/plain; charset=utf-8"
    assert headers["date"].endswith(" GMT") and headers["server"] is None


def test_20_pipelined_requests_in_one_packet_are_answered_in_order(server):
    with server.connect() as client:
        client.send(b"".join(GET % number for number in range(20)))
        for number in range(20):
            assert client.read_answer()[2] == b"Hello, %d!\n" % number


def test_5000_pipelined_requests_are_answered_in_order(server):
    with server.connect() as client:
        client.send(b"".join(GET % number for number in range(5000)))
        for number in range(5000):
            assert client.read_answer()[2] == b"Hello, %d!\n" % number


def test_pipelined_requests_of_all_kinds_are_answered_in_order(server):
    mixed = [(GET % 1, b"Hello, 1!\n"),
             (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", b"abc"),
             (b"GET /later/timer HTTP/1.1\r\nHost: a\r\n\r\n", b"later\n"),
             (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
              b"2\r\nxy\r\n1;q=1\r\nz\r\n0\r\nTrailer: 1\r\n\r\n", b"xyz"),
             (b"GET /files/index.html HTTP/1.1\r\nHost: a\r\n\r\n", b"<p>index</p>"),
             (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 40000\r\n\r\n" + b"b" * 40000,
              b"b" * 40000), (GET % 2, b"Hello, 2!\n")]
    with server.connect() as client:
        client.send(b"".join(request for request, _ in mixed))
        for _, body in mixed:
            assert client.read_answer()[2] == body


@pytest.mark.parametrize("request_bytes,expected", [
    (b"GET /?name=cut HTTP/1.1\r\nHost: a\r\nX-Long: " + b"v" * 40 + b"\r\n\r\n", b"Hello, cut!\n"),
    (b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nhello world", b"hello world"),
    (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
     b"5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nT: x\r\n\r\n", b"hello world"),
])
def test_a_request_cut_at_every_byte_gets_the_same_answer(server, request_bytes, expected):
    for cut in range(1, len(request_bytes)):
        with server.connect() as client:
            client.send(request_bytes[:cut])
            client.send(request_bytes[cut:])
            status, _, body = client.read_answer()
            assert (status, body) == (200, expected), cut


def test_a_request_in_single_bytes_gets_the_same_answer(server):
    with server.connect() as client:
        for byte in b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" \
                    b"3\r\nabc\r\n0\r\n\r\n":
            client.send(bytes([byte]))
        assert client.read_answer()[2] == b"abc"


@pytest.mark.parametrize("size", [0, 1, 15000, 16383, 16384, 16385, 65536, 1048575, 1048576])
def test_echo_answers_any_size_up_to_the_limit(server, size):
    body = os.urandom(size)
    assert server.request("/echo", data=body)[2] == body
    chunked = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in
                       (body[at:at + 7000] for at in range(0, size, 7000)))
    with server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
                    chunked + b"0\r\n\r\n")
        assert client.read_answer()[2] == body


def test_one_byte_more_than_the_limit_is_413(server):
    for head in (b"Content-Length: 1048577\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\n100001\r\n" + bytes(0x100001)):
        with server.connect() as client:
            client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\n" + head)
            status, headers, _ = client.read_answer()
            assert status == 413 and headers["connection"] == "close"
            assert client.is_closed()


def test_a_body_behind_a_head_that_fills_the_buffer_arrives(server):
    for pad in range(15800, 16500, 37):
        with server.connect() as client:
            client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nX: " + b"x" * pad +
                        b"\r\nTransfer-Encoding: chunked\r\n\r\n")
            client.send(b"c8\r\n" + b"y" * 200 + b"\r\n")
            client.send(b"0\r\nTrailer: " + b"t" * 6000 + b"\r\n\r\n" + GET % pad)
            assert client.read_answer()[2] == b"y" * 200
            assert client.read_answer()[2] == b"Hello, %d!\n" % pad


def test_head_has_the_fields_of_get_and_no_body(server):
    with server.connect() as client:
        client.send(b"HEAD /files/index.html HTTP/1.1\r\nHost: a\r\n\r\n" + GET % 7)
        status, headers, _ = client.read_answer(head_only=True)
        assert status == 200 and headers["content-length"] == "12"
        assert client.read_answer()[2] == b"Hello, 7!\n"


def test_options_star_is_204(server):
    with server.connect() as client:
        client.send(b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n")
        status, headers, _ = client.read_answer()
        assert status == 204 and "content-length" not in headers


def test_http_1_0_closes_unless_it_asks_to_be_kept(server):
    with server.connect() as client:
        client.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert client.read_answer()[1]["connection"] == "keep-alive"
        client.send(b"GET / HTTP/1.0\r\n\r\n")
        assert client.read_answer()[1]["connection"] == "close"
        assert client.is_closed()


def test_connection_close_is_answered_and_kept(server):
    with server.connect() as client:
        client.send(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: x, Close\r\n\r\n")
        assert client.read_answer()[1]["connection"] == "close"
        assert client.is_closed()


def test_100_continue_comes_before_the_body_is_sent(server):
    with server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n"
                    b"Expect: 100-continue\r\n\r\n")
        assert client.read_answer(head_only=True)[0] == 100
        client.send(b"abc")
        assert client.read_answer()[2] == b"abc"


@pytest.mark.parametrize("request_bytes,status", [
    (b"\x16\x03\x01\x02\x00\x01\x00", 400),
    (b"GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/1.1\nHost: a\n\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    (b"BREW / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    (b"TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
    (b"CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501),
    (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\n", 400),
    (b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", 400),
    (b"GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /../x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /%2e%2e/x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (b"GET /" + b"x" * 17000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 414),
    (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    (b"GET / HTTP/1.1\r\nHost: a\r\nA: " + b"b" * 70000 + b"\r\n\r\n", 431),
])
def test_what_is_malformed_gets_one_answer_and_an_end(server, request_bytes, status):
    with server.connect() as client:
        client.send(request_bytes + GET % 1)
        got, headers, body = client.read_answer()
        assert got == status and headers["connection"] == "close"
        assert b'{"error": "' in body
        assert client.is_closed()


def test_an_8000_byte_target_works(server):
    assert server.request("/?name=" + "n" * 7900)[0] == 200


def test_an_unknown_path_is_404_with_a_sentence():
    with Server({"/hello": "hello", "/hello/there": "echo"}) as server:
        assert server.json("/helloo") == (404, {"error": "there is nothing at this path"})
        assert server.request("/hello/x")[0] == 200
        assert server.request("/hello/there")[0] == 405
        assert server.request("/hello/thereabouts")[0] == 200
        assert server.request("/", data=b"x" * 100_000)[0] == 404


# ---------------------------------------------------------------- slow, silent and vanishing


def seconds_until_closed(client):
    start = time.monotonic()
    client.read_all()
    return time.monotonic() - start


def test_a_silent_connection_is_closed_after_keepalive_timeout_without_a_word(server):
    with server.connect() as client:
        assert client.is_closed()
    assert "silent" not in server.log()


def test_a_head_that_does_not_come_in_time_is_408_however_it_trickles(server):
    with server.connect() as client:
        client.send(b"GET / HT")
        start = time.monotonic()
        try:
            while time.monotonic() - start < 3:
                client.send(b"x")
                client.socket.settimeout(0.1)
                try:
                    client._more()
                    break
                except socket.timeout:
                    pass
        except OSError:
            pass
        client.socket.settimeout(PATIENCE)
        assert client.read_answer()[0] == 408
        assert 0.3 < time.monotonic() - start < 2.5


def test_a_body_that_stops_is_408(server):
    with server.connect() as client:
        client.send(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
        assert client.read_answer()[0] == 408
        assert client.is_closed()


def test_a_client_that_does_not_read_is_closed_after_write_timeout(server):
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", server.port))
        client.sendall(b"GET /files/large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        time.sleep(1.5)  # longer than write-timeout: that nothing is read is what is tested
        client.settimeout(PATIENCE)
        got = 0
        try:
            while data := client.recv(65536):
                got += len(data)
        except ConnectionResetError:
            pass
        assert got < 20_000_000


def test_a_slow_reader_gets_all_of_a_large_file(server, files):
    with server.connect() as client:
        client.send(b"GET /files/large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        status, _, body = client.read_answer()
        assert status == 200 and body == (files / "large.bin").read_bytes()


def test_clients_that_leave_while_an_answer_is_written_hurt_nobody(server):
    for number in range(60):
        client = server.connect()
        client.send(b"GET /files/large.bin HTTP/1.1\r\nHost: a\r\n\r\n")
        client.socket.recv(1000)
        client.reset() if number % 2 else client.close()
    assert server.request("/")[0] == 200


def test_a_half_closed_client_gets_the_answers_to_what_was_complete(server):
    with server.connect() as client:
        client.send(GET % 1 + b"GET /later/timer HTTP/1.1\r\nHost: a\r\n\r\n" + GET % 2 + b"GET")
        client.socket.shutdown(socket.SHUT_WR)
        assert client.read_answer()[2] == b"Hello, 1!\n"
        assert client.read_answer()[2] == b"later\n"
        assert client.read_answer()[2] == b"Hello, 2!\n"
        assert client.is_closed()


def test_1000_silent_connections_keep_nobody_waiting(server):
    silent = [server.connect() for _ in range(1000)]
    start = time.monotonic()
    assert server.request("/")[0] == 200
    assert time.monotonic() - start < 5
    for client in silent:
        client.close()


# ---------------------------------------------------------------- apps that answer later


def test_an_app_answers_from_a_timer_and_from_a_thread(server):
    assert server.request("/later/timer")[2] == b"later\n"
    assert server.request("/later/thread")[2] == b"later\n"


def count(server, words):
    return server.log().count(words)


def test_a_request_that_nobody_ends_is_504_and_finished_once(server):
    aborted, finished = count(server, "was aborted"), count(server, "was finished")
    assert server.json("/later/never") == (
        504, {"error": "the application did not answer in time"})
    wait_for("the finish", lambda: count(server, "was finished") == finished + 1)
    assert count(server, "was aborted") == aborted + 1


def test_a_client_that_leaves_aborts_its_request_and_its_ticket_is_stale(server):
    aborted, finished = count(server, "was aborted"), count(server, "was finished")
    stale, come = count(server, "the ticket was stale"), count(server, "has come")
    with server.connect() as client:
        client.send(b"GET /later/thread HTTP/1.1\r\nHost: a\r\n\r\n")
        wait_for("the app to have it", lambda: count(server, "has come") == come + 1)
        client.reset()
    wait_for("the abort", lambda: count(server, "was aborted") == aborted + 1)
    wait_for("the stale ticket", lambda: count(server, "the ticket was stale") == stale + 1)
    wait_for("the finish", lambda: count(server, "was finished") == finished + 1)


def test_a_second_end_is_logged_and_harmless(server):
    assert server.request("/later/twice")[2] == b"once\n"
    wait_for("the line", lambda: "ended twice" in server.log())


# ---------------------------------------------------------------- static


@pytest.mark.parametrize("path,status,kind", [
    ("/files/", 200, "text/html; charset=utf-8"),
    ("/files/style.CSS", 200, "text/css; charset=utf-8"),
    ("/files/none", 200, "application/octet-stream"),
    ("/files/empty.txt", 200, "text/plain; charset=utf-8"),
    ("/files/a%20b%2520c.txt", 200, "text/plain; charset=utf-8"),
    ("/files/leads-in", 200, "application/octet-stream"),
    ("/files/folder/", 200, "text/html; charset=utf-8"),
    ("/files/bare/", 404, None), ("/files/missing", 404, None), ("/files/.hidden", 404, None),
    ("/files/folder/../.hidden", 404, None), ("/files/%2ehidden", 404, None),
    ("/files/leads-out", 404, None), ("/files/etc/passwd", 404, None), ("/files/fifo", 404, None),
    ("/files/index.html/", 404, None), ("/files/..%2f..%2foutside.txt", 400, None),
    ("/files/%2e%2e/outside.txt", 200, None), ("/files/%5c..%5coutside.txt", 400, None),
])
def test_static_serves_what_is_beneath_and_nothing_else(server, path, status, kind):
    with server.connect() as client:
        client.send(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        got, headers, body = client.read_answer()
    assert got == status
    assert b"outside" not in body and b"root:" not in body and b"secret" not in body
    if kind is not None:
        assert headers["content-type"] == kind


def test_static_redirects_a_folder_to_its_slash(server):
    with server.connect() as client:
        client.send(b"GET /files/folder?x=1 HTTP/1.1\r\nHost: a\r\n\r\n")
        status, headers, _ = client.read_answer()
        assert (status, headers["location"]) == (301, "/files/folder/?x=1")


def test_static_answers_304_to_who_has_the_file(server):
    status, headers, _ = server.request("/files/index.html")
    for name, value in (("If-None-Match", headers["etag"]), ("If-None-Match", "*"),
                        ("If-None-Match", '"x", W/' + headers["etag"]),
                        ("If-Modified-Since", headers["last-modified"])):
        with server.connect() as client:
            client.send(f"GET /files/index.html HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n"
                        .encode() + GET % 3)
            assert client.read_answer()[0] == 304
            assert client.read_answer()[2] == b"Hello, 3!\n"
    assert server.request("/files/index.html", headers={"If-None-Match": '"x"'})[0] == 200


def test_static_refuses_other_methods_with_allow(server):
    status, headers, _ = server.request("/files/index.html", data=b"x")
    assert status == 405 and headers["allow"] == "GET, HEAD"


# ---------------------------------------------------------------- where it listens


def test_ipv6_and_unix_sockets_and_several_listeners(tmp_path):
    path = tmp_path / "app.sock"
    with Server({"/": "hello"}, bobbin=f"listen = http://unix:{path}\nlisten = http://[::1]:0",
                folder=str(tmp_path)) as server:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert server.request("/")[0] == 200
    assert not path.exists()


def test_the_access_log_has_a_line_a_request(tmp_path):
    file = tmp_path / "access.log"
    with Server({"/": "hello"}, folder=str(tmp_path),
                bobbin="", sections="") as server:
        assert server.request("/")[0] == 200
    text = open(server.ini).read().replace("access-log = off", f"access-log = {file}")
    open(server.ini, "w").write(text)
    with server:
        server.request('/x?name=%22%0a', headers={"User-Agent": 'te"st'})
        wait_for("the line", lambda: file.exists() and file.read_text().endswith("\n"))
    line = file.read_text()
    assert line.count("\n") == 1
    assert '"GET /x?name=' in line and ' 200 ' in line and '"te\\x22st"' in line


def test_curl_works(server):
    done = subprocess.run(["curl", "-sS", "-i", server.url("/?name=curl")], capture_output=True,
                          text=True)
    assert done.stdout.startswith("HTTP/1.1 200 OK") and done.stdout.endswith("Hello, curl!\n")


# ---------------------------------------------------------------- wrong configurations

GOOD = "[bobbin]\nlisten = http://127.0.0.1:1\n"


@pytest.mark.parametrize("text,sentence", [
    ("", "{file}: [bobbin] needs a listen, such as http://127.0.0.1:8080"),
    (GOOD + "workers = many\n",
     '{file}:3: workers: "many" is not a number from 1 to 64, or auto'),
    (GOOD + "workers = 65\n", '{file}:3: workers: "65" is not a number from 1 to 64, or auto'),
    (GOOD + "worker = 2\n", '{file}:3: [bobbin] has no key "worker"; did you mean "workers"?'),
    (GOOD + "backlog = 1\nbacklog = 2\n", "{file}:4: backlog: stands there twice: first in line 3"),
    (GOOD + "[bobin]\n", "{file}:3: unknown section [bobin]; did you mean [bobbin]?"),
    (GOOD + "[bobbin]\n", "{file}:3: [bobbin] stands there twice: it began in line 1"),
    (GOOD + "role = both\n", '{file}:3: role: "both" is not one of all, web, spooler'),
    (GOOD + "keepalive-timeout = 5\n",
     '{file}:3: keepalive-timeout: "5" is not a time from 1ms to 1d, such as 30s'),
    (GOOD + "max-body = 1x\n", '{file}:3: max-body: "1x" is not a size from 0 to 1024g, such as 64k'),
    (GOOD + "admin = ${BOBBIN_TEST_UNSET}\n",
     "{file}:3: admin: ${{BOBBIN_TEST_UNSET}} is not set, and has no default "
     "(${{BOBBIN_TEST_UNSET:-default}})"),
    (GOOD + "admin = ${X\n", '{file}:3: admin: "${{X" is not closed with a }}'),
    (GOOD + "admin = nowhere\n",
     '{file}:3: admin: "nowhere" is not an address such as http://127.0.0.1:8080'),
    ("workers = 1\n", '{file}:1: "workers = 1" stands before the first [section]'),
    (GOOD + "nonsense\n", '{file}:3: "nonsense" is neither [section] nor key = value'),
    (GOOD + " workers = 1\n", "{file}:3: a line must not begin with a space"),
    ("[bobbin]\nlisten = 127.0.0.1:80\n", None),
    ("[bobbin]\nlisten = http://127.0.0.1:99999\n", None),
    (GOOD + "[routes]\n/ = nobody\n", None),
    (GOOD + "[routes]\n/ = http\n", None),
    (GOOD + "[routes]\nx = hello\n", None),
    (GOOD + "[routes]\n/x/ = hello\n", None),
    (GOOD + "[routes]\n/ = static\n", None),
    (GOOD + "[spool]\n", None),
    (GOOD + "[queue:x]\nattempts = 0\n[spool]\ndirectory = spool\n", None),
])
def test_a_wrong_configuration_is_a_sentence_and_exit_2(tmp_path, text, sentence):
    file = tmp_path / "app.ini"
    file.write_text(text)
    for command in ([BINARY, "check", str(file)], [BINARY, str(file)]):
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)
        assert done.returncode == 2, done
        assert done.stderr.count("\n") == 1 and done.stderr.startswith("bobbin: "), done.stderr
        if sentence is not None:
            assert done.stderr == f"bobbin: {sentence.format(file=file)}\n"
        else:
            assert str(file) in done.stderr, done.stderr


def test_the_shipped_configuration_is_right():
    root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    done = subprocess.run([BINARY, "check", "app.ini"], cwd=root, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    done = subprocess.run([BINARY, "config", "app.ini"], cwd=root, capture_output=True, text=True,
                          env={**os.environ, "PORT": "1234"})
    assert "listen = http://0.0.0.0:1234" in done.stdout
