"""A running bobbin, and clients that say exactly what they are told to."""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("BOBBIN_BUILD", os.path.join(ROOT, "build"))
BINARY = os.path.join(BUILD, "bobbin")
PATIENCE = float(os.environ.get("BOBBIN_PATIENCE", "30"))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for(what, condition, seconds=PATIENCE):
    """Waits for something to become true; what it becomes is returned."""
    end = time.monotonic() + seconds
    while True:
        result = condition()
        if result:
            return result
        if time.monotonic() > end:
            raise AssertionError(f"waited {seconds} s in vain for: {what}")
        time.sleep(0.005)


def children_of(pid):
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except FileNotFoundError:
        return []
    found = []
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children") as file:
                found += [int(child) for child in file.read().split()]
        except (FileNotFoundError, ProcessLookupError):
            pass
    return found


def descendants_of(pid):
    found = []
    for child in children_of(pid):
        found += [child] + descendants_of(child)
    return found


def name_of(pid):
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def gather_plugins(folder):
    """One folder with bobbin's own plugins and those of the tests."""
    os.mkdir(folder)
    for origin in (os.path.join(BUILD, "plugins"), os.path.join(BUILD, "tests", "plugins")):
        for name in os.listdir(origin) if os.path.isdir(origin) else []:
            os.symlink(os.path.join(origin, name), os.path.join(folder, name))


class Server:
    """Starts bobbin with an INI made of what the test says; use as a context manager."""

    def __init__(self, routes=None, bobbin="", sections="", spool=None, queues="", role="all",
                 workers=1, folder=None, port=None, environment=None, binary=BINARY):
        self.folder = folder or tempfile.mkdtemp(prefix="bobbin-test-")
        self.keeps_folder = folder is not None
        self.port = port or free_port()
        self.spool = os.path.join(self.folder, "spool") if spool is not None else None
        self.ini = os.path.join(self.folder, "test.ini")
        self.environment = environment or {}
        self.binary = binary
        self.plugins = os.path.join(self.folder, "plugins")
        lines = ["[bobbin]", f"role = {role}", f"workers = {workers}", "access-log = off",
                 "log-format = text"]
        if binary == BINARY:  # another one is installed, and finds its own
            if not os.path.isdir(self.plugins):
                gather_plugins(self.plugins)
            lines.append(f"plugin-directory = {self.plugins}")
        if role != "spooler":
            lines.append(f"listen = http://127.0.0.1:{self.port}")
        lines += [bobbin, "[routes]"]
        lines += [f"{path} = {app}" for path, app in (routes or {}).items()]
        if spool is not None:
            lines += ["[spool]", f"directory = {self.spool}", spool]
        lines += [queues, sections]
        with open(self.ini, "w") as file:
            file.write("\n".join(lines) + "\n")
        self.process = None

    def start(self, ready=True):
        self.out = open(os.path.join(self.folder, "out.log"), "ab")
        self.err = open(os.path.join(self.folder, "err.log"), "ab")
        self.lines_before = len(self.log())
        self.process = subprocess.Popen([self.binary, self.ini], cwd=self.folder, stdout=self.out,
                                        stderr=self.err, stdin=subprocess.DEVNULL,
                                        env={**os.environ, **self.environment})
        if ready:
            wait_for("the server to be ready", self.is_ready)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"bobbin ended with {self.process.returncode}:\n{self.log()}")
        return " listens on " in self.log()[self.lines_before:] or \
            " is ready" in self.log()[self.lines_before:]

    def log(self):
        try:
            with open(os.path.join(self.folder, "err.log"), errors="replace") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def calls(self, plugin, among, mark=0):
        """What the plugin logged since the mark, if it is one of those words, in order."""
        lines = [line for line in self.log()[mark:].splitlines() if f" {plugin}: " in line]
        return [word for word in (line.rsplit(": ", 1)[1] for line in lines) if word in among]

    def expect_calls(self, plugin, among, mark, *expected, seconds=PATIENCE):
        """Waits until the plugin has logged exactly these words of those that count."""
        try:
            wait_for(f"the calls {expected}", lambda: self.calls(plugin, among, mark) == list(expected), seconds)
        except AssertionError:
            raise AssertionError(f"expected {expected}:\n{self.log()[mark:]}") from None

    def processes(self, name):
        """Those of our descendants whose name contains the word."""
        return [pid for pid in descendants_of(self.process.pid) if name in name_of(pid)]

    def one(self, name):
        return wait_for(f"a process named {name}", lambda: self.processes(name))[0]

    def stop(self, number=signal.SIGTERM, seconds=PATIENCE):
        """Asks it to end and returns its exit status."""
        self.process.send_signal(number)
        return self.process.wait(seconds)

    def kill_all(self):
        """kill -9 of everything that is ours."""
        family = [self.process.pid] + descendants_of(self.process.pid)
        for pid in family:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        self.process.wait(PATIENCE)
        wait_for("all to be gone", lambda: not any(is_alive(pid) for pid in family))

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, value, trace):
        status = None
        if self.process.poll() is None:
            if kind is None:
                status = self.stop()
            else:
                print(self.log()[-8000:])
                self.kill_all()
        self.out.close()
        self.err.close()
        log = self.log()
        if not self.keeps_folder:
            shutil.rmtree(self.folder, ignore_errors=True)
        if kind is None:
            assert status in (None, 0), f"bobbin ended with {status}:\n{log}"
            for word in ("AddressSanitizer", "runtime error:", "LeakSanitizer"):
                assert word not in log, log

    # ---- clients

    def url(self, path):
        return f"http://127.0.0.1:{self.port}{path}"

    def request(self, path, data=None, method=None, headers=None, seconds=PATIENCE):
        """(status, headers, body), whatever the status."""
        request = urllib.request.Request(self.url(path), data=data, method=method,
                                         headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=seconds) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def json(self, path, **more):
        status, _, body = self.request(path, **more)
        return status, json.loads(body)

    def job(self, location, until=("done", "dead", "cancelled"), seconds=PATIENCE):
        def look():
            status, job = self.json(location)
            assert status == 200, job
            return job if job["state"] in until else None
        return wait_for(f"{location} to be {' or '.join(until)}", look, seconds)

    def connect(self):
        return Client(self.port)


