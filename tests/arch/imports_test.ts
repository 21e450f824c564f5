import { assertEquals } from "@std/assert";
import {
  importsOf,
  libFiles,
  readSource,
  resolveImport,
  type SourceFile,
  testFiles,
  toolFiles,
  withoutComments,
} from "./source.ts";

/**
 * Imports point only downward in this list. Those of one line are on one
 * level: they never import each other.
 */
const LEVELS: readonly (readonly string[])[] = [
  ["cli"],
  ["rpc"],
  ["shell"],
  ["commands"],
  ["inspect"],
  ["repair"],
  ["operation"],
  ["compare"],
  ["kinds.ts"],
  ["disk", "nic", "vcpu", "memory"],
  ["plan"],
  ["engine"],
  ["monitor"],
  ["words"],
  ["device"],
  ["state"],
  ["host", "qmp"],
  ["sys"],
];

/** Each is one kind of device, whole. */
const KINDS = ["disk", "nic", "vcpu", "memory"];

/** Ganeti's encodings know exactly disk and NIC. */
const ENCODINGS = /^lib\/rpc\/ganeti_\w+\.ts$/;

/** What any room may import. */
const COMMON = ["lib/errors.ts", "lib/version.ts"];

const PACKAGES = [
  "@std/cli/parse-args",
  "@std/path/posix",
  "node:process",
  "node:readline",
  "node:stream",
];

function roomOf(path: string): string | undefined {
  return /^lib\/([^/]+)\//.exec(path)?.[1];
}

/** Imports within the project: from file to file. */
function edges(file: SourceFile): string[] {
  return importsOf(file)
    .filter((name) => name.startsWith("."))
    .map((name) => resolveImport(file.path, name));
}

function levelOf(path: string): number {
  const room = roomOf(path) ?? path.replace(/^lib\//, "");
  return LEVELS.findIndex((level) => level.includes(room));
}

function isDownward(from: string, to: string): boolean {
  if (COMMON.includes(to)) return true;
  const [above, below] = [levelOf(from), levelOf(to)];
  if (above < 0 || below < 0) return false;
  return above === below ? roomOf(from) === roomOf(to) : above < below;
}

/** Whether a file may import a kind's folder. */
function mayKnowKinds(from: string, to: string): boolean {
  const kind = roomOf(to) ?? "";
  return !KINDS.includes(kind) || roomOf(from) === kind ||
    from === "lib/kinds.ts" || ENCODINGS.test(from);
}

Deno.test("lib has the rooms of the architecture and no others", () => {
  const rooms = new Set(libFiles().flatMap(({ path }) => roomOf(path) ?? []));
  const known = LEVELS.flat().filter((room) => !room.endsWith(".ts"));
  assertEquals([...rooms].filter((room) => !known.includes(room)), []);
});

Deno.test("importsOf() sees every form of import", () => {
  const text = `import { a } from "./a.ts";
import type { B } from "./b.ts";
import {
  c,
} from "./c.ts";
import "./d.ts";
export { e } from "./e.ts";
export * from './f.ts';
const g = await import("./g.ts");
const text = "import from";
`;
  assertEquals(
    importsOf({ path: "x.ts", text }),
    ["./a.ts", "./b.ts", "./c.ts", "./d.ts", "./e.ts", "./f.ts", "./g.ts"],
  );
});

Deno.test("imports point only downward", () => {
  const wrong = libFiles().flatMap((file) =>
    edges(file).filter((to) => !isDownward(file.path, to))
      .map((to) => `${file.path} imports ${to}`)
  );
  assertEquals(wrong, []);
});

Deno.test("only lib/kinds.ts imports a kind's folder", () => {
  const wrong = libFiles().flatMap((file) =>
    edges(file).filter((to) => !mayKnowKinds(file.path, to))
      .map((to) => `${file.path} imports ${to}`)
  );
  assertEquals(wrong, []);
});

/** Files from which an import leads back to themselves; types count. */
function cycles(files: readonly SourceFile[]): string[] {
  const graph = new Map(files.map((file) => [file.path, edges(file)]));
  const reaches = (from: string, goal: string, seen: Set<string>): boolean =>
    (graph.get(from) ?? []).some((next) => {
      if (next === goal) return true;
      if (seen.has(next)) return false;
      seen.add(next);
      return reaches(next, goal, seen);
    });
  return files.map(({ path }) => path)
    .filter((path) => reaches(path, path, new Set()));
}

Deno.test("no file imports itself, by whatever way", () => {
  assertEquals(cycles(libFiles()), []);
});

/** Without `import type` and imports whose names are all types. */
function withoutTypes({ path, text }: SourceFile): SourceFile {
  const names = /import\s+(?:type\s+)?\{([^}]*)\}\s+from\s+"[^"]+";/g;
  return {
    path,
    text: text.replace(names, (line, list: string) => {
      const all = list.split(",").map((one) => one.trim()).filter((one) => one);
      const typed = /^import\s+type\s/.test(line) ||
        all.every((one) => one.startsWith("type "));
      return typed ? "" : line;
    }),
  };
}

