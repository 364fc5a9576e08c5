#!/usr/bin/python3
"""The borders of the house (who may include what, what may be global, where files may lie), checked
from what the compiler says: the dependencies that ninja recorded, and the symbols in the objects.

usage: borders.py BUILD-FOLDER        checks; one sentence for each breach, exit 1
       borders.py --self-test         shows that it can fail
"""
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

TOP = {"core", "plugins", "spooler", "tests", "deploy",
       "build.sh", "README.md", "app.ini", "LICENSE"}
VAGUE = {"util", "utils", "common", "misc", "types", "helpers"}

# Where a loop turns.
LOOPS = {"core/process/worker", "core/net/clients", "core/net/connection", "core/net/deadline",
         "core/net/intake", "core/net/reply", "core/exchange/hostspool", "core/exchange/offload",
         "core/exchange/ticket", "core/exchange/timer", "spooler/writer", "spooler/storer",
         "spooler/leader", "spooler/door", "spooler/asker", "spooler/leaderline", "spooler/gate",
         "spooler/crontab",
         "spooler/dispatcher", "spooler/drop", "spooler/run/crew", "core/main"}

# What of core/ the spooler may know; config.h comes along with core/plugin/plugin.h.
SPOOLER_MAY = ("core/base/", "core/config/option.h", "core/config/config.h", "core/plugin/",
               "core/exchange/ticket.h", "core/exchange/timer.h")
# These of spooler/ know neither loop nor plugins.
QUIET = ("spooler/files/", "spooler/queue", "spooler/retry", "spooler/expiry", "spooler/unique",
         "spooler/keys", "spooler/waits", "spooler/cron.")

# Writable data in core and spooler, each with its reason.
GLOBALS = {
    "core/plugin/running.c": "a signal handler is handed nothing: which callback runs, and the log",
    "spooler/run/job.c": "a signal handler is handed nothing: whether the job is told to stop",
}


def includes_breaches(source, headers):
    """Sentences about what one source file includes; both as paths below the root."""
    stem, breaches = os.path.splitext(source)[0], []

    def breach(header, why):
        breaches.append(f"{source} includes {header}: {why}")

    for header in headers:
        if header.endswith("/uv.h") or header == "uv.h":
            if source.startswith(QUIET):
                breach("uv.h", "this part knows no loop")
            elif stem not in LOOPS and not source.startswith("tests/"):
                breach("uv.h", "no loop turns here (tests/borders.py has the list)")
        if header.endswith("llhttp.h") and not source.startswith("plugins/http/"):
            breach("llhttp.h", "only plugins/http knows llhttp")
        if source.startswith("plugins/"):
            own = os.path.dirname(source) + "/"
            if header.startswith(("core/", "spooler/", "plugins/")) and \
                    header != "plugins/bobbin.h" and not header.startswith(own):
                breach(header, "a plugin knows bobbin.h and its own folder")
        if source.startswith("core/") and header.startswith("spooler/") and \
                source != "core/main.c":
            breach(header, "of core/, only main.c knows the spooler")
        if source.startswith("spooler/") and header.startswith("core/") and \
                not header.startswith(SPOOLER_MAY):
            breach(header, "the spooler may not know this part of core/")
        if source.startswith(QUIET) and header.startswith("core/plugin/"):
            breach(header, "this part knows no plugins")
    return breaches


def layout_breaches(files):
    """Sentences about where files lie."""
    breaches = []
    for path in files:
        parts = path.split("/")
        if parts[0] not in TOP and not parts[0].startswith("."):
            breaches.append(f"{parts[0]}: the top level is fixed")
        if parts[0] in ("core", "plugins", "spooler") and len(parts) > 3 and \
                path.endswith((".c", ".h", ".cc")):
            breaches.append(f"{path}: no source lies deeper than two folders")
        if path.endswith((".c", ".h")) and os.path.splitext(parts[-1])[0] in VAGUE:
            breaches.append(f"{path}: a noun is missing")
    return sorted(set(breaches))


def loops_breaches(recorded):
    """Sentences about a list of loops that is not true (or that nothing was recorded for)."""
    turning = {os.path.splitext(source)[0] for source, headers in recorded.items()
               if any(header.endswith("uv.h") for header in headers)}
    return [f"{stem} is in the list of loops (tests/borders.py), but includes no uv.h"
            for stem in sorted(LOOPS - turning)]


def globals_breaches(source, symbols):
    """Sentences about the writable symbols (name, section) of one object. What only the loader
    writes (.data.rel.ro) is constant to us."""
    if source in GLOBALS:
        return []
    return [f"{source} has the writable global {name}: a function reaches only what it is handed"
            for name, section in symbols
            if section.startswith((".data", ".bss", ".tdata", ".tbss", "*COM*"))
            and not section.startswith(".data.rel.ro")]


def public_breaches(exported, declared):
    return [f"{name} is exported but not in plugins/bobbin.h" for name in exported - declared] + \
        [f"{name} is in plugins/bobbin.h but not exported" for name in declared - exported]


def host_breaches(hosted, exported, declared):
    """Sentences about what libbobbin-test.a shows, against the server's exports and its header."""
    return [f"{name} is exported, but missing in the test host" for name in exported - hosted] + \
        [f"{name} is in bobbin-test.h, but missing in the test host" for name in declared - hosted] + \
        [f"{name} is visible in the test host, but declared nowhere"
         for name in hosted - exported - declared]


