/** The start stub relocates the program as ld.so would have done. */
import { assert, assertEquals } from "@std/assert";
import {
  PF_W,
  PT_LOAD,
  PT_TLS,
  readHeaders,
  relocations,
} from "../../tools/build/elf.ts";
import { EXECUTABLE } from "../lab/tool.ts";

/** R_X86_64_RELATIVE and R_AARCH64_RELATIVE. */
const RELATIVE = { x86_64: 8, aarch64: 1027 }[Deno.build.arch];

const libc = Deno.dlopen("libc.so.6", {
  prctl: { parameters: ["i32", "u64", "u64", "u64", "u64"], result: "i32" },
});

Deno.test.afterAll(() => libc.close());

/** Whether this process and those it starts may have huge pages. */
function setHugePages(are: "possible" | "impossible"): void {
  const PR_SET_THP_DISABLE = 41;
  const disabled = are === "impossible" ? 1n : 0n;
  assertEquals(
    libc.symbols.prctl(PR_SET_THP_DISABLE, disabled, 0n, 0n, 0n),
    0,
  );
}

/** Where the kernel has loaded the file. */
function loadedAt(pid: number, file: string): bigint {
  const maps = Deno.readTextFileSync(`/proc/${pid}/maps`).split("\n");
  const first = maps.find((line) => line.endsWith(` ${file}`)) ?? "";
  return BigInt(`0x${first.split("-")[0]}`);
}

function readMemory(pid: number, at: bigint, size: number): DataView {
  using memory = Deno.openSync(`/proc/${pid}/mem`);
  memory.seekSync(at, Deno.SeekMode.Start);
  const bytes = new Uint8Array(size);
  for (let count = 0; count < size;) {
    count += memory.readSync(bytes.subarray(count)) ?? size;
  }
  return new DataView(bytes.buffer);
}

/** A segment of data, without what ld.so copies before the stub runs. */
interface Data {
  readonly begin: number;
  readonly end: number;
  /** Place and value of each word, before the address of the program. */
  readonly words: ReadonlyMap<number, number>;
}

/** What ld.so would do to Deno. */
async function dataOfDeno(): Promise<Data> {
  const deno = await Deno.readFile(Deno.execPath());
  const elf = readHeaders(deno);
  const data = elf.programHeaders.find(({ type, flags }) =>
    type === PT_LOAD && (flags & PF_W) !== 0
  );
  if (data === undefined) throw new Error("Deno has no data");
  const threadLocal = elf.programHeaders.find(({ type }) => type === PT_TLS);
  const begin = threadLocal === undefined
    ? data.vaddr
    : threadLocal.vaddr + threadLocal.memsz;
  const end = data.vaddr + data.filesz;
  const words = new Map<number, number>();
  for (const { place, type, addend } of relocations(deno, elf)) {
    if (type !== RELATIVE || place < begin || place + 8 > end) continue;
    words.set(place, addend);
  }
  assert(words.size > 100_000, `${words.size}`);
  return { begin, end, words };
}

let data: Data;
Deno.test.beforeAll(async () => {
  data = await dataOfDeno();
});

for (const huge of ["possible", "impossible"] as const) {
  Deno.test(`the stub relocates Deno, huge pages ${huge}`, async () => {
    const { begin, end, words } = data;
    setHugePages(huge);
    await using child = new Deno.Command(EXECUTABLE, {
      args: ["rpc"],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    setHugePages("possible");
    const input = child.stdin.getWriter();
    const request = { jsonrpc: "2.0", id: 1, method: "none" };
    await input.write(new TextEncoder().encode(`${JSON.stringify(request)}\n`));
    const output = child.stdout.getReader();
    await output.read(); // it runs
    const base = loadedAt(child.pid, await Deno.realPath(EXECUTABLE));
    const memory = readMemory(child.pid, base + BigInt(begin), end - begin);
    const wrong = [...words].filter(([place, addend]) =>
      memory.getBigUint64(place - begin, true) !== base + BigInt(addend)
    );
    assertEquals(wrong, []);
    await input.close();
    await output.cancel();
  });
}
