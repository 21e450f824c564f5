import { assertEquals, assertStringIncludes } from "@std/assert";
import { parseInvocation } from "../../lib/commands/args.ts";
import { nearest } from "../../lib/words/nearest.ts";
import { refusal } from "../support/facts.ts";

/** An invocation as plain data. */
function parse(...words: string[]) {
  const { command, operands, values, flags } = parseInvocation(words);
  return {
    command: command?.name,
    operands,
    values: Object.fromEntries(values),
    flags: [...flags].sort(),
  };
}

function refused(...words: string[]) {
  return refusal("usage", () => parseInvocation(words));
}

Deno.test("parseInvocation() takes a command line apart", () => {
  assertEquals(
    parse("disk", "add", "vm1", "/x", "--name", "data", "--dry-run", "-v"),
    {
      command: "disk add",
      operands: ["vm1", "/x"],
      values: { name: "data" },
      flags: ["dry-run", "verbose"],
    },
  );
});

Deno.test("parseInvocation() takes options anywhere and with '='", () => {
  const expected = {
    command: "nic remove",
    operands: ["vm1", "0"],
    values: { timeout: "2", qmp: "/a=b" },
    flags: ["json"],
  };
  for (
    const words of [
      ["--json", "nic", "--timeout=2", "remove", "vm1", "--qmp", "/a=b", "0"],
      ["nic", "remove", "vm1", "0", "--json", "--timeout", "2", "--qmp=/a=b"],
    ]
  ) {
    assertEquals(parse(...words), expected);
  }
});

Deno.test("parseInvocation() takes words as words", () => {
  for (const word of ["-1", "00000012", "0", "1e3", "0x1", "true", "-12"]) {
    assertEquals(parse("disk", "remove", "vm1", word).operands, ["vm1", word]);
  }
  assertEquals(
    parse("disk", "add", "vm1", "/x", "--name", "007").values,
    { name: "007" },
  );
  assertEquals(
    parse("disk", "add", "vm1", "/x", "--name", "-1").values,
    { name: "-1" },
  );
});

Deno.test("parseInvocation() ends options at --", () => {
  const { operands, flags } = parse("disk", "remove", "vm1", "--", "--force");
  assertEquals([operands, flags], [["vm1", "--force"], []]);
  assertEquals(parse("disk", "remove", "vm1", "--", "-1").operands, [
    "vm1",
    "-1",
  ]);
});

Deno.test("parseInvocation() knows vhost both ways", () => {
  assertEquals(parse("nic", "add", "vm1", "--vhost").flags, ["vhost"]);
  assertEquals(parse("nic", "add", "vm1", "--no-vhost").flags, ["no-vhost"]);
  assertEquals(parse("nic", "add", "vm1").flags, []);
});

Deno.test("parseInvocation() knows the short options, also together", () => {
  assertEquals(parse("list", "-vq").flags, ["quiet", "verbose"]);
  assertEquals(parse("-h").flags, ["help"]);
});

Deno.test("parseInvocation() without a command has none", () => {
  assertEquals(parse("--version").command, undefined);
  assertEquals(parse().command, undefined);
});

Deno.test("parseInvocation() names the option that was probably meant", () => {
  const cases: [string, string | undefined][] = [
    // What the command does not have is not offered.
    ["--dryrun", "kvm-hotplug list --help shows the usage"],
    ["--foo", "kvm-hotplug list --help shows the usage"],
    ["--jsn", "did you mean --json?"],
    ["--unplug-timout=3", "did you mean --unplug-timeout?"],
    ["--xyzzy", "kvm-hotplug list --help shows the usage"],
    ["--__proto__=1", "kvm-hotplug list --help shows the usage"],
    ["--toString", "kvm-hotplug list --help shows the usage"],
    ["-x", "kvm-hotplug list --help shows the usage"],
  ];
  for (const [word, hint] of cases) {
    const error = refused("list", word);
    assertStringIncludes(error.message, word);
    assertEquals(error.hint, hint, word);
  }
});

Deno.test("parseInvocation() names the command that was probably meant", () => {
  assertStringIncludes(
    refused("disk", "ad", "vm1").hint ?? "",
    '"disk add"',
  );
  assertStringIncludes(refused("lst").hint ?? "", '"list"');
  refused("disk");
  refused("constructor");
  refused("");
});