# ---------------------------------------------------------------- what the compiler says


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def below_root(path):
    path = os.path.normpath(os.path.join(ROOT, path))
    return os.path.relpath(path, ROOT) if path.startswith(ROOT + "/") else path


def dependencies(build):
    """{source: headers} as ninja recorded them."""
    found, inputs = {}, None
    for line in run("ninja", "-f", os.path.join(build, "build.ninja"), "-t", "deps").splitlines():
        if line.startswith("    ") and inputs is not None:
            inputs.append(below_root(line.strip()))
        elif line.endswith("(VALID)"):
            inputs = []
            found[line.split(":")[0]] = inputs
        else:
            inputs = None
    return {headers[0]: headers[1:] for headers in found.values() if headers}


def objects(build):
    folder = os.path.join(build, "objects")
    for where, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".o"):
                path = os.path.join(where, name)
                yield os.path.relpath(path, folder)[:-2], path


def symbols(path):
    """(name, section) of what has a place in memory, also of threads (which objdump does not mark
    as objects): names of sections begin with a dot."""
    for line in run("objdump", "-t", path).splitlines():
        match = re.match(r"[0-9a-f]+ .{6}[O ] (\S+)\s+[0-9a-f]+ (?:\.hidden )?([^.\s]\S*)$",
                         line)
        if match and match.group(1) != "*UND*":
            yield match.group(2), match.group(1)


def files():
    """What is under version control; without git, all but build products."""
    try:
        return run("git", "-c", f"safe.directory={ROOT}", "ls-files").splitlines()
    except (OSError, subprocess.CalledProcessError):
        return [below_root(os.path.join(where, name)) for where, _, names in os.walk(ROOT)
                for name in names if not below_root(where).startswith("build")]


def check(build):
    breaches = []
    recorded = dependencies(build)
    if len(recorded) < 40:
        return [f"only {len(recorded)} sources are recorded in {build}: is it built?"]
    for source, headers in sorted(recorded.items()):
        breaches += includes_breaches(source, headers)
    for source, path in objects(build):
        breaches += globals_breaches(source, symbols(path))
    breaches += loops_breaches(recorded) + layout_breaches(files())
    exported = defined("-D", os.path.join(build, "bobbin"))
    hosted = defined("-g", os.path.join(build, "libbobbin-test.a"))
    return breaches + public_breaches(exported, declarations("plugins/bobbin.h")) + \
        host_breaches(hosted, exported, declarations("tests/host/bobbin-test.h"))


def defined(which, path):
    return {line.split()[-1] for line in run("nm", which, "--defined-only", path).splitlines()
            if len(line.split()) == 3}


def declarations(header):
    """The functions that a public header declares; what only C++ needs is inline there."""
    with open(f"{ROOT}/{header}") as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    text = re.sub(r"^(template <[^>]*> )?inline .*?^}", "", text, flags=re.S | re.M)
    declared = set(re.findall(r"^[a-z][^;{}#=]*?\b(bobbin_\w+)\(", text, flags=re.M))
    return declared - set(re.findall(r"^typedef [^;]*?\b(bobbin_\w+)\(", text, flags=re.M))


def compiled_symbols(text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "x.o")
        subprocess.run(["cc", "-x", "c", "-c", "-", "-o", path], input=text, text=True, check=True)
        return list(symbols(path))


def self_test():
    assert includes_breaches("core/net/x.c", ["spooler/door.h"])
    assert includes_breaches("core/base/x.c", ["/usr/include/uv.h"])
    assert includes_breaches("spooler/files/x.c", ["/usr/include/uv.h"])
    assert includes_breaches("spooler/x.c", ["core/net/connection.h"])
    assert includes_breaches("plugins/jobs/jobs.c", ["plugins/static/types.h"])
    assert includes_breaches("plugins/jobs/jobs.c", ["core/base/log.h"])
    assert includes_breaches("plugins/jobs/jobs.c", ["/usr/share/include/llhttp/llhttp.h"])
    assert not includes_breaches("plugins/jobs/jobs.c", ["plugins/bobbin.h"])
    assert not includes_breaches("core/main.c", ["spooler/door.h"])
    assert layout_breaches(["src/x.c"]) and layout_breaches(["core/base/util.c"])
    assert layout_breaches(["core/a/b/x.c"]) and not layout_breaches(["core/a/x.c", ".ci/run"])
    assert loops_breaches({"core/main.c": ["core/x.h"]})
    assert globals_breaches("core/net/x.c", [("counter", ".bss")])
    assert dict(compiled_symbols("static _Thread_local int t; int g = 1; int *f(void);"
                                 "int *f(void) { return g ? &t : &g; }")) == \
        {"t": ".tbss", "g": ".data"}
    assert not globals_breaches("core/net/x.c", [("table", ".rodata"), ("t", ".data.rel.ro")])
    assert public_breaches({"bobbin_x"}, set()) and public_breaches(set(), {"bobbin_x"})
    assert host_breaches(set(), {"bobbin_x"}, set()) and host_breaches({"x"}, set(), set())
    assert host_breaches(set(), set(), {"bobbin_test_x"})
    print("the borders script can fail")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    breaches = check(os.path.abspath(sys.argv[1]))
    print("\n".join(breaches) or "all borders are kept")
    return 1 if breaches else 0


sys.exit(main())
