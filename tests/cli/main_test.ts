import { assertEquals, assertMatch } from "@std/assert";
import type { Terminal } from "../../lib/commands/answer.ts";
import { main } from "../../lib/cli/main.ts";
import { HotplugError, remark } from "../../lib/errors.ts";
import { setScreen } from "../../lib/words/text.ts";
import {
  disk,
  present,
  runtimeText,
  sample,
  sampleNames,
} from "../support/facts.ts";
import { unless } from "../support/left_out.ts";

/** What a command line comes to, without any VM. */
async function run(words: string, given: Partial<Terminal> = {}) {
  let out = "";
  let err = "";
  try {
    const status = await main({
      args: words.split(" ").filter((word) => word !== ""),
      env: () => undefined,
      signal: new AbortController().signal,
      stdoutIsTerminal: false,
      stderrIsTerminal: false,
      readInput: () => "",
      out: (text) => out += text,
      err: (text) => err += text,
      ...given,
    });
    return { status, out, err };
  } finally {
    setScreen(undefined);
  }
}

/** A node with the instance vm1, which does not run. */
class Node implements Disposable {
  readonly runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-main-" });
  readonly file = `${this.runDir}/kvm-hypervisor/conf/vm1.runtime`;

  constructor(text: string) {
    Deno.mkdirSync(`${this.runDir}/kvm-hypervisor/conf`, { recursive: true });
    Deno.writeTextFileSync(this.file, text);
  }

  async run(words: string, given?: Partial<Terminal>) {
    return await run(`${words} --run-dir ${this.runDir}`, given);
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.runDir, { recursive: true });
  }
}

/** Whoever changes an instance must be root. */
const NOT_ROOT = Deno.uid() === 0 ? undefined : "not root";

/** A file that the next change brings to today's form. */
const OLD = sample(present(sampleNames().find((one) => /^02-2/.test(one))));

const NOWHERE = "/nonexistent/ganeti";

/** Fails as soon as a command reads the environment. */
function failing(error: Error): Partial<Terminal> {
  return {
    columns: 200,
    env: (name) => {
      if (name === "COLUMNS") return undefined;
      throw error;
    },
  };
}

function broken(): never {
  throw new Error("Broken pipe");
}

Deno.test("main() answers a question on stdout, as text or one document", async () => {
  const text = await run("--version");
  assertMatch(text.out, /^kvm-hotplug \d+\.\d+\.\d+\S*\n$/);
  assertEquals([text.status, text.err], [0, ""]);
  const { status, out, err } = await run("--version --json");
  const { ok, version, schema } = JSON.parse(out);
  assertEquals([status, err, ok, schema], [0, "", true, 1]);
  assertEquals(text.out, `kvm-hotplug ${version}\n`);
  // Neither of them needs its operands.
  assertEquals((await run("disk add --version")).status, 2);
  const help = await run("disk add --help");
  assertEquals([help.status, help.err], [0, ""]);
  assertMatch(help.out, /^Usage: kvm-hotplug disk add INSTANCE/);
  assertEquals((await run("list --version")).out, text.out);
  // Who asks for these looks at nothing of this node.
  const fault = failing(new TypeError("odd"));
  for (const words of ["disk remove vm1 0 --help", "list vm1 --version"]) {
    assertEquals((await run(words, fault)).status, 0, words);
  }
  // A question speaks, however quiet it is to be.
  assertEquals((await run("--version --quiet")).out, text.out);
});

Deno.test("main() says on stderr what is wrong with the words", async () => {
  const nothing = await run("");
  assertEquals([nothing.status, nothing.out], [2, ""]);
  assertEquals(
    nothing.err,
    "kvm-hotplug: No command given\nhint: kvm-hotplug --help shows all commands\n",
  );
  const unknown = await run("lst");
  assertEquals([unknown.status, unknown.out], [2, ""]);
  assertMatch(unknown.err, /^kvm-hotplug: Unknown command "lst"\nhint: .*list/);
});

