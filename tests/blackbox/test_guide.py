"""Every plugin in plugins/README.md is built as the guide says, mounted, and does what it says."""
import os
import re
import shutil
import subprocess

import pytest
from server import BUILD, ROOT, Server, gather_plugins, wait_for

pytestmark = pytest.mark.slow

def result_of(server, location):
    return server.request(server.job(location)["result"])[2]


def parts(server):
    """Each part stores a check with its success: 3 and 3 jobs have been done, and none twice."""
    ids = server.request("/parts")[2].decode().split()
    jobs = [server.job(f"/jobs/{id}") for id in ids]
    return len(set(ids)) == 3 and all(job["state"] == "done" for job in jobs)


def heartbeat(server):
    """A timer stored a job without a request, 100 ms after the start."""
    results = f"{server.spool}/results"
    def look():
        return any(b"tick" in open(os.path.join(where, name), "rb").read()
                   for where, _, names in os.walk(results) for name in names if not name.startswith("."))
    return wait_for("the heartbeat's job", look)


ASK = {
    "goodday": lambda s: s.request("/goodday?name=you")[2] == b"Good day, you.\n",
    "greeter": lambda s: s.request("/greeter")[2] == b"Moin!\nMoin!\n",
    "thread": lambda s: s.request("/thread")[2] == b"from a thread\n",
    "counter": lambda s: s.request("/counter")[2] == b"visit 1\n" and s.request("/counter")[2] == b"visit 2\n",
    "lines": lambda s: s.request("/lines")[2] == b"%d lines\n" % open("/etc/passwd").read().count("\n"),
    "numbers": lambda s: s.request("/numbers")[2] == b"".join(b"%d\n" % i for i in range(100000)),
    "sum": lambda s: s.request("/sum", data=b"\x80\x81" * 100000)[2] == b"200000 bytes, sum %d\n" % (0x101 * 100000 % 256),
    "reverse": lambda s: s.request("/reverse", data=b"straw")[::2] == (200, b"warts"),
    "parts": parts,
    "keeper": lambda s: s.json("/keeper", data=b"kept")[1]["queue"] == "keeper",
    "heartbeat": heartbeat,
    "shout": lambda s: result_of(s, s.request("/shout", data=b"quiet")[1]["location"]) == b"QUIET",
}


def blocks(language="c"):
    with open(f"{ROOT}/plugins/README.md") as file:
        return re.findall(rf"^```{language}\n(.*?)^```", file.read(), flags=re.S | re.M)


def snippets(language="c"):
    return {re.search(r'\bname = "([a-z]+)"', block).group(1): block for block in blocks(language)
            if "bobbin-test.h" not in block}


def test_the_snippet_in_cxx_compiles():
    """As the oldest C++ that it is meant for."""
    block, = blocks("cpp")
    done = subprocess.run(["c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-fsyntax-only",
                           f"-I{ROOT}/plugins", "-x", "c++", "-"], input=block, text=True)
    assert done.returncode == 0


def test_no_snippet_is_in_a_language_that_nobody_runs():
    with open(f"{ROOT}/plugins/README.md") as file:
        assert set(re.findall(r"^```(\w+)$", file.read(), flags=re.M)) == {"c", "cpp"}


def test_every_snippet_is_tested():
    assert set(snippets()) | set(snippets("cpp")) == set(ASK)


def test_the_guide_is_right(tmp_path):
    """The folder lies outside of the tree; the plugins go into a build folder of their own."""
    plugins = tmp_path / "build" / "plugins"
    plugins.mkdir(parents=True)
    shutil.copy(f"{BUILD}/bobbin", tmp_path / "build")  # what a plugin is checked with
    sources = {f"{name}.c": text for name, text in snippets().items()}
    sources |= {f"{name}.cc": text for name, text in snippets("cpp").items()}
    for file, text in sources.items():
        name = file.split(".")[0]
        folder = tmp_path / name
        folder.mkdir()
        (folder / file).write_text(text)
        done = subprocess.run([f"{ROOT}/build.sh", "plugin", str(folder)], capture_output=True,
                              text=True, env={**os.environ, "BUILD": str(tmp_path / "build"),
                                              "SANITIZE": ""})
        assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
    gather = tmp_path / "server" / "plugins"
    gather.parent.mkdir()
    gather_plugins(str(gather))
    for name in ASK:
        shutil.copy(plugins / f"{name}.so", gather)
        done = subprocess.run([f"{BUILD}/bobbin", "--plugin", str(plugins / f"{name}.so")],
                              capture_output=True, text=True)
        assert done.returncode == 0 and f"{name}" in done.stdout
    routes = {f"/{name}": name for name in ASK} | {"/jobs": "jobs"}
    with Server(routes, spool="processes = 1", folder=str(tmp_path / "server"),
                sections="[greeter]\ngreeting = Moin\ntimes = 2\nloud = on") as server:
        for name, ask in ASK.items():
            assert ask(server), name


def test_the_guides_test_passes_and_finds_what_is_broken(tmp_path):
    """With the line that the guide gives, and nothing else of the tree but what it names."""
    with open(f"{ROOT}/plugins/README.md") as file:
        line = re.search(r"^cc -g .*?-o test_shout", file.read(), flags=re.S | re.M).group(0)
    line = line.replace("-Iplugins", f"-I{ROOT}/plugins").replace("-Itests", f"-I{ROOT}/tests") \
        .replace("build/", f"{BUILD}/").replace("\\\n", "")
    (tmp_path / "shout").mkdir()
    (tmp_path / "test_shout.c").write_text(
        next(block for block in blocks() if "bobbin-test.h" in block))

    def passes(plugin):
        (tmp_path / "shout" / "shout.c").write_text(plugin)
        subprocess.run(line.split(), cwd=tmp_path, check=True)
        return subprocess.run(["./test_shout"], cwd=tmp_path, capture_output=True).returncode == 0

    shout = snippets()["shout"]
    assert passes(shout)
    assert not passes(shout.replace("toupper", "tolower"))
    assert not passes(shout.replace("    free(loud);\n", ""))
    assert not passes(shout.replace("i < text.length", "i <= text.length"))
