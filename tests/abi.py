#!/usr/bin/python3
"""The proof that the binary contract stays: plugins/bobbin.h is compared with the frozen header of
ABI 1, and what the program exports with the functions of that header. The golden plugin beside it
is run by tests/blackbox/test_abi.py.

What may change is: a function, a type, a macro, an enum's constant more; and members at the end of
bobbin_plugin and of the structs that begin with their size. All else would break a plugin that
exists.

usage: abi.py BUILD-FOLDER        compares; one sentence for each breach, exit 1
       abi.py --self-test         shows that it can fail
       abi.py --refresh           before the release of an addition: plugins/bobbin.h becomes the
                                  frozen header (what was frozen must still be in it)
       abi.py --refresh-all       the same without a question: only while no release has the ABI
"""
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HEADER = f"{ROOT}/plugins/bobbin.h"
FROZEN = f"{ROOT}/tests/plugins/abi-1"


class Contract:
    """What a header says, as texts and as the numbers that a compiler makes of it."""

    def __init__(self, header):
        self.structs = {}  # {name: [text of a member]}
        self.constants = set()
        self.declarations = set()  # functions, handles, types of functions
        with open(header) as file:
            text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
        self.constants |= set(re.findall(r"^#define (\w+) (?:0x)?[0-9a-f]+u?\s*$", text, flags=re.M))
        self.constants |= set(re.findall(r"^#define (\w+) UINT64_MAX\s*$", text, flags=re.M))
        for statement in statements(run("cc", "-std=c11", "-E", "-P", header)):
            self._take(statement)
        self.numbers = self._compile(header)

    def _take(self, statement):
        struct = re.match(r"(?:typedef )?struct (bobbin_\w+) \{(.*)\}", statement)
        enum = re.match(r"enum bobbin_\w+ \{(.*)\}", statement)
        if struct:
            self.structs[struct.group(1)] = [member.strip() for member in
                                             struct.group(2).split(";") if member.strip()]
        elif enum:
            self.constants |= {constant.split("=")[0].strip()
                               for constant in enum.group(1).split(",") if constant.strip()}
        elif "bobbin_" in statement:
            self.declarations.add(statement)

    def functions(self):
        return {re.search(r"\b(bobbin_\w+) ?\(", declaration).group(1)
                for declaration in self.declarations if not declaration.startswith(
                    ("typedef", "struct ")) or re.match(r"struct \w+ \*?bobbin_\w+\(", declaration)}

    def _compile(self, header):
        """{what: number}: sizes, alignments, offsets, values."""
        lines = [f'#include "{header}"', "#include <stdio.h>", "int main(void) {"]

        def number(what, expression):
            lines.append(f'printf("%s %llu\\n", "{what}", (unsigned long long)({expression}));')

        for name, members in self.structs.items():
            number(f"sizeof/{name}", f"sizeof(struct {name})")
            number(f"alignof/{name}", f"_Alignof(struct {name})")
            for member in map(name_of, members):
                number(f"offset/{name}.{member}", f"offsetof(struct {name}, {member})")
                number(f"size/{name}.{member}", f"sizeof(((struct {name} *)0)->{member})")
        for constant in sorted(self.constants):
            number(constant, constant)
        with tempfile.TemporaryDirectory() as folder:
            subprocess.run(["cc", "-std=c11", "-x", "c", "-", "-o", f"{folder}/numbers"],
                           input="\n".join(lines) + "return 0; }\n", text=True, check=True)
            return dict(line.split() for line in run(f"{folder}/numbers").splitlines())


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT).stdout