/** Words that only a kind of device has, and its part of an identifier. */
const KIND_WORDS =
  /(?<![A-Za-z])(?:disks?|nics?|taps?|netdevs?|scsi|virtio|vhost|cdrom|dimm|vcpu)(?![a-z])|(?:Disk|Nic|Tap|Netdev|Scsi|Virtio|Vhost)s?(?![a-z])/;

Deno.test("the engine knows no device", () => {
  const wrong = libFiles().filter(({ path }) => roomOf(path) === "engine")
    .flatMap(({ path, text }) => {
      const code = withoutComments(text);
      const words = code.match(new RegExp(KIND_WORDS, "g")) ?? [];
      return [...new Set(words)].map((word) => `${path} says ${word}`);
    });
  assertEquals(wrong, []);
});

Deno.test("every file of lib is reached from main.ts", () => {
  const files = new Map(libFiles().map((file) => [file.path, file]));
  const seen = new Set<string>();
  const queue = edges(readSource("main.ts"));
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    const file = files.get(path);
    if (file === undefined || seen.has(path)) continue;
    seen.add(path);
    queue.push(...edges(file));
  }
  assertEquals([...files.keys()].filter((path) => !seen.has(path)), []);
});

Deno.test("packages are imported by their official names, few as they are", () => {
  const used = libFiles().flatMap((file) =>
    importsOf(file).filter((name) => !name.startsWith("."))
  );
  assertEquals([...new Set(used)].sort(), PACKAGES);
});

Deno.test("nothing of node: is loaded before it is needed", () => {
  const wrong = libFiles().map(withoutTypes).filter(({ text }) =>
    /^import[^;]*from\s+"node:/m.test(text)
  );
  assertEquals(wrong.map(({ path }) => path), []);
});

/**
 * A kind is a folder and an entry of lib/kinds.ts. So all other files that name
 * processors or memory devices, even in a comment, stand here with the reason.
 */
const NAME_PROCESSORS_OR_MEMORY = new Map(Object.entries({
  "lib/kinds.ts": "the register",
  "lib/version.ts": "the summary of the tool",
  "lib/commands/commands.ts": "virsh has vcpucount for list and check",
  "lib/device/ending.ts": "the events of QEMU at a removal",
  "lib/plan/kvm_extra.ts": "how Ganeti reads -m and -smp (SPEC 13)",
  "lib/plan/strays.ts": "where a later Ganeti records them (SPEC 2.1)",
  "lib/state/fixed_command.ts": "reads the number in -smp, for queues",
  "lib/nic/queues.ts": "as many queues as processors at the start",
  "lib/disk/adopt.ts": "as many queues as processors at the start",
}));

Deno.test("at most ten files outside their folders name processors or memory", () => {
  const named =
    /vcpu|processor|dimm|virtio-mem|vmem|memdev|maxcpus|maxmem|\bsmp\b|-cpu\b|["`]memory\b|\bmemory (?:device|hotplug|size)/i;
  // The memory of lib/sys is the tool's own.
  const files = libFiles().filter(({ path, text }) =>
    !/^lib\/(?:vcpu|memory|sys)\//.test(path) && named.test(text)
  ).map(({ path }) => path);
  assertEquals(files, [...NAME_PROCESSORS_OR_MEMORY.keys()].toSorted());
  assertEquals(files.length <= 10, true);
});

Deno.test("main.ts imports the command line and nothing else", () => {
  assertEquals(importsOf(readSource("main.ts")), ["./lib/cli/main.ts"]);
});

Deno.test("tools import nothing of the tests", () => {
  const wrong = toolFiles().flatMap((file) =>
    edges(file).filter((to) => to.startsWith("tests/"))
      .map((to) => `${file.path} imports ${to}`)
  );
  assertEquals(wrong, []);
});

/** Folders of tests that are no room of lib, as tests/README.md tells. */
const TEST_FOLDERS = [
  "arch",
  "bench",
  "integration",
  "integrations",
  "lab",
  "qemu",
  "support",
  "tools",
];

/** Rooms whose tests have a network namespace of their own. */
const WITH_NODE = ["host", "sys"];

Deno.test("tests mirror the rooms of lib", () => {
  const folders = new Set(
    testFiles().flatMap(({ path }) => /^tests\/(\w+)\//.exec(path)?.[1] ?? []),
  );
  const rooms = new Set(libFiles().flatMap(({ path }) => roomOf(path) ?? []));
  const known = [...TEST_FOLDERS, ...rooms];
  assertEquals([...folders].filter((name) => !known.includes(name)), []);
});

Deno.test("a test of a room needs nothing of the lab", () => {
  const others = [...TEST_FOLDERS, ...WITH_NODE];
  const wrong = testFiles()
    .filter(({ path }) => !others.includes(path.split("/")[1] ?? ""))
    .flatMap((file) =>
      edges(file).filter((to) => to.startsWith("tests/lab/"))
        .map((to) => `${file.path} imports ${to}`)
    );
  assertEquals(wrong, []);
});
