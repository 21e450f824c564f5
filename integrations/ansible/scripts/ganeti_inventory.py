#!/usr/bin/env python3
# Copyright: (c) kvm-hotplug contributors
# MIT License (see LICENSE of kvm-hotplug)
"""An inventory of the instances of a Ganeti cluster.

    ansible-inventory -i ganeti_inventory.py --list

Each instance is a host of the group `instances`; its variable `ganeti_node` is
the node where it runs: tasks are delegated to it. The nodes are the hosts of
the group `nodes`. Instances without a running VM are left out.

GANETI_MASTER in the environment names the master to ask over ssh; without it,
gnt-instance is called here.
"""

import json
import os
import subprocess
import sys

FIELDS = ["name", "pnode", "status", "hypervisor"]
LIST = ["gnt-instance", "list", "--no-headers", "--separator=|", "-o",
        ",".join(FIELDS)]


def ask():
    """What gnt-instance prints."""
    master = os.environ.get("GANETI_MASTER")
    # ssh joins its words for a shell.
    line = " ".join(word.replace("|", "'|'") for word in LIST)
    command = ["ssh", master, line] if master else LIST
    return subprocess.run(
        command, check=True, stdout=subprocess.PIPE,
        universal_newlines=True).stdout


def inventory(text):
    """The inventory, from the lines of gnt-instance."""
    hostvars = {}
    for line in text.splitlines():
        name, node, status, hypervisor = line.split("|")
        if hypervisor == "kvm" and status == "running":
            hostvars[name] = {"ganeti_node": node}
    nodes = sorted(set(one["ganeti_node"] for one in hostvars.values()))
    return {
        "_meta": {"hostvars": hostvars},
        "all": {"children": ["instances", "nodes"]},
        "instances": {"hosts": sorted(hostvars)},
        "nodes": {"hosts": nodes},
    }


def main():
    """Answers --list and --host."""
    try:
        text = ask()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit("ganeti_inventory: %s" % error)
    answer = {} if "--host" in sys.argv else inventory(text)
    print(json.dumps(answer, indent=2))


if __name__ == "__main__":
    main()