def statements(text):
    """What stands between semicolons outside of braces, its white space normalised."""
    depth, begin = 0, 0
    for at, letter in enumerate(text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        if letter == ";" and depth == 0:
            yield " ".join(text[begin:at].split())
            begin = at + 1


def name_of(member):
    pointer = re.search(r"\(\*(\w+)\)\s*\(", member)
    return pointer.group(1) if pointer else re.search(r"(\w+)\s*(?:\[[^]]*\])?$", member).group(1)


def may_grow(name, members):
    return name == "bobbin_plugin" or members[0] == "size_t size"


def breaches_of(frozen, today):
    """Sentences about what of the frozen contract is not in today's."""
    found = [f"is gone or has changed: {declaration}"
             for declaration in sorted(frozen.declarations - today.declarations)]
    for name, members in frozen.structs.items():
        now = today.structs.get(name, [])
        if now[:len(members)] != members:
            found.append(f"struct {name} does not begin with the members that it had")
        elif len(now) > len(members) and not may_grow(name, members):
            found.append(f"struct {name} is frozen and has a new member")
    for what, number in frozen.numbers.items():
        now = today.numbers.get(what)
        grew = what.startswith("sizeof/") and now is not None and int(now) > int(number) and \
            may_grow(what[7:], frozen.structs[what[7:]])
        if now != number and not grew:
            found.append(f"{what} was {number} and is {now}")
    return found


def symbols():
    with open(f"{FROZEN}/symbols") as file:
        return set(file.read().split())


def exported(build):
    return {line.split()[-1] for line in
            run("nm", "-D", "--defined-only", os.path.join(build, "bobbin")).splitlines()}


def golden_breaches(build):
    """The golden plugin is worth nothing when it was made with today's header."""
    recorded = run("ninja", "-f", os.path.join(build, "build.ninja"), "-t", "deps")
    made = [block for block in recorded.split("\n\n")
            if "tests/plugins/abi-1/" in block.split("\n")[0]]
    return [f"{block.split(':')[0]} was not made with the frozen header" for block in made
            if "tests/plugins/abi-1/bobbin.h" not in block or "plugins/bobbin.h\n" in
            block.replace("tests/plugins/abi-1/bobbin.h", "")] or \
        ([] if made else ["the golden plugin was not built"])


def check(build):
    frozen = Contract(f"{FROZEN}/bobbin.h")
    listed = symbols()
    return breaches_of(frozen, Contract(HEADER)) + golden_breaches(build) + \
        [f"{name} is a function of ABI 1 and is not exported"
         for name in sorted(listed - exported(build))] + \
        [f"{name}: header and symbols of ABI 1 do not agree (tests/abi.py --refresh)"
         for name in sorted(listed ^ frozen.functions())]


def refresh(is_asked):
    today = Contract(HEADER)
    breaches = breaches_of(Contract(f"{FROZEN}/bobbin.h"), today) if is_asked else []
    if not breaches:
        shutil.copy(HEADER, f"{FROZEN}/bobbin.h")
        with open(f"{FROZEN}/symbols", "w") as file:
            file.writelines(f"{name}\n" for name in sorted(today.functions()))
    return breaches


# ---------------------------------------------------------------- can it fail?

HARMLESS = [
    ("int percent;", "int  percent; /* words */"),
    ("    BOBBIN_STATE_DUPLICATE ", "    BOBBIN_STATE_DUPLICATE, BOBBIN_STATE_NEW "),
    ("    bobbin_str result_type;\n", "    bobbin_str result_type;\n    int more;\n"),
    ("    const void *transport BOBBIN_ZERO; ",
     "    const void *transport BOBBIN_ZERO; void (*more)(void); "),
    ("void bobbin_pause(", "void bobbin_new(void);\nvoid bobbin_pause("),
]
HARMFUL = [
    ("    unsigned attempt; ", "    uint64_t attempt; "),
    ("    unsigned attempt; ", "    int attempt; "),
    ("    size_t length;\n} bobbin_str;", "    size_t length;\n    int more;\n} bobbin_str;"),
    ("    uint64_t reserved[3];", "    uint64_t reserved[4];"),
    ("    BOBBIN_STATE_RUNNING,\n", ""),
    ("BOBBIN_WITH_RESULT 1u", "BOBBIN_WITH_RESULT 2u"),
    ("void bobbin_resume(bobbin_request *request);", ""),
    ("bobbin_status(bobbin_request *request, int", "bobbin_status(bobbin_request *request, long"),
    ("    void (*drain)(void *state)", "    void (*drain)(void *state, int how)"),
    ("    const char *about BOBBIN_ZERO; ",
     "    const char *more BOBBIN_ZERO; const char *about BOBBIN_ZERO; "),
]


def self_test():
    with open(f"{FROZEN}/bobbin.h") as file:
        text = file.read()
    frozen = Contract(f"{FROZEN}/bobbin.h")
    with tempfile.TemporaryDirectory() as folder:
        for is_harmful, changes in ((False, HARMLESS), (True, HARMFUL)):
            for old, new in changes:
                assert text.count(old) == 1, old
                with open(f"{folder}/bobbin.h", "w") as file:
                    file.write(text.replace(old, new))
                found = breaches_of(frozen, Contract(f"{folder}/bobbin.h"))
                assert bool(found) == is_harmful, (old, new, found)
    print("the ABI script can fail")


def main():
    breaches = []
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    if sys.argv[1:] in (["--refresh"], ["--refresh-all"]):
        breaches = refresh(sys.argv[1] == "--refresh")
    else:
        breaches = check(os.path.abspath(sys.argv[1]))
    print("\n".join(breaches) or "ABI 1 stays")
    return 1 if breaches else 0


sys.exit(main())