Deno.test("main() answers a failure as a document, with its instance", async () => {
  const failed = async (words: string) => {
    const { status, out, err } = await run(words);
    assertEquals(err, "", words);
    const { ok, instance, error } = JSON.parse(out);
    return [status, ok, instance, error.code];
  };
  assertEquals(await failed("--json --nonsense"), [2, false, null, "usage"]);
  // The words cannot be parsed.
  const bad = await failed("disk add vm1 /x --json --nonsense");
  assertEquals(bad, [2, false, "vm1", "usage"]);
  assertEquals(await failed("help nonsense --json"), [2, false, null, "usage"]);
  const whole = `check vm1 --run-dir ${NOWHERE} --json`;
  const [status, ok, instance] = await failed(whole);
  assertEquals([status, ok, instance], [3, false, "vm1"]);
});

Deno.test("main() shows the stack of its own fault to who wants to see more", async () => {
  const fault = failing(new TypeError("odd"));
  const plain = await run("check vm1", fault);
  assertEquals(plain.status, 1);
  assertMatch(plain.err, /^kvm-hotplug: Internal fault: odd\nhint: /);
  const more = await run("check vm1 --verbose", fault);
  assertMatch(more.err, /^TypeError: odd\n {4}at /);
  assertMatch(more.err, /\nkvm-hotplug: Internal fault: odd\nhint: /);
  // A failure of other kinds is told whole without it.
  const refused = failing(new HotplugError("busy", "m"));
  const { status, err } = await run("check vm1 --verbose", refused);
  assertEquals([status, err], [3, "kvm-hotplug: m\n"]);
});

Deno.test("main() tells what was settled before a failure", async () => {
  const settled = [remark("interrupted", "a change was undone")];
  const fault = failing(new HotplugError("in-use", "m", { settled }));
  const { status, err } = await run("check vm1", fault);
  assertEquals(status, 3);
  assertEquals(err, "warning: a change was undone\nkvm-hotplug: m\n");
});

Deno.test("main() says so where its answer cannot be written", async () => {
  for (const words of ["--version", "--version --json", "help"]) {
    const { status, err } = await run(words, { out: broken });
    assertEquals(status, 5, words);
    assertMatch(err, /^kvm-hotplug: Cannot write the answer: Broken pipe\n$/);
  }
  // Why it failed is told in any case, and its status stays.
  const failed = await run("help nonsense --json", { out: broken });
  assertEquals(failed.status, 2);
  assertMatch(failed.err, /^kvm-hotplug: No command "nonsense"\n/);
});

Deno.test("main() gives a command streams, and names what fails there", async () => {
  const input = () =>
    ReadableStream.from([
      new TextEncoder().encode(
        '{"jsonrpc":"2.0","id":1,"method":"help","params":{}}\n',
      ),
    ]);
  const written: string[] = [];
  const good = await run("rpc", {
    streams: () => ({
      input: input(),
      write: (text) => {
        written.push(text);
        return Promise.resolve("written");
      },
    }),
  });
  assertEquals([good.status, good.out, good.err], [0, "", ""]);
  assertEquals(JSON.parse(written.join("")).result.ok, true);
  const bad = await run("rpc", {
    streams: () => ({
      input: input(),
      write: () => Promise.reject(new Error("Broken pipe")),
    }),
  });
  assertEquals(bad.status, 5);
  assertMatch(bad.err, /Cannot write the answer: Broken pipe\n$/);
  const none = await run("rpc");
  assertEquals(none.status, 1);
  assertMatch(none.err, /rpc was given no streams/);
});

Deno.test("main() wraps its text to the screen that it is told of", async () => {
  const widest = async (given: Partial<Terminal>) => {
    const { out } = await run("disk add --help", given);
    const option = out.split("\n").filter((line) => /^ {22}\S/.test(line));
    return Math.max(...option.map((line) => line.length));
  };
  const columns = (text: string) => ({
    env: (name: string) => name === "COLUMNS" ? text : undefined,
  });
  const usual = await widest({});
  assertEquals(usual > 60 && usual <= 80, true);
  assertEquals(await widest({ columns: 50 }) <= 50, true);
  assertEquals(await widest(columns("50")) <= 50, true);
  assertEquals(await widest(columns("9999")) > 80, true);
  for (const text of ["0", "5", "050", "99999", "x", ""]) {
    assertEquals(await widest(columns(text)), usual, text);
  }
  // A terminal knows better.
  assertEquals(await widest({ ...columns("9999"), columns: 50 }) <= 50, true);
});

