"""What an author outside of the tree does: plugins in C and C++, built by ./build.sh plugin and with
pkg-config alone, served by an installed bobbin."""
import os
import re
import shutil
import subprocess

import pytest
from installation import build_is_plain, build_sh, install, pkg_config
from server import BUILD, ROOT, Server

pytestmark = [pytest.mark.slow,
              pytest.mark.skipif(not build_is_plain(), reason="this is not the plain build")]

IN_C = """
#include "bobbin.h"

struct config { uint64_t times; };

static const struct bobbin_option options[] = {
    BOBBIN_COUNT(struct config, times, "times", "2", 1, 9, "how often"),
    BOBBIN_OPTIONS_END,
};

static void handle(void *state, bobbin_request *request)
{
    const struct config *config = state;
    for (uint64_t i = 0; i < config->times; i++)
        bobbin_print(request, "C ");
    bobbin_end(request);
}

BOBBIN_PLUGIN(.name = "in-c", .about = "written in C", .version = "1.2", .options = options,
              .config_size = sizeof(struct config), .handle = handle);
"""

IN_CXX_17 = """
#include <string>

#include "bobbin.h"

struct config { uint64_t times; };

static const bobbin_option options[] = {
    BOBBIN_COUNT(config, times, "times", "2", 1, 9, "how often"),
    BOBBIN_OPTIONS_END,
};

static void handle(void *, bobbin_request *request)
{
    bobbin_job_spec spec = bobbin_job_fields();
    spec.payload_is_body = true;
    bobbin_spool_and_accept(request, &spec);
}

static enum bobbin_job_result run(void *state, bobbin_job *job)
{
    std::string text;
    bobbin_str payload = bobbin_job_payload(job);
    for (uint64_t i = 0; i < static_cast<const config *>(state)->times; i++)
        text.append(payload.data, payload.length);
    bobbin_job_result(job, text.data(), text.size(), "text/plain");
    return BOBBIN_JOB_DONE;
}

BOBBIN_PLUGIN_FIELDS(plugin)
{
    plugin.name = "in-cxx-17";
    plugin.about = "written in C++17";
    plugin.options = options;
    plugin.config_size = sizeof(config);
    plugin.handle = handle;
    plugin.run = run;
}
"""

IN_CXX_20 = """
#include <stdexcept>
#include <string>

#include "bobbin.h"

extern "C" int helper(void); // in helper.c

static void handle(void *, bobbin_request *request)
{
    try {
        if (bobbin_query(request, "throw").data != nullptr)
            throw std::runtime_error("thrown and caught");
        bobbin_print(request, "%s", std::string(static_cast<size_t>(helper()), '+').c_str());
        bobbin_end(request);
    } catch (const std::exception &error) {
        bobbin_refuse(request, 500, "%s", error.what());
    }
}

BOBBIN_PLUGIN(.name = "in-cxx-20", .about = "written in C++20", .handle = handle);
"""

HELPER = "int helper(void);\nint helper(void)\n{\n    return 2;\n}\n"

SOURCES = {"in-c": {"main.c": IN_C},
           "in-cxx-17": {"main.cpp": IN_CXX_17},
           "in-cxx-20": {"main.cc": IN_CXX_20, "helper.c": HELPER}}


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("author")
    install("prefix", folder)
    (folder / "build").mkdir()
    shutil.copy(f"{BUILD}/bobbin", folder / "build")  # what a plugin is checked with
    return folder


def write_sources(folder):
    for name, files in SOURCES.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for file, text in files.items():
            (folder / name / file).write_text(text)


def plugin(home, folder, **more):
    return build_sh("plugin", folder, folder=home, build=home / "build", **more)


def by_build_sh(home):
    """In a folder with a space, by a path that is relative to the author's."""
    write_sources(home / "my sources")
    for name in SOURCES:
        done = plugin(home, f"my sources/{name}")
        assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
        assert f"built {home}/build/plugins/{name}.so" in done.stderr
    return home / "build" / "plugins"


