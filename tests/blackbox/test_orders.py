"""The ends of a request: its client leaves, its deadline passes, the server drains, the app answers,
in every order. Whatever the order: on_abort only when the app had not answered, then exactly one
on_finish, and nothing after it.

An order is a list of events: "leave", "answer", "drain", "deadline". All orders that agree on how
drain and deadline follow each other share a server, whose requests go through them together.
"""
import itertools

import pytest
from server import Server, wait_for

TIMES = "request-timeout = 1500ms\nthreads = 64\n"


def orders(fixed):
    """Every way to put leave and answer (or one of them, or none) among the fixed events."""
    found = set()
    for own in ([], ["leave"], ["answer"], ["leave", "answer"]):
        for order in itertools.permutations(own + fixed):
            if [event for event in order if event in fixed] == fixed:
                found.add(order)
    return sorted(found)


class Request:
    """One request on its way through its order."""

    def __init__(self, server, folder, order, is_held):
        self.server, self.order, self.is_held = server, order, is_held
        self.left = iter(order)
        self.name = "-".join(order) + ("-held" if is_held else "")
        self.decides = next(event for event in order if event != "drain")
        self.gate, self.hold = folder / f"gate-{self.name}", folder / f"hold-{self.name}"
        path = f"/orders?name={self.name}&gate={self.gate}" + (f"&hold={self.hold}" if is_held else "")
        self.client = server.connect().send(b"GET %s HTTP/1.1\r\nHost: a\r\n\r\n" % path.encode())
        self.expect("handle")

    def calls(self):
        lines = [line.split(" orders: ", 1)[1].split() for line in self.server.log().splitlines() if " orders: " in line]
        return [words[1] for words in lines if words[0] == self.name and len(words) == 2]

    def expect(self, *words):
        wait_for(f"{self.name}: {words}", lambda: set(words) & set(self.calls()))

    def go_until(self, event):
        """Does what is its own, up to an event that all share."""
        for step in self.left:
            if step == event:
                return
            if step == "leave":
                self.client.reset()
                if self.decides == "leave":
                    self.expect("abort")
            else:
                self.gate.touch()
                self.expect("answer", "stale")

    def check(self):
        if self.is_held:
            assert "finish" not in self.calls(), self.name
            self.hold.touch()
        self.expect("finish")
        calls = [call for call in self.calls() if call != "stale"]
        assert calls.count("handle") == calls.count("finish") == 1, (self.name, calls)
        assert calls.count("abort") == (self.decides != "answer"), (self.name, calls)
        assert calls.count("done") == self.is_held, (self.name, calls)
        assert calls[0] == "handle" and calls[-1] == "finish", (self.name, calls)
        if "leave" not in self.order:
            assert self.client.read_answer()[0] == (200 if self.decides == "answer" else 504), self.name
            self.client.close()


def drain(server, witness):
    server.process.terminate()
    hello = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    wait_for("the drain", lambda: witness.send(hello).read_answer()[1].get("connection") == "close")


@pytest.mark.parametrize("fixed", [["deadline"], ["drain", "deadline"], ["deadline", "drain"]])
def test_every_order_ends_in_one_finish(tmp_path, fixed):
    apps = {"/orders": "orders", "/s": "stream", "/": "hello"}
    with Server(apps, bobbin=TIMES) as server, server.connect() as witness, server.connect() as anchor:
        # Holds the draining worker: an answer that goes on and on.
        anchor.send(b"GET /s/slowly?size=1000000&piece=1 HTTP/1.1\r\nHost: a\r\n\r\n").read_answer()
        requests = [Request(server, tmp_path, order, is_held) for order in orders(fixed) for is_held in (False, True)]
        for event in fixed:
            for request in requests:
                request.go_until(event)
            if event == "drain":
                drain(server, witness)
            else:
                for request in requests:
                    if request.decides == "deadline":
                        request.expect("abort")
        for request in requests:
            request.go_until(None)
        for request in requests:
            request.check()


def test_what_still_runs_at_the_end_of_a_drain_is_aborted_and_finished(tmp_path):
    with Server({"/orders": "orders"}, bobbin="shutdown-timeout = 3s\n") as server:
        request = Request(server, tmp_path, ("deadline",), False)
        assert server.stop() == 0
        assert request.calls() == ["handle", "abort", "finish"]


def test_quit_aborts_and_finishes_what_runs(tmp_path):
    with Server({"/orders": "orders"}) as server:
        request = Request(server, tmp_path, ("deadline",), False)
        assert server.stop(3) == 0
        assert request.calls() == ["handle", "abort", "finish"]
