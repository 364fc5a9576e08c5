"""What a plugin is told about its request and its job."""
import re

import pytest
from server import Server


@pytest.fixture(scope="module")
def server():
    routes = {"/mirror": "mirror", "/other/deep": "mirror:second", "/jobs": "jobs"}
    with Server(routes, bobbin="body-memory = 100\n", spool="processes = 1", sections="[mirror:second]\n") as running:
        yield running


def ask(server, raw):
    with server.connect() as client:
        status, _, body = client.send(raw).read_answer()
        assert status == 200, body
    lines = body.decode().splitlines()
    seen = dict(line.split(" ", 1) for line in lines if not line.startswith("field "))
    return seen, [line[len("field "):] for line in lines if line.startswith("field ")]


def test_all_of_a_request_can_be_read(server):
    seen, fields = ask(server, b"POST /mirror//a%20b/../c?q=x%26+y&r HTTP/1.1\r\nHost: example.org:81\r\nx-one: 1\r\n"
                               b"X-Request-Id: abc.1\r\nX-ONE: 2\r\nContent-Length: 5\r\n\r\nhello")
    assert seen == {
        "method": '"POST"', "target": '"/mirror//a%20b/../c?q=x%26+y&r"', "path": '"/mirror/c"',
        "path_rest": '"/c"', "route": '"/mirror"', "query_string": '"q=x%26+y&r"', "query": '"x& y"', "header": '"1"',
        "client_address": '"127.0.0.1"', "scheme": '"http"', "authority": '"example.org:81"', "request_id": '"abc.1"',
        "instance": '"mirror"', "body_length": "5", "body_expected": "5", "body_fd": "none",
        "body_read": '3 "ell"', "body": '"hello"'}
    assert fields == ["Host: example.org:81", "x-one: 1", "X-Request-Id: abc.1", "X-ONE: 2", "Content-Length: 5"]


def test_what_is_absent_is_absent_and_not_empty(server):
    seen, _ = ask(server, b"GET /mirror HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (seen["query_string"], seen["query"], seen["header"]) == ("absent", "absent", "absent")
    assert (seen["path_rest"], seen["body"], seen["body_length"], seen["body_expected"]) == ('""', '""', "0", "0")
    assert seen["body_read"] == '0 ""' and re.fullmatch('"[0-9a-f]{32}"', seen["request_id"])
    seen, _ = ask(server, b"GET /mirror?&q= HTTP/1.0\r\nX-One:\r\nX-Request-Id: not sane!\r\n\r\n")
    assert (seen["query_string"], seen["query"], seen["header"], seen["authority"]) == ('"&q="', '""', '""', '""')
    assert re.fullmatch('"[0-9a-f]{32}"', seen["request_id"])


def test_a_second_instance_has_a_name_and_a_route_of_its_own(server):
    seen, _ = ask(server, b"GET /other/deep/er HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (seen["instance"], seen["route"], seen["path_rest"]) == ('"mirror:second"', '"/other/deep"', '"/er"')


@pytest.mark.parametrize("framing", ["length", "chunked"])
@pytest.mark.parametrize("size, place", [(100, "none"), (101, "a file")])
def test_a_body_can_be_read_wherever_it_is(server, framing, size, place):
    body = b"0123456789" * 10 + b"x" * (size - 100)
    head = b"POST /mirror HTTP/1.1\r\nHost: a\r\n"
    if framing == "length":
        seen, _ = ask(server, head + b"Content-Length: %d\r\n\r\n" % size + body)
    else:
        seen, _ = ask(server, head + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (size, body))
    assert (seen["body_fd"], seen["body_length"], seen["body_read"]) == (place, str(size), '3 "123"')
    assert seen["body_expected"] == (str(size) if framing == "length" else "-1")
    assert seen["body"] == ("absent" if place == "a file" else '"%s"' % body.decode())


def test_all_of_a_job_can_be_read(server):
    location = server.request("/mirror?spool", data=b"load", headers={"Content-Type": "text/x"})[1]["location"]
    result = server.request(server.job(location)["result"])
    assert result[1]["content-type"] == "application/octet-stream"
    assert result[2].decode() == (
        f'id "{location.rsplit("/", 1)[1]}"\nqueue "mirror"\npayload "load"\ncontent_type "text/x"\nheader "1"\n'
        "other header absent\nattempt 1 of 7\nstopping 0\n")
    assert f" mirror: looked at {location.rsplit('/', 1)[1]}\n" in server.log()
