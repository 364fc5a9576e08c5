"""./build.sh install: what lies where, that it may be moved, and the manual page."""
import os
import re
import shlex
import shutil
import subprocess

import pytest
from installation import build_is_plain, install, modes, pkg_config
from server import BINARY, BUILD, ROOT, Server

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not build_is_plain(), reason="this is not the plain build")]

PAGE = f"{ROOT}/core/bobbin.1"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """Installed twice, by an author with a strict umask, into a prefix with a space, then moved."""
    folder = tmp_path_factory.mktemp("install")
    authors = f"{BUILD}/plugins/of-an-author.so"
    shutil.copy(f"{BUILD}/plugins/hello.so", authors)
    for _ in range(2):
        install("first place/bobbin", folder, umask=0o077)
    os.unlink(authors)
    (folder / "first place" / "bobbin").rename(folder / "second place")
    return folder / "second place"


def plugins_of_the_tree():
    return {name for name in os.listdir(f"{ROOT}/plugins")
            if os.path.exists(f"{BUILD}/plugins/{name}.so")}


def test_everything_lies_where_it_should_and_can_be_read_by_all(home):
    found = modes(home)
    files = {"bin/bobbin", "include/bobbin.h", "lib/pkgconfig/bobbin.pc",
             "share/man/man1/bobbin.1", "share/doc/bobbin/plugins.md",
             "lib/libbobbin-test.a", "include/bobbin-test.h", "lib/pkgconfig/bobbin-test.pc"}
    files |= {f"lib/bobbin/plugins/{name}.so" for name in plugins_of_the_tree()}
    assert files <= set(found)
    for path, mode in found.items():
        is_program = os.path.isdir(home / path) or path == "bin/bobbin"
        assert mode == (0o755 if is_program else 0o644), path


def test_what_an_author_has_built_is_not_installed(home):
    assert {name[:-3] for name in os.listdir(home / "lib/bobbin/plugins")} == plugins_of_the_tree()


def test_nothing_points_back_to_the_tree(home):
    for path in [home / "bin/bobbin", *(home / "lib/bobbin/plugins").iterdir()]:
        dynamic = subprocess.run(["readelf", "-d", path], capture_output=True, text=True).stdout
        assert "SYMTAB" in dynamic and "RPATH" not in dynamic and "RUNPATH" not in dynamic, path
    for name in ("bobbin", "bobbin-test"):
        assert ROOT not in (home / f"lib/pkgconfig/{name}.pc").read_text()


def test_an_author_tests_a_plugin_with_what_is_installed(home, tmp_path):
    flags = shlex.split(pkg_config(home, "--cflags", "--libs", name="bobbin-test"))
    with open(f"{ROOT}/plugins/README.md") as file:
        blocks = re.findall(r"^```c\n(.*?)^```", file.read(), flags=re.S | re.M)
    (tmp_path / "test_shout.c").write_text(next(block for block in blocks if "bobbin-test.h" in block))
    (tmp_path / "shout.c").write_text(next(block for block in blocks if '.name = "shout"' in block))
    subprocess.run(["cc", "test_shout.c", "shout.c", "-o", "test_shout", *flags], cwd=tmp_path, check=True)
    assert subprocess.run(["./test_shout"], cwd=tmp_path).returncode == 0


def test_a_moved_prefix_is_found_by_pkg_config(home):
    include = shlex.split(pkg_config(home, "--cflags"))[0].removeprefix("-I")
    assert os.path.samefile(include, home / "include")
    plugins = shlex.split(pkg_config(home, "--variable=plugindir"))[0]
    assert os.path.samefile(plugins, home / "lib/bobbin/plugins")
    version = subprocess.run([home / "bin/bobbin", "--version"], capture_output=True, text=True)
    assert version.stdout == f"bobbin {pkg_config(home, '--modversion')}\n"


def test_a_moved_bobbin_serves_with_its_own_plugins(home, tmp_path):
    with Server({"/hello": "hello"}, folder=str(tmp_path),
                binary=str(home / "bin/bobbin")) as server:
        assert server.request("/hello?name=you")[2] == b"Hello, you!\n"


def test_destdir_stands_before_the_prefix_and_nowhere_else(tmp_path):
    install("/usr", tmp_path, DESTDIR="stage")
    assert os.listdir(tmp_path) == ["stage"]
    assert (tmp_path / "stage/usr/bin/bobbin").exists()
    assert "stage" not in (tmp_path / "stage/usr/lib/pkgconfig/bobbin.pc").read_text()


# ---------------------------------------------------------------- the manual page


def test_the_manual_page_is_clean():
    lint = subprocess.run(["mandoc", "-T", "lint", PAGE], capture_output=True, text=True)
    assert (lint.returncode, lint.stdout) == (0, "")


def rendered():
    text = subprocess.run(["mandoc", "-T", "utf8", PAGE], capture_output=True, text=True).stdout
    return re.sub(".\b", "", text)


def test_the_manual_page_knows_all_that_help_knows():
    page = rendered()
    help_text = subprocess.run([BINARY, "--help"], capture_output=True, text=True).stdout
    commands = re.findall(r"^  bobbin (\S+)", help_text, flags=re.M)
    assert len(commands) >= 7 and "check" in commands
    for command in commands:
        if command.startswith("--"):  # stands by itself where it is explained
            assert re.search(rf"^ +{command}\b", page, flags=re.M), command
        else:  # in the synopsis, and where it is explained
            assert len(re.findall(rf"^ +bobbin {command}\b", page, flags=re.M)) == 2, command
    signals = re.search(r"^Signals: (.*)", help_text, flags=re.M).group(1)
    for signal in re.findall(r"\b[A-Z]{3,}\b", signals):
        assert signal in page
    for status in re.findall(r"\b\d\b", help_text.split("Exit status:")[1]):
        assert re.search(rf"^ +{status} ", page, flags=re.M), status


def test_the_manual_page_has_the_version_of_the_program():
    version = subprocess.run([BINARY, "--version"], capture_output=True, text=True).stdout.strip()
    assert f'"{version}"' in open(PAGE).read()
