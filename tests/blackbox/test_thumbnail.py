"""The main job: a photo is posted, a spooler process makes a thumbnail of it."""
import http.client
import json
import subprocess
import threading

import pytest
from photos import UPRIGHT, opened, photo
from server import ROOT, Server

APPS = {"/": "static", "/thumbnails": "thumbnail", "/jobs": "jobs"}
WWW = f"[static]\nroot = {ROOT}/plugins/thumbnail/www"


@pytest.fixture(scope="module")
def server():
    with Server(APPS, spool="processes = 2", sections=WWW, workers=2) as running:
        yield running


def post(server, data, query="?width=256"):
    status, headers, body = server.request(f"/thumbnails{query}", data=data,
                                           headers={"content-type": "image/jpeg"})
    return status, headers, json.loads(body)


def thumbnail_of(server, data, width=256):
    status, headers, job = post(server, data, f"?width={width}")
    assert status == 202, job
    assert headers["location"] == f"/jobs/{job['id']}"
    job = server.job(headers["location"])
    assert job["state"] == "done", job
    status, headers, body = server.request(job["result"])
    assert (status, headers["content-type"]) == (200, "image/jpeg")
    return opened(body)


def test_a_photo_becomes_a_thumbnail_of_the_width_that_was_asked_for(server):
    picture = thumbnail_of(server, photo(1600, 1200), 256)
    assert picture.size == (256, 192)


def test_the_answer_names_the_job_and_its_queue(server):
    status, headers, job = post(server, photo())
    assert status == 202
    assert headers["content-type"] == "application/json"
    assert job["queue"] == "thumbnail" and job["state"] == "ready"


def test_the_status_has_times_in_rfc_3339_and_attempts(server):
    _, headers, _ = post(server, photo())
    job = server.job(headers["location"])
    assert job["attempt"] == 1 and job["attempts"] == 5 and job["error"] is None
    for name in ("enqueued", "started", "ended"):
        assert job[name].endswith("Z") and len(job[name]) == len("2026-01-01T00:00:00.000Z")
    assert job["enqueued"] <= job["started"] <= job["ended"]
    assert job["progress"]["percent"] == 100


@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_exif_orientation_is_turned_upright(server, orientation):
    stored = photo(400, 200, orientation)
    picture = thumbnail_of(server, stored, 100)
    turn = UPRIGHT[orientation]
    upright = opened(stored) if turn is None else opened(stored).transpose(turn)
    assert picture.size == (100, round(100 * upright.height / upright.width))
    small = upright.resize(picture.size)
    for at in ((0.1, 0.1), (0.9, 0.1), (0.1, 0.9), (0.9, 0.9), (0.6, 0.4), (0.4, 0.6)):
        place = (int(at[0] * picture.width), int(at[1] * picture.height))
        wanted, got = small.getpixel(place), picture.getpixel(place)
        assert all(abs(a - b) < 40 for a, b in zip(wanted, got)), (orientation, at, wanted, got)


@pytest.mark.parametrize("size,width", [((3000, 2000), 64), ((640, 480), 639), ((37, 91), 20),
                                        ((50, 40), 300), ((1, 1), 16), ((5000, 3), 100)])
def test_the_ratio_is_kept_for_every_size(server, size, width):
    picture = thumbnail_of(server, photo(*size), width)
    assert picture.width == width
    assert abs(picture.height - max(1, size[1] * width / size[0])) <= 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_grey_and_cmyk_photos_work(server, mode):
    assert thumbnail_of(server, photo(300, 200, mode=mode), 90).size == (90, 60)


def test_the_default_width_is_256(server):
    _, headers, _ = post(server, photo(), "")
    _, _, body = server.request(server.job(headers["location"])["result"])
    assert opened(body).width == 256


@pytest.mark.parametrize("query,sentence", [
    ("?width=abc", 'width is a number from 1 to 4096, not "abc"'),
    ("?width=0", 'width is a number from 1 to 4096, not "0"'),
    ("?width=4097", 'width is a number from 1 to 4096, not "4097"'),
    ("?width=-1", 'width is a number from 1 to 4096, not "-1"'),
    ("?width=", 'width is a number from 1 to 4096, not ""'),
])
def test_a_width_that_makes_no_sense_is_400_with_a_sentence(server, query, sentence):
    status, _, answer = post(server, photo(20, 20), query)
    assert (status, answer["error"]) == (400, sentence)


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"\xff\xd8"])
def test_no_image_is_415_with_a_sentence(server, data):
    status, _, answer = post(server, data)
    assert (status, answer["error"]) == (415, "the body is not a JPEG photo")


