/** What is said of words that cannot be parsed, and of those nearly so. */
import { assertEquals } from "@std/assert";
import { parseInvocation } from "../../lib/commands/args.ts";
import { refusal } from "../support/facts.ts";

const words = (line: string) => line.split(" ").filter((one) => one !== "");

/** Command line, message, hint. */
const REFUSED: readonly (readonly [string, string, string])[] = [
  [
    "state",
    "state needs another word",
    "commands: state show, state upgrade, state command",
  ],
  [
    "state x",
    'Unknown command "state x"',
    "kvm-hotplug state --help shows the usage",
  ],
  [
    "nonsense",
    'Unknown command "nonsense"',
    "kvm-hotplug --help shows the usage",
  ],
  [
    "nonsense vm1 x",
    'Unknown command "nonsense"',
    "kvm-hotplug --help shows the usage",
  ],
  ["disk ad vm1 /x", 'Unknown command "disk ad"', 'did you mean "disk add"?'],
  ["lst vm1", 'Unknown command "lst"', 'did you mean "list"?'],
  ["disk rm vm1", 'Unknown command "disk rm"', 'did you mean "disk remove"?'],
  [
    "disk remove vm1",
    "disk remove needs DISK",
    "usage: kvm-hotplug disk remove INSTANCE DISK",
  ],
  [
    "check",
    "check needs INSTANCE|SOCKET",
    "usage: kvm-hotplug check INSTANCE|SOCKET",
  ],
  [
    "disk remove vm1 0 1 2",
    'Unexpected word "1" after disk remove',
    "usage: kvm-hotplug disk remove INSTANCE DISK",
  ],
  [
    "list vm1 vm2",
    'Unexpected word "vm2" after list',
    "usage: kvm-hotplug list [INSTANCE]",
  ],
  [
    "list --cache none",
    "Option --cache does not go with list",
    "kvm-hotplug list --help shows the usage",
  ],
  [
    "list vm1 --vhost",
    "Option --vhost does not go with list",
    "kvm-hotplug list --help shows the usage",
  ],
  [
    "list vm1 --no-vhost",
    "Option --no-vhost does not go with list",
    "kvm-hotplug list --help shows the usage",
  ],
  [
    "--cache none",
    "Option --cache does not go with no command",
    "kvm-hotplug --help shows the usage",
  ],
  [
    "list --json=yes",
    "Option --json takes no value",
    "kvm-hotplug list --help shows the usage",
  ],
  [
    "nic add vm1 --no-vhost=yes",
    "Option --no-vhost takes no value",
    "kvm-hotplug nic add --help shows the usage",
  ],
  [
    "check vm1 --qmp",
    "Option --qmp needs a value",
    "kvm-hotplug check --help shows the usage",
  ],
  [
    "check vm1 --qmp=",
    "Option --qmp needs a value",
    "kvm-hotplug check --help shows the usage",
  ],
  ["list --jsn", "Unknown option --jsn", "did you mean --json?"],
  [
    "--json list --nonsense=5",
    "Unknown option --nonsense=5",
    "kvm-hotplug list --help shows the usage",
  ],
  [
    "--nonsense",
    "Unknown option --nonsense",
    "kvm-hotplug --help shows the usage",
  ],
  [
    "nic add vm1 --bridge br0",
    "Unknown option --bridge",
    "did you mean --link?",
  ],
  // Of another command: nothing near it here.
  [
    "list --controler x",
    "Unknown option --controler",
    "kvm-hotplug list --help shows the usage",
  ],
  ["--controler x", "Unknown option --controler", "did you mean --controller?"],
  ["list -x", "Unknown option -x", "kvm-hotplug list --help shows the usage"],
  ["list -vx", "Unknown option -vx", "kvm-hotplug list --help shows the usage"],
  [
    "list --no-json",
    "Unknown option --no-json",
    "kvm-hotplug list --help shows the usage",
  ],
];

for (const [line, message, hint] of REFUSED) {
  Deno.test(`parseInvocation() says of "${line}" what is wrong`, () => {
    const refused = refusal("usage", () => parseInvocation(words(line)));
    assertEquals([refused.message, refused.hint], [message, hint]);
  });
}

/** Command line, command, operands, flags. */
const TAKEN:
  readonly (readonly [string, string | undefined, string, string])[] = [
    ["", undefined, "", ""],
    ["disk --help", "help", "disk", "help"],
    ["state -h", "help", "state", "help"],
    ["disk add -h", "disk add", "", "help"],
    ["list --help vm1 vm2", "list", "vm1 vm2", "help"],
    ["help", "help", "", ""],
    ["help disk add", "help", "disk add", ""],
    ["disk remove vm1 -1", "disk remove", "vm1 -1", ""],
    ["disk remove vm1 -- -x", "disk remove", "vm1 -x", ""],
    ["list -- --json", "list", "--json", ""],
    ["list -vq", "list", "", "quiet verbose"],
    ["qmp vm1 a b=1 c=2", "qmp", "vm1 a b=1 c=2", ""],
    ["nic add vm1 --vhost", "nic add", "vm1", "vhost"],
    ["nic add vm1 --no-vhost", "nic add", "vm1", "no-vhost"],
    ["list true", "list", "true", ""],
    ["list -", "list", "-", ""],
  ];

for (const [line, name, operands, flags] of TAKEN) {
  Deno.test(`parseInvocation() takes "${line}" apart`, () => {
    const taken = parseInvocation(words(line));
    assertEquals(
      [
        taken.command?.name,
        taken.operands.join(" "),
        [...taken.flags].sort().join(" "),
      ],
      [name, operands, flags],
    );
  });
}