def compiled(home, compiler, *files):
    """As the guide says, by an author who has only the prefix."""
    flags = pkg_config(home / "prefix", "--cflags").split()
    done = subprocess.run([*compiler, "-fPIC", "-Wall", "-Wextra", "-Werror", *flags, *files],
                          capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def by_pkg_config(home):
    write_sources(home / "own")
    here, out = home / "own", home / "made"
    out.mkdir()
    compiled(home, ["cc", "-shared"], here / "in-c/main.c", "-o", out / "in-c.so")
    compiled(home, ["c++", "-std=c++17", "-shared"], here / "in-cxx-17/main.cpp",
             "-o", out / "in-cxx-17.so")
    compiled(home, ["cc", "-c"], here / "in-cxx-20/helper.c", "-o", here / "helper.o")
    compiled(home, ["c++", "-std=c++20", "-shared"], here / "in-cxx-20/main.cc", here / "helper.o",
             "-o", out / "in-cxx-20.so")
    return out


@pytest.mark.parametrize("build", [by_build_sh, by_pkg_config])
def test_plugins_in_c_and_cxx_are_served_by_an_installed_bobbin(home, tmp_path, build):
    made = build(home)
    for name in SOURCES:
        shutil.copy(made / f"{name}.so", home / "prefix/lib/bobbin/plugins")
    with Server({"/c": "in-c", "/17": "in-cxx-17", "/20": "in-cxx-20", "/jobs": "jobs"},
                sections="[in-c]\ntimes = 3", spool="processes = 1", folder=str(tmp_path),
                binary=str(home / "prefix/bin/bobbin")) as server:
        assert server.request("/c")[2] == b"C C C "
        location = server.request("/17", data=b"ab")[1]["location"]
        assert server.request(server.job(location)["result"])[2] == b"abab"
        assert server.request("/20")[2] == b"++"
        assert server.json("/20?throw=1") == (500, {"error": "thrown and caught"})


def test_a_plugin_is_described(home):
    by_build_sh(home)
    done = subprocess.run([home / "prefix/bin/bobbin", "--plugin", "in-c.so"],
                          cwd=home / "build/plugins", capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        "in-c 1.2: written in C", "",
        "file          in-c.so",
        "contract      1",
        "capabilities  app (answers requests)", "",
        "[in-c]",
        "  times                    how often",
        "                           a number from 1 to 9; default: 2"]


# ---------------------------------------------------------------- what can be wrong


def refused(home, name, files=None, sentence="", **more):
    if files is not None:
        (home / name).mkdir()
        for file, text in files.items():
            (home / name / file).write_text(text)
    done = plugin(home, name, **more)
    assert done.returncode == 1 and sentence in done.stderr, done.stderr
    assert not (home / "build/plugins" / f"{name}.so").exists()
    return done.stderr


def test_a_folder_must_be_one_of_a_plugin(home):
    (home / "a-file").write_text("")
    refused(home, "nowhere", sentence=f"build.sh: there is no folder {home}/nowhere\n")
    refused(home, "a-file", sentence=f"build.sh: there is no folder {home}/a-file\n")
    refused(home, "empty", {}, f"there are no .c, .cc or .cpp files in {home}/empty\n")
    refused(home, "Bad_Name", {"x.c": IN_C}, '"Bad_Name" is not 1 to 32 of a-z, 0-9 and -')
    refused(home, "x" * 33, {"x.c": IN_C}, "is not 1 to 32 of a-z")


def test_a_name_of_bobbins_own_is_refused(home):
    """It would take the place of the plugin that the server is made of."""
    refused(home, "http", {"x.c": IN_C}, 'bobbin has a plugin "http" of its own')


def test_what_the_compiler_says_is_shown(home):
    said = refused(home, "broken-c", {"x.c": "int x = ;\n"}, "broken-c was not built")
    assert re.search(r"x\.c:1:\d+: error: ", said)
    said = refused(home, "broken-cxx", {"x.cc": "int x = ;\n"}, "broken-cxx was not built")
    assert re.search(r"x\.cc:1:\d+: error: ", said)


def test_what_the_loader_says_is_shown(home):
    said = refused(home, "renamed", {"x.c": IN_C}, "renamed was not built")
    assert 'bobbin: renamed.so: calls itself "in-c": then its file must be in-c.so\n' in said
    said = refused(home, "from-later", {"x.c": IN_C.replace("bobbin_end", "bobbin_later").replace(
        "struct config {", "void bobbin_later(bobbin_request *request);\nstruct config {")})
    assert "from-later.so: needs bobbin_later, which this bobbin does not have\n" in said
    refused(home, "no-plugin", {"x.c": HELPER}, "is no plugin: it exports no")


def test_what_is_needed_and_missing_is_named(home):
    said = refused(home, "needy", {"x.c": IN_C, "needs": "no-such-library-here no-such-package\n"})
    assert "needy is not built: no-such-library-here (Debian: no-such-package) is missing" in said


def test_what_is_needed_is_linked(home):
    (home / "packer").mkdir()
    (home / "packer/packer.c").write_text(
        "#include <zlib.h>\n" + IN_C.replace('"in-c"', '"packer"').replace(
            '"C "', '"%s ", zlibVersion()'))
    (home / "packer/needs").write_text("zlib zlib1g-dev\n")
    done = plugin(home, "packer")
    assert done.returncode == 0, done.stderr


def test_a_failed_build_leaves_the_last_good_one(home):
    folder = home / "in-work"
    folder.mkdir()
    (folder / "x.c").write_text(IN_C.replace('"in-c"', '"in-work"'))
    assert plugin(home, "in-work").returncode == 0
    before = (home / "build/plugins/in-work.so").read_bytes()
    (folder / "x.c").write_text("nonsense")
    assert plugin(home, "in-work").returncode == 1
    assert (home / "build/plugins/in-work.so").read_bytes() == before


def test_cxx_without_its_compiler_is_a_sentence(home):
    """Only the tree's own are skipped; an author's plugin is what was asked for."""
    folder = home / "no-compiler"
    folder.mkdir()
    (folder / "x.cc").write_text(IN_CXX_20)
    done = plugin(home, "no-compiler", CXX="/nowhere/c++")
    assert done.returncode == 1 and "no-compiler was not built" in done.stderr