class Client:
    """A raw connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def send(self, data):
        self.socket.sendall(data)
        return self

    def read_answer(self, head_only=False):
        """(status, {lower-case name: value}, body) of the next answer on the connection."""
        while b"\r\n\r\n" not in self.buffer:
            self._more()
        head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        fields = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        length = 0 if head_only or status == 304 else int(fields.get("content-length", 0))
        while len(self.buffer) < length:
            self._more()
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return status, fields, body

    def read_chunked(self):
        """(body, trailers, sizes of the chunks), behind a head that read_answer has taken."""
        body, trailers, sizes = b"", {}, []
        while True:
            size = int(self.read_line(), 16)
            if size == 0:
                break
            while len(self.buffer) < size + 2:
                self._more()
            body, self.buffer = body + self.buffer[:size], self.buffer[size:]
            assert self.buffer[:2] == b"\r\n"
            self.buffer = self.buffer[2:]
            sizes.append(size)
        while (line := self.read_line()):
            name, _, value = line.partition(b":")
            trailers[name.decode()] = value.strip().decode()
        return body, trailers, sizes

    def read_line(self):
        while b"\r\n" not in self.buffer:
            self._more()
        line, _, self.buffer = self.buffer.partition(b"\r\n")
        return line

    def _more(self):
        data = self.socket.recv(65536)
        if not data:
            raise EOFError(f"the server closed, after {self.buffer!r}")
        self.buffer += data

    def read_all(self):
        """Everything up to the server's end."""
        try:
            while True:
                self._more()
        except (EOFError, ConnectionResetError):
            data, self.buffer = self.buffer, b""
            return data

    def is_closed(self):
        return self.read_all() == b""

    def close(self):
        self.socket.close()

    def reset(self):
        """Leaves with an RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                               (1).to_bytes(4, "little") + (0).to_bytes(4, "little"))
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
