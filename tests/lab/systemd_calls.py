#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether a unit's sandbox lets a program make the system calls that it makes.

Usage: systemd_calls.py UNIT TRACE...     the traces are of `strace -f -o TRACE`
"""
import pathlib
import re
import subprocess
import sys

CALL = re.compile(r"^\d+\s+(\w+)\(", re.M)
FAMILY = re.compile(r"^\d+\s+socket\((AF_\w+)", re.M)
WRITABLE_CODE = re.compile(r"^.*PROT_WRITE\|PROT_EXEC.*$", re.M)


def members(name):
    """The calls of a name or of a set with all that it includes."""
    if not name.startswith("@"):
        return {name}
    text = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", name], check=True, capture_output=True,
                          text=True).stdout
    entries = [line.strip() for line in text.splitlines()[1:] if line.strip() and not line.strip().startswith("#")]
    return set().union(*map(members, entries)) if entries else set()


def allowed_by(unit):
    """As systemd.exec(5) has it: the first line makes it a list of what is allowed; `~` takes away, and the rest adds."""
    calls = members("@default")
    for line in re.findall(r"^SystemCallFilter=(.*)$", unit, re.M):
        names = set().union(*map(members, line.lstrip("~").split()))
        calls = calls - names if line.startswith("~") else calls | names
    return calls


def main():
    unit, traces = pathlib.Path(sys.argv[1]), "".join(pathlib.Path(name).read_text() for name in sys.argv[2:])
    text = unit.read_text()
    made, families = set(CALL.findall(traces)), set(FAMILY.findall(traces))
    known = set(re.search(r"^RestrictAddressFamilies=(.*)$", text, re.M)[1].split())
    refused = sorted(made - allowed_by(text)) + sorted(families - known) + WRITABLE_CODE.findall(traces)
    if refused:
        sys.exit(f"{unit.name} refuses: {', '.join(refused)}")
    print(f"{unit.name} allows the {len(made)} system calls that were made, and {', '.join(sorted(families))}")


main()