Deno.test("main() hides secrets, and what could move the cursor", async () => {
  const { status, err } = await run("help password=geheim\u001b[1m");
  assertEquals(status, 2);
  assertEquals(err.includes("geheim"), false);
  assertMatch(err, /password=\*\*\*/);
  assertMatch(err, /^[\x20-\x7e\n]*$/);
});

Deno.test("main() colours what to look at first, on a terminal that takes it", async () => {
  const mark = "\x1b[1;33m";
  using broken = new Node("{");
  const terminal = { stdoutIsTerminal: true };
  const { status, out } = await broken.run("list", terminal);
  assertEquals([status, out.split(mark).length], [0, 2]);
  const plain = await broken.run("list");
  assertEquals(out.replaceAll(mark, "").replaceAll("\x1b[0m", ""), plain.out);
  const others = [
    await broken.run("list --no-color", terminal),
    await broken.run("list", {
      ...terminal,
      env: (name) => name === "NO_COLOR" ? "1" : undefined,
    }),
  ];
  for (const { out } of [plain, ...others]) {
    assertEquals(out.includes(mark), false);
  }
  using well = new Node(runtimeText({}));
  const quiet = await well.run("list", terminal);
  assertEquals([quiet.status, quiet.out.includes(mark)], [0, false]);
});

Deno.test("main() takes the first part of a name for the whole", async () => {
  using node = new Node(runtimeText({}));
  const file = node.file.replace("vm1", "vm2.example.com");
  Deno.writeTextFileSync(file, runtimeText({}));
  const { status, out } = await node.run("state show vm2 --json");
  const { instance } = JSON.parse(out);
  assertEquals([status, instance], [0, "vm2.example.com"]);
});

Deno.test("main() shows a file to the letter, and what it tells of it masked", async () => {
  const [object] = disk(0, 12);
  const uri = "nbd://joe:geheim@h/x";
  using node = new Node(runtimeText({ disks: [[object, null, uri]] }));
  for (const words of ["state show vm1", "state show vm1 --json"]) {
    const { status, out } = await node.run(words);
    assertEquals([status, out.includes(uri)], [0, true], words);
  }
  for (const words of ["list vm1", "list vm1 --json"]) {
    const { status, out } = await node.run(words);
    assertEquals([status, out.includes("geheim")], [0, false], words);
    assertMatch(out, /nbd:\/\/joe:\*\*\*@h/);
  }
});

Deno.test({
  ...unless(
    NOT_ROOT,
    "main() says of a change what it did, unless it is to be quiet",
  ),
  async fn() {
    const done = async (words: string) => {
      using node = new Node(OLD);
      const { status, out, err } = await node.run(`state upgrade vm1 ${words}`);
      const isDone = Deno.readTextFileSync(node.file) !== OLD;
      assertEquals([status, err], [0, ""]);
      return { out, isDone };
    };
    const said = "Upgraded the runtime file of vm1\n";
    assertEquals(await done(""), { out: said, isDone: true });
    assertEquals(await done("--quiet"), { out: "", isDone: true });
    const { out, isDone } = await done("--quiet --json");
    assertEquals([JSON.parse(out).changed, isDone], [true, true]);
    // What would be done is an answer.
    const dry = await done("--quiet --dry-run");
    assertMatch(dry.out, /^Would upgrade vm1/);
    assertEquals(dry.isDone, false);
  },
});

Deno.test({
  ...unless(
    NOT_ROOT,
    "main() keeps the status of a change whose answer is lost",
  ),
  async fn() {
    const lost = async (node: Node, words: string) => {
      const { status, err } = await node.run(words, { out: broken });
      assertMatch(err, /Cannot write the answer: Broken pipe/, words);
      return [status, err.includes("the exit status still shows the result")];
    };
    using old = new Node(OLD);
    assertEquals(await lost(old, "state upgrade vm1"), [0, true]);
    // Nothing was changed.
    assertEquals(await lost(old, "state upgrade vm1"), [5, false]);
    assertEquals(await lost(old, "list"), [5, false]);
    // Its status says that something remains.
    Deno.writeTextFileSync(`${old.runDir}/kvm-hotplug/vm1.json`, "{", {
      mode: 0o600,
    });
    assertEquals(await lost(old, "repair vm1"), [7, true]);
  },
});