Deno.test("parseInvocation() leads on from words of other tools", () => {
  const cases: [string, string][] = [
    ["ls", 'did you mean "list"?'],
    ["show vm1", 'did you mean "list" or "state show"?'],
    ["info vm1", 'did you mean "list" or "check"?'],
    [
      "rm vm1 0",
      'did you mean "disk remove" or "nic remove" or "vcpu remove" or "memory remove"?',
    ],
    ["disk rm vm1 0", 'did you mean "disk remove"?'],
    ["nic detach vm1 0", 'did you mean "nic remove"?'],
    [
      "attach vm1 /x",
      'did you mean "disk add" or "nic add" or "vcpu add" or "memory add"?',
    ],
    ["setvcpus vm1 2", 'did you mean "vcpu set"?'],
    ["nic attach vm1", 'did you mean "nic add"?'],
    ["disk ls vm1", 'did you mean "list"?'],
    ["disk list vm1", 'did you mean "list"?'],
    ["disks vm1", 'did you mean "list"?'],
    ["domblklist vm1", 'did you mean "list"?'],
    ["status vm1", 'did you mean "list" or "check"?'],
    ["attach-disk vm1 /x", 'did you mean "disk add"?'],
    ["detach-interface vm1", 'did you mean "nic remove"?'],
    ["version", 'did you mean "--version"?'],
    ["--dryrun disk add vm1 /x", "did you mean --dry-run?"],
    ["--dryrun", "did you mean --dry-run?"],
    ["nic add vm1 --bridge br0", "did you mean --link?"],
    ["nic add vm1 --model=e1000", "did you mean --driver?"],
    ["disk frobnicate", "kvm-hotplug disk --help shows the usage"],
    ["--json frobnicate", "kvm-hotplug --help shows the usage"],
    [
      "--run-dir /x nic add vm1 --frob",
      "kvm-hotplug nic add --help shows the usage",
    ],
    ["disk add vm1 /x --queues", "kvm-hotplug disk add --help shows the usage"],
    ["disk add vm1 /x --json=1", "kvm-hotplug disk add --help shows the usage"],
    [
      "disk resize vm1 0 --slot 3",
      "kvm-hotplug disk resize --help shows the usage",
    ],
  ];
  for (const [line, hint] of cases) {
    assertEquals(refused(...line.split(" ")).hint, hint, line);
  }
  assertEquals(parse("-V"), parse("--version"));
});

Deno.test("parseInvocation() misses values and operands", () => {
  for (const words of [["--name"], ["--name="], ["--name", "--json"]]) {
    const error = refused("disk", "add", "vm1", "/x", ...words);
    assertStringIncludes(error.message, "--name needs a value");
  }
  assertStringIncludes(refused("disk", "add").message, "INSTANCE");
  assertStringIncludes(refused("disk", "add", "vm1").message, "SOURCE");
});

Deno.test("parseInvocation() refuses a word too many", () => {
  const error = refused("list", "a", "b");
  assertStringIncludes(error.message, '"b"');
  assertStringIncludes(error.hint ?? "", "list [INSTANCE]");
});

Deno.test("parseInvocation() refuses an option of another command", () => {
  refused("list", "--force");
  refused("disk", "remove", "vm1", "0", "--mac", "aa:00:00:00:00:01");
  refused("nic", "remove", "vm1", "0", "--queues", "1");
});

Deno.test("parseInvocation() refuses a value for a flag", () => {
  const words = [
    "--json=banana",
    "--json=false",
    "--dry-run=false",
    "--force=no",
    "--force=false",
    "-v=1",
    "-v1",
    "-v-q",
  ];
  for (const word of words) refused("disk", "remove", "vm1", "0", word);
  for (const word of ["--no-vhost=1", "--no-vhost=false", "--vhost=false"]) {
    refused("nic", "add", "vm1", word);
  }
});

Deno.test("parseInvocation() takes no operand for a flag's value", () => {
  for (const name of ["true", "false"]) {
    const { operands, flags } = parse("disk", "remove", "vm1", "--force", name);
    assertEquals([operands, flags], [["vm1", name], ["force"]]);
  }
});

Deno.test("parseInvocation() refuses the parser's own names", () => {
  refused("list", "--_", "x");
  refused("list", "--_=x");
  refused("list", "--run-dir.x=1");
});

Deno.test("parseInvocation() lets help and --help go without operands", () => {
  assertEquals(parse("help", "disk", "add").operands, ["disk", "add"]);
  assertEquals(parse("disk", "add", "--help").flags, ["help"]);
});

Deno.test("nearest() finds what is near and nothing else", () => {
  const known = ["json", "dry-run", "timeout"];
  assertEquals(nearest("jsn", known), "json");
  assertEquals(nearest("timeuot", known), "timeout");
  assertEquals(nearest("banana", known), undefined);
  assertEquals(nearest("x".repeat(1_000_000), known), undefined);
});
