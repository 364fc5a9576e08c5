"""Reads a spool from its documentation alone (spooler/README.md), without bobbin's code: the judge.

usage: spoolreader.py SPOOL        prints a line a job: id, queue, state, attempt, whether a result is there
"""
import json
import os
import struct
import sys
import zlib

STATES = ["ready", "ready", "running", "done", "dead", "cancelling", "cancelled", "expired", "duplicate"]
ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"


def id_text(writer, sequence, block, index, nonce):
    number = int.from_bytes(struct.pack(">QIIIQ", writer, sequence, block, index, nonce), "big") << 1
    return "".join(ALPHABET[number >> shift & 31] for shift in range(220, -1, -5))


def read_head(data):
    magic, version, head_bytes = struct.unpack_from("<8sII", data)
    writer, sequence, _, salt, capacity, _ = struct.unpack_from("<QIIQQQ", data, 16)
    crc, = struct.unpack_from("<I", data, 56)
    assert (magic, version, head_bytes) == (b"BOBBINJ1", 1, 4096), "no journal"
    assert crc == zlib.crc32(data[:56]), "the journal's head does not hold"
    return writer, sequence, salt


def read_records(data, salt):
    """(offset, record as a dict) of every record that counts, up to the first tear: members of a
    group do when all of it is there."""
    group = []
    for at, job in read_whole_records(data, salt):
        if job["grouped"] != bool(group) or (group and job["group_left"] != group[-1][1]["group_left"] - 1):
            return
        group.append((at, job))
        if job["group_left"] == 0:
            yield from group
            group = []


def read_headers(data, count):
    headers, at = {}, 0
    for _ in range(count):
        name, value = struct.unpack_from("<HH", data, at)
        at += 4 + name + value
        headers[data[at - name - value:at - value].decode()] = data[at - value:at]
    return headers


def read_whole_records(data, salt):
    """(offset, record as a dict) of every record that holds by itself."""
    at, index = 4096, 0
    while at + 128 <= len(data) and data[at:at + 4] == b"JREC":
        head_crc, offset, number, total, head, payload_crc = struct.unpack_from("<IQIIII", data, at + 4)
        payload_bytes, nonce, enqueued, due, expires = struct.unpack_from("<QQQQQ", data, at + 32)
        timeout, attempts, priority, flags = struct.unpack_from("<IHBB", data, at + 72)
        queue, kind, key, headers, header_bytes = struct.unpack_from("<HHHHI", data, at + 80)
        group_left, blob_writer, blob_counter = struct.unpack_from("<IQQ", data, at + 92)
        parent = struct.unpack_from("<QII", data, at + 112)
        holds = offset == at and number == index and head <= total and \
            head_crc == zlib.crc32(struct.pack("<Q", salt) + data[at + 8:at + head])
        if not holds:
            return
        payload = None if flags & 1 else data[at + head:at + head + payload_bytes]
        if payload is not None and zlib.crc32(payload) != payload_crc:
            return
        text = at + 128
        after = text + queue + kind + key
        yield at, {"index": index, "nonce": nonce, "queue": data[text:text + queue].decode(),
                   "content_type": data[text + queue:text + queue + kind].decode(),
                   "unique_key": data[after - key:after].decode(),
                   "headers": read_headers(data[after:after + header_bytes], headers),
                   "grouped": bool(flags & 4), "group_left": group_left,
                   "parent": parent if parent != (0, 0, 0) else None,
                   "due_us": due, "expires_us": expires, "priority": priority, "attempts": attempts, "enqueued_us": enqueued,
                   "payload": payload, "payload_bytes": payload_bytes, "payload_crc": payload_crc,
                   "blob": (blob_writer, blob_counter) if flags & 1 else None}
        at, index = at + total, index + 1


def read_state(data, salt, index):
    """(state, attempt, place of the first) of an entry; ("ready", 0, None) when it says nothing. Only a
    duplicate has a first: (writer, sequence, block, index)."""
    entry = data[64 + 32 * index:96 + 32 * index]
    if len(entry) < 32 or not any(entry):
        return "ready", 0, None
    check, = struct.unpack_from("<I", entry, 12)
    blank = entry[:12] + bytes(4) + entry[16:]
    if check != zlib.crc32(struct.pack("<QI", salt, index) + blank):
        return "ready", 0, None
    if STATES[entry[4]] == "duplicate":
        block, low, number, writer = struct.unpack_from("<I2xHI4xQ", entry)
        return "duplicate", 0, (writer, entry[31] << 24 | entry[5] << 16 | low, block, number)
    return STATES[entry[4]], struct.unpack_from("<H", entry, 6)[0], None


