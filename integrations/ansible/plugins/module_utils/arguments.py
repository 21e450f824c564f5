# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
# Made by `deno task ansible`: do not edit.
"""What all modules have in common."""

from __future__ import absolute_import, division, print_function

__metaclass__ = type

# The `schema` of the documents that are understood.
SCHEMA = 1

COMMON = {
    "run_dir": {"type": "str"},
    "qmp": {"type": "str"},
    "state_file": {"type": "str"},
    "timeout": {"type": "float"},
    "unplug_timeout": {"type": "float"},
    "lock_timeout": {"type": "float"},
    "log": {"type": "str"},
    "executable": {"type": "path"},
}

# The long options of every command.
OPTIONS = [
    "run-dir", "qmp", "state", "timeout", "unplug-timeout", "lock-timeout",
    "log",
]

# Options of the modules that have another name than the long ones.
RENAMED = {"state": "state_file"}