def test_100_megabytes_are_413_with_a_sentence(server):
    with server.connect() as client:
        client.send(b"POST /thumbnails HTTP/1.1\r\nHost: a\r\nContent-Length: 104857600\r\n\r\n")
        status, headers, body = client.read_answer()
    assert status == 413 and headers["connection"] == "close"
    assert json.loads(body)["error"] == "the body is too large"


def test_curl_gets_the_413_too(server, tmp_path):
    big = tmp_path / "big"
    big.write_bytes(bytes(100 * 1024 * 1024))
    done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--data-binary",
                           f"@{big}", server.url("/thumbnails")], capture_output=True, text=True)
    assert done.stdout == "413"


def test_an_unknown_job_is_404_with_a_sentence(server):
    for path in ("/jobs/x", "/jobs/" + "0" * 45, "/jobs/" + "z" * 45, "/jobs/x/result"):
        status, answer = server.json(path)
        assert status == 404 and "no such job" in answer["error"]


def test_no_result_yet_is_404_with_a_sentence(server):
    _, headers, _ = post(server, photo(200, 200)[:300])
    job = server.job(headers["location"])
    assert job["state"] == "dead"
    status, answer = server.json(headers["location"] + "/result")
    assert (status, answer["error"]) == (404, "the job is dead: it has no result")


@pytest.mark.parametrize("spoil", [
    lambda data: data[:len(data) // 2],
    lambda data: data[:30],
    lambda data: data[:20] + b"\xff" * 400 + data[420:],
    lambda data: b"\xff\xd8\xff\xe1\xff\xff" + b"Exif\0\0" + b"MM\0*" + b"\xff" * 60 + data[2:],
    lambda data: b"\xff\xd8\xff" + bytes(1000),
])
def test_a_hostile_photo_fails_its_job_with_a_sentence_and_nothing_else(server, spoil):
    _, headers, _ = post(server, spoil(photo(800, 600)))
    job = server.job(headers["location"])
    assert job["state"] in ("dead", "done")
    if job["state"] == "dead":
        assert job["error"].startswith("the photo cannot be read: ")
    assert thumbnail_of(server, photo(40, 30), 20).size == (20, 15)


def test_a_truncated_photo_says_so(server):
    _, headers, _ = post(server, photo(800, 600)[:-2000])
    job = server.job(headers["location"])
    assert job["state"] == "dead" and "Premature end of JPEG file" in job["error"]


def test_a_pixel_bomb_is_not_decoded(server):
    small = photo(64, 64)
    at = small.index(b"\xff\xc0")
    bomb = small[:at + 5] + b"\xff\xdc\xff\xdc" + small[at + 9:]
    _, headers, _ = post(server, bomb)
    job = server.job(headers["location"])
    assert job["state"] == "dead"
    assert job["error"] == "the photo has 65500 x 65500 pixels, at most 100000000 are decoded"


def test_many_uploads_at_once_all_become_pictures(server):
    results, data = [], photo(900, 600)

    def one(width):
        results.append((width, thumbnail_of(server, data, width).size))

    threads = [threading.Thread(target=one, args=(width,)) for width in range(30, 78)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [(w, (w, (600 * w + 450) // 900)) for w in range(30, 78)]


def test_a_photo_that_was_spilled_to_a_file_arrives_whole(server):
    data = photo(4000, 3000, quality=98)
    assert len(data) > 200_000
    assert thumbnail_of(server, data, 400).size == (400, 300)


def test_http_client_works_with_one_connection_for_all(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    for _ in range(5):
        connection.request("POST", "/thumbnails?width=32", body=photo(100, 100))
        answer = connection.getresponse()
        assert answer.status == 202
        answer.read()
    connection.close()


def test_curl_works(server, tmp_path):
    file = tmp_path / "photo.jpg"
    file.write_bytes(photo())
    done = subprocess.run(["curl", "-sS", "-i", "--data-binary", f"@{file}",
                           server.url("/thumbnails?width=64")], capture_output=True, text=True)
    assert done.returncode == 0 and "HTTP/1.1 202 Accepted" in done.stdout


def test_get_on_thumbnails_is_405_with_allow(server):
    status, headers, _ = server.request("/thumbnails")
    assert status == 405 and headers["allow"] == "POST"


def test_a_result_is_sent_to_head_without_its_body(server):
    _, headers, _ = post(server, photo())
    job = server.job(headers["location"])
    status, headers, body = server.request(job["result"], method="HEAD")
    assert status == 200 and int(headers["content-length"]) > 500 and body == b""
