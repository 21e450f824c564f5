/**
 * Examples of every command, for `help COMMAND` and the manual page: a file of
 * its own, as nothing else has use for them. A test runs them in this order.
 *
 * @module
 */

/** A whole command line, and what it is good for. */
export type Example = readonly [line: string, what: string];

/** By the command's name. */
export const EXAMPLES: Readonly<Record<string, readonly Example[]>> = {
  "disk add": [
    [
      "kvm-hotplug disk add vm1.example.com /dev/xenvg/data1 --name data",
      "into the first free slot, with the settings of the instance",
    ],
    [
      "kvm-hotplug disk add vm1.example.com /srv/d1.img --name scratch --iops 500",
      "a raw image, with a limit from the beginning",
    ],
    [
      "kvm-hotplug disk add vm1.example.com /srv/d2.img --dry-run",
      "each step and its undo; nothing is changed",
    ],
  ],
  "disk resize": [
    [
      "kvm-hotplug disk resize vm1.example.com data",
      "tell the guest that the source has grown (lvextend)",
    ],
    [
      "kvm-hotplug disk resize vm1.example.com scratch 64M --grow",
      "grow a raw image, and tell the guest",
    ],
  ],
  "disk set": [
    [
      "kvm-hotplug disk set vm1.example.com data --iops 500 --bps 50M",
      "limit a disk that disturbs the others",
    ],
    [
      "kvm-hotplug disk set vm1.example.com data --iops 0 --bps 0",
      "take the limits away",
    ],
    [
      "kvm-hotplug disk set vm1.example.com cd --medium none",
      "take the medium out of a CD-ROM drive",
    ],
  ],
  "disk remove": [
    [
      "kvm-hotplug disk remove vm1.example.com data --unplug-timeout 120",
      "by name; wait longer for a busy guest",
    ],
    [
      "kvm-hotplug disk remove vm1.example.com -1",
      "the last one",
    ],
  ],
  "nic add": [
    [
      "kvm-hotplug nic add vm1.example.com --link br0",
      "bridged, with a random MAC",
    ],
    [
      "kvm-hotplug nic add vm1.example.com --mode none --tap vm1-probe --json",
      "a tap that somebody else joins to a network",
    ],
  ],
  "nic modify": [
    [
      "kvm-hotplug nic modify vm1.example.com 0 --link br1",
      "to another bridge, without the guest noticing",
    ],
    [
      "kvm-hotplug nic modify vm1.example.com -1 --link-state down",
      "pull the cable",
    ],
    [
      "kvm-hotplug nic modify vm1.example.com 0 --mac aa:00:00:12:34:56",
      "another card in the same slot",
    ],
  ],
  "nic remove": [
    ["kvm-hotplug nic remove vm1.example.com 1", "by index"],
    [
      "kvm-hotplug nic remove vm1.example.com 932df160-7a22-4067-8b7e-1f0a5d7c9e11",
      "by uuid: status 0 also if it is gone already",
    ],
  ],
  "adopt": [
    [
      "kvm-hotplug adopt vm1.example.com --dry-run",
      "which devices would be recorded, and what proves them",
    ],
    [
      "kvm-hotplug adopt vm1 --qmp /run/vm1.qmp --state /var/lib/vm1.runtime",
      "a first runtime file for a VM that Ganeti never started",
    ],
  ],
  "list": [
    ["kvm-hotplug list", "all instances, what needs attention marked"],
    ["kvm-hotplug list vm1.example.com", "devices, as file and QEMU have them"],
    [
      "kvm-hotplug list vm1.example.com --json | jq '.devices[].status'",
      "the same for a program",
    ],
  ],
  "check": [
    ["kvm-hotplug check vm1.example.com", "status 3 if something is missing"],
    ["kvm-hotplug check /run/vm1.qmp --json", "of any QEMU, by its socket"],
  ],
  "pci": [
    ["kvm-hotplug pci vm1.example.com", "who sits where, and what is free"],
    ["kvm-hotplug pci /run/vm1.qmp --json", "of any QEMU, by its socket"],
  ],
  "repair": [
    [
      "kvm-hotplug repair vm1.example.com --dry-run",
      "what is left over or does not agree",
    ],
    [
      "kvm-hotplug repair vm1.example.com",
      "mend it; status 7 if something remains",
    ],
  ],
  "state show": [
    ["kvm-hotplug state show vm1.example.com", "the runtime file, to read"],
    [
      "kvm-hotplug state show vm1.example.com --verify",
      "do file, QEMU and links agree?",
    ],
  ],
  "state upgrade": [
    [
      "kvm-hotplug state upgrade vm1.example.com --dry-run",
      "would anything change?",
    ],
    [
      "kvm-hotplug state upgrade vm1.example.com",
      "a file of Ganeti 2.7 or newer in today's form",
    ],
  ],
  "state command": [
    [
      "kvm-hotplug state command vm1.example.com",
      "how an identical QEMU is started",
    ],
    [
      "kvm-hotplug state command vm1.example.com --incoming tcp:0:8102 --json",
      "the target of a live migration",
    ],
  ],
  "qmp": [
    [
      "kvm-hotplug qmp vm1.example.com query-block",
      "any command; pretty on a terminal",
    ],
    [
      "kvm-hotplug qmp vm1.example.com qom-get path=/machine property=type",
      "arguments as words, or as one JSON object",
    ],
    [
      "kvm-hotplug qmp /run/vm1.qmp human-monitor-command command-line='info qtree'",
      "what only the human monitor tells",
    ],
    [
      "kvm-hotplug qmp /run/vm1.qmp getfd fdname=log @fd:/tmp/log",
      "pass an open file",
    ],
  ],
  "events": [
    [
      "kvm-hotplug events vm1.example.com",
      "until Ctrl-C or the VM's end",
    ],
    [
      "kvm-hotplug events vm1.example.com --until DEVICE_DELETED --for 60 --json",
      "status 4 if it does not come within a minute",
    ],
  ],
  "shell": [
    [
      "kvm-hotplug shell vm1.example.com",
      "Tab completes, help COMMAND tells, exit leaves",
    ],
    [
      "echo 'query-status' | kvm-hotplug shell /run/vm1.qmp --json",
      "lines from a program, a document for each",
    ],
  ],
  "rpc": [
    [
      'echo \'{"jsonrpc":"2.0","id":1,"method":"list"}\' | kvm-hotplug rpc',
      "one request, one answer",
    ],
    ["ssh node1 kvm-hotplug rpc --timeout 10", "a session from a master"],
  ],
  "completion": [
    [
      'eval "$(kvm-hotplug completion bash)"',
      "in ~/.bashrc; the Debian package brings it along",
    ],
    ["source <(kvm-hotplug completion zsh)", "after compinit in ~/.zshrc"],
    ["kvm-hotplug completion fish | source", "in config.fish"],
  ],
  "help": [
    ["kvm-hotplug help disk add", "options and examples of one command"],
    ["kvm-hotplug help disk", "the commands that begin so"],
    ["kvm-hotplug help --man | man -l -", "the manual page"],
  ],
};
