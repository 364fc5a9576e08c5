"""The plugin in C++: words are counted while they come, and an exception is an answer."""
from server import Server


def test_words_are_counted_across_pieces_and_connections_stay_open():
    with Server({"/words": "words"}) as server, server.connect() as client:
        client.send(b"POST /words HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for piece in (b"To be, or n", b"ot to b", b"e, b\xc3\xbc!"):
            client.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        client.send(b"0\r\n\r\n")
        status, _, body = client.read_answer()
        assert (status, body) == (200, "to 2\nbe 2\nor 1\nnot 1\nbü 1\n".encode())
        client.send(b"GET /words HTTP/1.1\r\nHost: x\r\n\r\n")
        assert client.read_answer()[::2] == (200, b"")


def test_an_exception_is_an_answer_and_costs_nothing():
    with Server({"/words": "words"}) as server:
        for body in (b"x" * 101, b" ".join(b"%d" % i for i in range(20001))):
            assert server.json("/words", data=body) == (
                422, {"error": "this is no text for people"})
        assert server.request("/words", data=b"a text")[2] == b"text 1\na 1\n"
        assert len(server.processes("bobbin-worker")) == 1
        assert "ended" not in server.log().split(" listens on ")[1]
