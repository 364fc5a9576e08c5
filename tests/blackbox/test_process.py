"""The tree of processes, from outside: how it starts, what it survives, how it ends."""

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from server import BINARY, PATIENCE, children_of, descendants_of, is_alive, name_of, wait_for
from server import BUILD as BUILD_FOLDER

BUILD = Path(BUILD_FOLDER)


def is_sanitized():
    return b"__asan_init" in Path(BINARY).read_bytes()


class Tree:
    """A bobbin whose INI, exit status and log are the test's own business."""

    def __init__(self, folder, text, wrapper=()):
        self.ini = folder / "app.ini"
        self.ini.write_text(text)
        self.log_file = folder / "log"
        with open(self.log_file, "wb") as log:
            self.process = subprocess.Popen(
                [*wrapper, BINARY, str(self.ini)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
        self.pid = self.process.pid

    def log(self):
        return self.log_file.read_text()

    def messages(self):
        return [json.loads(line)["message"] for line in self.log().splitlines() if line[:1] == "{"]

    def saw(self, words):
        return wait_for(words, lambda: [m for m in self.messages() if words in m])[-1]

    def wait_ready(self, words="listens on"):
        message = self.saw(words)
        if "http://127.0.0.1:" in message:
            self.port = int(message.split("http://127.0.0.1:")[1].split(",")[0])
        return self

    def get(self, path="/"):
        connection = HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    def generation(self):
        return wait_for("a generation", lambda: children_of(self.pid))[0]

    def members(self, kind="worker"):
        return [pid for pid in children_of(self.generation()) if name_of(pid) == f"bobbin-{kind}"]

    def signal(self, number):
        os.kill(self.pid, number)

    def ends(self):
        return self.process.wait(PATIENCE)


@contextmanager
def server(folder, text, wrapper=()):
    running = Tree(folder, text, wrapper)
    try:
        yield running
    finally:
        if running.process.poll() is None:
            running.process.kill()
            running.process.wait()


HELLO = """[bobbin]
listen = http://127.0.0.1:0
workers = 2
log-format = json
[routes]
/ = hello
"""


def with_spool(folder):
    return HELLO + f"[spool]\ndirectory = {folder}/spool\nprocesses = 1\n[thumbnail]\n"


def bobbin(*arguments):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True,
                          timeout=PATIENCE)


def test_wrong_use_is_exit_status_2():
    for arguments, sentence in [
        ([], "bobbin: which file? (bobbin app.ini, or bobbin --help)\n"),
        (["chekc", "app.ini"], 'bobbin: "chekc" is not a command; did you mean "check"?\n'),
        (["--vresion"], 'bobbin: "--vresion" is not an option; did you mean "--version"?\n'),
    ]:
        result = bobbin(*arguments)
        assert (result.returncode, result.stdout, result.stderr) == (2, "", sentence)


def test_version_help_and_options_are_exit_status_0():
    assert bobbin("--version").stdout.startswith("bobbin ")
    assert "bobbin check FILE" in bobbin("--help").stdout
    assert "[queue:NAME]" in bobbin("options").stdout
    assert bobbin("options", "spool").stdout.startswith("[spool]\n")


def test_a_wrong_file_opens_nothing_and_is_told_once(tmp_path):
    taken = socket.create_server(("127.0.0.1", 0))
    port = taken.getsockname()[1]
    ini = tmp_path / "app.ini"
    ini.write_text(f"[bobbin]\nlisten = http://127.0.0.1:{port}\n[routes]\n/ = hallo\n")
    sentence = f'bobbin: {ini}:4: /: there is no plugin "hallo"; did you mean "hello"?\n'
    for command in ([str(ini)], ["check", str(ini)], ["config", str(ini)]):
        result = bobbin(*command)
        assert (result.returncode, result.stderr) == (2, sentence)
    taken.close()


def test_a_right_file_is_checked_and_shown(tmp_path):
    ini = tmp_path / "app.ini"
    ini.write_text(HELLO)
    assert bobbin("check", str(ini)).returncode == 0
    shown = bobbin("config", str(ini)).stdout
    assert "workers = 2\n" in shown
    assert "[routes]\n/ = hello\n" in shown


def test_a_taken_address_is_a_sentence_and_exit_status_1(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with server(tmp_path, HELLO.replace(":0", f":{port}")) as running:
            assert running.ends() == 1
            assert running.messages() == [
                f"http://127.0.0.1:{port} cannot be bound: Address already in use"]


def test_a_spool_that_cannot_be_made_is_exit_status_1(tmp_path):
    (tmp_path / "spool").write_text("a file")
    with server(tmp_path, with_spool(tmp_path)) as running:
        assert running.ends() == 1
        assert str(tmp_path / "spool") in running.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_term_and_int_drain_and_exit_0(tmp_path, number):
    with server(tmp_path, with_spool(tmp_path)) as running:
        running.wait_ready()
        assert running.get()[0] == 200
        everybody = descendants_of(running.pid)
        assert len(everybody) >= 4
        running.signal(number)
        assert running.ends() == 0
        wait_for("all are gone", lambda: not any(map(is_alive, everybody)))


def test_a_request_that_has_begun_is_answered_while_draining(tmp_path):
    with server(tmp_path, HELLO) as running:
        running.wait_ready()
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
            running.get()
            running.signal(signal.SIGTERM)
            client.sendall(b"\r\n")
            client.settimeout(PATIENCE)
            answer = b""
            while chunk := client.recv(4096):
                answer += chunk
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert running.ends() == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_second_signal_ends_at_once(tmp_path, second):
    with server(tmp_path, HELLO) as running:
        running.wait_ready()
        with socket.create_connection(("127.0.0.1", running.port)) as client:
            client.sendall(b"GET / HTTP/1.1\r\n")  # holds a drain up
            running.get()
            running.signal(signal.SIGTERM)
            begun = time.monotonic()
            while running.process.poll() is None and time.monotonic() - begun < PATIENCE:
                running.signal(second)
                time.sleep(0.05)
        assert running.ends() == 0
        assert time.monotonic() - begun < 5


def test_quit_ends_at_once(tmp_path):
    with server(tmp_path, with_spool(tmp_path)) as running:
        running.wait_ready()
        everybody = descendants_of(running.pid)
        running.signal(signal.SIGQUIT)
        assert running.ends() == 0
        wait_for("all are gone", lambda: not any(map(is_alive, everybody)))


def test_a_killed_worker_is_replaced(tmp_path):
    with server(tmp_path, HELLO) as running:
        running.wait_ready()
        before = wait_for("two workers", lambda: len(running.members()) == 2 and running.members())
        os.kill(before[0], signal.SIGKILL)
        message = running.saw(f"worker {before[0]} died")
        assert message == f"worker {before[0]} died: signal 9 (Killed); a new one starts"
        wait_for("a new worker", lambda: len(set(running.members()) - set(before)) == 1)
        assert before[1] in running.members()
        assert running.get()[0] == 200


def test_all_workers_killed_again_and_again_are_replaced(tmp_path):
    with server(tmp_path, HELLO) as running:
        running.wait_ready()
        for _ in range(3):
            workers = wait_for("two workers",
                            lambda: len(running.members()) == 2 and running.members())
            for pid in workers:
                os.kill(pid, signal.SIGKILL)
            assert running.get()[0] == 200  # waits in the accept queue for the next ones


def test_a_killed_spooler_is_replaced(tmp_path):
    with server(tmp_path, with_spool(tmp_path)) as running:
        running.wait_ready()
        before = running.members("spooler")
        assert len(before) == 1
        os.kill(before[0], signal.SIGKILL)
        wait_for("a new spooler",
              lambda: running.members("spooler") and running.members("spooler") != before)
        assert running.get()[0] == 200


def test_a_killed_generation_is_replaced_and_its_children_die(tmp_path):
    with server(tmp_path, with_spool(tmp_path)) as running:
        running.wait_ready()
        before = running.generation()
        its_children = descendants_of(before)
        os.kill(before, signal.SIGKILL)
        wait_for("its children are gone", lambda: not any(map(is_alive, its_children)))
        assert running.get()[0] == 200  # the socket stayed open in the master
        assert running.generation() != before
        assert f"generation {before} died: signal 9 (Killed); a new one starts" in (
            running.messages())


def test_nobody_outlives_a_killed_master(tmp_path):
    with server(tmp_path, with_spool(tmp_path)) as running:
        running.wait_ready()
        everybody = descendants_of(running.pid)
        running.signal(signal.SIGKILL)
        running.process.wait()
        wait_for("all are gone", lambda: not any(map(is_alive, everybody)))


def test_interrupting_the_terminal_reaches_only_the_master(tmp_path):
    with server(tmp_path, HELLO) as running:
        running.wait_ready()
        groups = {os.getpgid(pid) for pid in descendants_of(running.pid)}
        assert os.getpgid(running.pid) not in groups


def test_a_signal_that_means_nothing_yet_changes_nothing(tmp_path):
    with server(tmp_path, HELLO) as running:
        running.wait_ready()
        running.signal(signal.SIGHUP)
        running.saw("HUP is ignored")
        assert running.get()[0] == 200


def test_a_unix_socket_is_served_and_removed(tmp_path):
    path = tmp_path / "app.sock"
    text = HELLO.replace("http://127.0.0.1:0", f"http://unix:{path}")
    with server(tmp_path, text) as running:
        running.wait_ready()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(4096).startswith(b"HTTP/1.1 200 ")
        running.signal(signal.SIGTERM)
        assert running.ends() == 0
    assert not path.exists()


@pytest.mark.skipif(is_sanitized(), reason="a sanitizer has its own say at a crash")
def test_a_crash_is_blamed_on_the_plugin_that_ran(tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "http.so").symlink_to(BUILD / "plugins" / "http.so")
    (plugins / "crash.so").symlink_to(BUILD / "tests" / "plugins" / "crash.so")
    text = HELLO.replace("hello", "crash").replace(
        "[routes]", f"plugin-directory = {plugins}\n[routes]")
    with server(tmp_path, text) as running:
        running.wait_ready()
        for path, words in [("/segv", "signal 11 (Segmentation fault)"),
                            ("/abort", "signal 6 (Aborted)"),
                            ("/stack", "signal 11 (Segmentation fault)")]:
            with pytest.raises(OSError):
                running.get(path)
            running.saw(f"died: {words}")
        assert running.get("/")[0] == 200
        blames = [m for m in running.messages() if m.startswith("crashed: ")]
        assert blames == ["crashed: signal 11 (Segmentation fault) in handle of crash",
                          "crashed: signal 6 (Aborted) in handle of crash",
                          "crashed: signal 11 (Segmentation fault) in handle of crash"]


def test_a_plugin_that_does_not_start_is_exit_status_1(tmp_path):
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "http.so").symlink_to(BUILD / "plugins" / "http.so")
    (plugins / "refuses.so").symlink_to(BUILD / "tests" / "plugins" / "refuses.so")
    text = HELLO.replace("hello", "refuses").replace(
        "[routes]", f"plugin-directory = {plugins}\n[routes]")
    with server(tmp_path, text) as running:
        assert running.ends() == 1
        assert "refuses did not start: the model of width 5 is not there" in running.messages()


@pytest.mark.skipif(os.geteuid() != 0, reason="a pid namespace needs root")
def test_as_pid_1_it_reaps_orphans(tmp_path):
    wrapper = ("unshare", "-pf", "--mount-proc", "--kill-child")
    probe = subprocess.run([*wrapper, "true"], capture_output=True)
    if probe.returncode != 0:
        pytest.skip("no pid namespace here")
    with server(tmp_path, HELLO, wrapper) as running:
        running.wait_ready()
        master = children_of(running.pid)[0]
        # A grandchild of somebody in the namespace whose parent dies becomes the master's child.
        subprocess.run(["nsenter", "-t", str(master), "-p", "sh", "-c", "sleep 0.3 &"], check=True)
        wait_for("the orphan was adopted", lambda: [c for c in children_of(master) if name_of(c) == "sleep"])
        wait_for("the orphan was reaped", lambda: len(children_of(master)) == 1)
        assert running.get()[0] == 200
        os.kill(master, signal.SIGTERM)
        assert running.ends() == 0
