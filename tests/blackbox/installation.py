"""bobbin as ./build.sh installs it, and what stands outside of its tree."""
import os
import subprocess

from server import BUILD, ROOT


def build_is_plain():
    """Installing builds, and only this build is what ./build.sh makes by itself."""
    try:
        with open(f"{BUILD}/build.ninja") as file:
            return "-fsanitize" not in file.read()
    except FileNotFoundError:
        return False


def build_sh(*words, folder, build=BUILD, umask=-1, **environment):
    """./build.sh as an author calls it, from a folder of the author's own."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("CC", "CXX", "SANITIZE", "DESTDIR")}
    # With the tests' own plugins the ninja file stays as the test run has made it.
    return subprocess.run([f"{ROOT}/build.sh", *words], cwd=folder, umask=umask,
                          capture_output=True, text=True,
                          env={**kept, "BUILD": str(build), "WITH_TESTS": "yes", **environment})


def install(prefix, folder, **more):
    done = build_sh("install", str(prefix), folder=folder, **more)
    assert done.returncode == 0, done.stderr
    return done


def modes(folder):
    """{path: permissions} of everything below the folder, itself included as "."."""
    found = {}
    for where, folders, files in os.walk(folder):
        for name in [""] + folders + files:
            path = os.path.join(where, name)
            found[os.path.normpath(os.path.relpath(path, folder))] = os.stat(path).st_mode & 0o7777
    return found


def pkg_config(prefix, *words, name="bobbin"):
    done = subprocess.run(["pkg-config", *words, name], capture_output=True, text=True,
                          env={**os.environ, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()
