"""Whatever is read, the process that reads it stays below 300 MB, Django and all."""

import os
import subprocess
import sys

LIMIT = 300_000_000
# Each in a process of its own, for the most that a process ever had is not reset.
READ = r"""
import os, re, sys
import django
django.setup()
import config.urls
from bundles import reading

def read(path, pointer):
    try:
        told = reading.read(path).place(pointer)
    except reading.UnreadableError as error:
        told = str(error)
    # What getrusage says begins with the most that the parent had.
    most = re.search(r"VmHWM:\s*(\d+) kB", open("/proc/self/status").read())[1]
    print(most, told, flush=True)

for one in zip(sys.argv[1::2], sys.argv[2::2]):
    if not os.fork():
        read(*one)
        os._exit(0)
    os.wait()
"""
DEEP = 60
LONG = "a" * 1_000_000


def measure(*asked):
    """Of each path and pointer, the most memory that reading took, and what was told."""
    done = subprocess.run(
        [sys.executable, "-c", READ, *(str(part) for one in asked for part in one)],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"DJANGO_SETTINGS_MODULE": "config.settings"},
    )
    lines = (line.split(" ", 1) for line in done.stdout.splitlines())
    return [(int(most) * 1024, told) for most, told in lines]


def nest(number):
    """So many objects of one key each, no key twice."""
    return [
        "".join(f'{{"k{one * DEEP + level:06}": ' for level in range(DEEP)) + "1" + "}" * DEEP
        for one in range(number // DEEP)
    ]


def list_all(texts):
    """A list, each item on a line of its own."""
    return "[" + ",\n".join(texts) + "]"


def multiply():
    """Aliases to aliases to aliases."""
    lines = [f"- &a0 [{', '.join(['{k: v}'] * 50)}]"]
    lines += [f"- &a{n} [{', '.join([f'*a{n - 1}'] * 50)}]" for n in range(1, 40)]
    return "\n".join(lines)


CASES = {
    "nested.json": (lambda: list_all(nest(500_000)), "nested.json:2"),
    "wide.json": (lambda: list_all([f'"😀{LONG}"'] * 20), "wide.json:2"),
    "long.yaml": (lambda: list_all([f'"{LONG}"'] * 60), "long.yaml:2"),
    "deeper.json": (lambda: list_all(nest(800_000)), "this is too large to be read"),
    "wider.json": (lambda: list_all([f'"😀{LONG}"'] * 45), "this is too large to be read"),
    "commas.json": (lambda: "[" + "," * 60_000_000 + "]", "Not valid JSON"),
    "bomb.yaml": (multiply, "bomb.yaml:4: this is too large to be read"),
}


def test_whatever_is_read_or_refused_takes_little(tmp_path):
    for name, (text, _) in CASES.items():
        (tmp_path / name).write_text(text())

    found = measure(*((tmp_path / name, "/1") for name in CASES))
    for (name, (_, said)), (most, told) in zip(CASES.items(), found, strict=True):
        assert said in told, name
        assert most < LIMIT, name
