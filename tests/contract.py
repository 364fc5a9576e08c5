#!/usr/bin/python3
"""The contract as authors see it: every function of plugins/bobbin.h has a comment, and is called by
something that a test loads or links: a plugin, a test's plugin, a unit, a snippet of the guide.

usage: contract.py               checks; one sentence for each breach, exit 1
       contract.py --self-test   shows that it can fail
"""
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
CALLERS = ("plugins", "tests/plugins", "tests/unit")


def functions(header):
    """{name: whether a comment stands right before or behind its declaration}. A comment over a block of
    declarations without an empty line between them is about all of them."""
    found, has_comment = {}, False
    header = re.sub(r"^inline .*?^}", "", header, flags=re.S | re.M)  # what only C++ needs
    for block in re.split(r"\n\s*\n", header):
        if re.match(r"\s*typedef|\s*(enum|struct) \w+ \{|\s*#", block):
            continue
        has_comment = "/*" in block
        text = re.sub(r"/\*.*?\*/", "", block, flags=re.S)
        for declaration in text.split(";"):
            match = re.match(r"\s*[a-z][\w\s*]*?\b(bobbin_\w+)\(", declaration)
            if match:
                found[match.group(1)] = has_comment
    return found


def calls(texts):
    return {name for text in texts for name in re.findall(r"\b(bobbin_\w+)\(", text)}


def breaches(header, texts):
    called = calls(texts)
    for name, has_comment in functions(header).items():
        if not has_comment:
            yield f"{name} has no comment in plugins/bobbin.h"
        if name not in called:
            yield f"{name} is called by no plugin and no test"


def sources():
    for folder in CALLERS:
        for where, _, names in os.walk(os.path.join(ROOT, folder)):
            for name in names:
                if name.endswith((".c", ".cc", ".cpp")) or name == "README.md":
                    with open(os.path.join(where, name)) as file:
                        text = file.read()
                    if name == "README.md":
                        text = "".join(re.findall(r"^```c\w*\n(.*?)^```", text, flags=re.S | re.M))
                    yield re.sub(r"/\*.*?\*/|//[^\n]*", "", text, flags=re.S)


def self_test():
    header = "/* Says a. */\nvoid bobbin_a(int x);\n\nvoid bobbin_b(void);\n\nint *bobbin_c(void); /* c */\n"
    assert functions(header) == {"bobbin_a": True, "bobbin_b": False, "bobbin_c": True}
    assert list(breaches(header, ["bobbin_a(1); bobbin_c ();"])) == [
        "bobbin_b has no comment in plugins/bobbin.h", "bobbin_b is called by no plugin and no test",
        "bobbin_c is called by no plugin and no test"]
    assert not list(breaches("/* x */\nvoid bobbin_a(void);", ["bobbin_a();"]))
    print("the contract script can fail")


def main():
    if sys.argv[1:] == ["--self-test"]:
        return self_test()
    with open(os.path.join(ROOT, "plugins", "bobbin.h")) as file:
        header = file.read()
    found = functions(header)
    if len(found) < 60:
        print(f"only {len(found)} functions were found in plugins/bobbin.h")
        return 1
    sentences = list(breaches(header, sources()))
    print("\n".join(sentences) or f"all {len(found)} functions of the contract have a comment and a caller")
    return 1 if sentences else 0


sys.exit(main())