def read_result(path):
    with open(path, "rb") as file:
        data = file.read()
    magic, version, _, length = struct.unpack_from("<8sIIQ", data)
    assert (magic, version) == (b"BOBBINR1", 1) and len(data) == 256 + length
    assert zlib.crc32(data[:232]) == struct.unpack_from("<I", data, 232)[0]
    assert zlib.crc32(data[256:]) == struct.unpack_from("<I", data, 24)[0]
    return data[256:]


def read_letter(path):
    """A dead letter as a dict: what its lines say, attempts as (number, sentence), headers as pairs, and
    its payload."""
    with open(path, "rb") as file:
        head, _, payload = file.read().partition(b"\n\n")
    first, *lines = head.decode().split("\n")
    assert first == "bobbin dead letter 1"
    letter = {"attempt": [], "header": []}
    for line in lines:
        name, text = line.split(": ", 1)
        if name == "attempt":
            times, sentence = text.split("Z: ", 1)
            letter[name].append((int(times.split()[0]), json.loads(f'"{sentence}"')))
        elif name == "header":
            letter[name].append(tuple(json.loads("[" + text.replace('": "', '", "', 1) + "]")))
        else:
            letter[name] = json.loads(f'"{text}"')
    if letter["payload"].startswith("in "):
        with open(os.path.join(os.path.dirname(path), letter["payload"][3:]), "rb") as file:
            payload = file.read()
    letter["bytes"] = payload
    assert letter["payload"] == "lost" or len(payload) == int(letter["payload-bytes"])
    assert letter["id"] == os.path.basename(path) and letter["queue"] == os.path.basename(os.path.dirname(path))
    return letter


def read_letters(spool):
    """{id: dead letter} of the whole spool."""
    letters, folder = {}, os.path.join(spool, "dead")
    for queue in os.listdir(folder):
        for name in os.listdir(os.path.join(folder, queue)):
            if "." not in name:
                letters[name] = read_letter(os.path.join(folder, queue, name))
    return letters


def read_queue(spool, queue):
    """What queues/<queue> says, as a dict; None when it says nothing."""
    try:
        with open(os.path.join(spool, "queues", queue), "rb") as file:
            page = file.read(64)
    except FileNotFoundError:
        return None
    if len(page) < 64 or page[:8] != b"QUEU\1\0\0\0" or \
            struct.unpack_from("<I", page, 8)[0] != zlib.crc32(page[:8] + bytes(4) + page[12:]):
        return None
    flags, turn, ready, delayed, running, dead, size = struct.unpack_from("<IQQQQQQ", page, 12)
    return {"paused": bool(flags & 1), "ready": ready, "delayed": delayed, "running": running, "dead": dead,
            "bytes": size}


def read_spool(spool):
    """{id: job} of the whole spool."""
    jobs, folder = {}, os.path.join(spool, "journals")
    for name in sorted(os.listdir(folder)):
        if name.startswith(".") or name.endswith(".state"):
            continue
        with open(os.path.join(folder, name), "rb") as file:
            data = file.read()
        states = b""
        if os.path.exists(os.path.join(folder, name + ".state")):
            with open(os.path.join(folder, name + ".state"), "rb") as file:
                states = file.read()
        writer, sequence, salt = read_head(data)
        assert name == f"{writer:016x}.{sequence:08x}"
        for offset, job in read_records(data, salt):
            job["state"], job["attempt"], job["first"] = read_state(states, salt, job["index"])
            job["place"] = (writer, sequence, offset // 64, job["index"])
            if job["blob"]:
                with open(os.path.join(spool, "blobs", "%016x" % job["blob"][0],
                                       str(job["blob"][1])), "rb") as file:
                    job["payload"] = file.read()
                assert zlib.crc32(job["payload"]) == job["payload_crc"]
            result = os.path.join(spool, "results", name, str(job["index"]))
            job["result"] = read_result(result) if os.path.exists(result) else None
            jobs[id_text(writer, sequence, offset // 64, job["index"], job["nonce"])] = job
    return jobs


if __name__ == "__main__":
    for job_id, found in read_spool(sys.argv[1]).items():
        print(job_id, found["queue"], found["state"], found["attempt"], found["result"] is not None)
