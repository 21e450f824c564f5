/** The machine code of the start stub is what its listing says, by binutils. */
import { assertEquals } from "@std/assert";
import { assemble, LISTINGS, STUB_OFFSET } from "../../tools/build/stub.ts";
import { run } from "../../tools/guest/run.ts";

/** One line of a listing: bytes, or a label. */
interface Line {
  readonly bytes: Uint8Array;
  readonly source: string;
}

function* linesOf(listing: string): Generator<Line> {
  for (const line of listing.trim().split("\n")) {
    if (line.endsWith(":")) yield { bytes: new Uint8Array(), source: line };
    else {
      const source = line.split("|")[1]?.trim() ?? "";
      yield { bytes: assemble(line), source };
    }
  }
}

/** Whether it is a string, or a piece of one, and NULs. */
function isText({ source, bytes }: Line): boolean {
  if (!source.startsWith("'")) return false;
  const text = new TextDecoder().decode(bytes).replace(/\0*$/, "");
  assertEquals(source.includes(text), true, `${source} = ${hex(bytes)}`);
  return true;
}

const SYNTAX = { x86_64: ".intel_syntax noprefix\n", aarch64: "" };

/** What the assembler makes of the listing's second column. */
async function assembled(
  arch: keyof typeof LISTINGS,
  lines: readonly Line[],
): Promise<Uint8Array> {
  const folder = await Deno.makeTempDir({ prefix: "kvm-hotplug-stub-" });
  try {
    const [source, object, bytes] = ["stub.s", "stub.o", "stub"]
      .map((name) => `${folder}/${name}`) as [string, string, string];
    const text = lines.map((line) =>
      isText(line) ? `.byte ${line.bytes.join(",")}` : line.source
    );
    await Deno.writeTextFile(
      source,
      `${SYNTAX[arch]}hdr: .skip ${STUB_OFFSET}\n${text.join("\n")}\n`,
    );
    await run(`${arch}-linux-gnu-as`, ["-o", object, source]);
    const how = ["-O", "binary", "-j", ".text", object, bytes];
    await run(`${arch}-linux-gnu-objcopy`, how);
    return (await Deno.readFile(bytes)).subarray(STUB_OFFSET);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join(" ");
}

for (const arch of ["x86_64", "aarch64"] as const) {
  Deno.test(`stubFor() is what the assembler makes of the ${arch} listing`, async () => {
    const lines = [...linesOf(LISTINGS[arch])];
    const made = await assembled(arch, lines);
    let at = 0;
    for (const { bytes, source } of lines) {
      const end = at + bytes.length;
      assertEquals(
        `${source} = ${hex(bytes)}`,
        `${source} = ${hex(made.subarray(at, end))}`,
      );
      at = end;
    }
    assertEquals(made.length, at);
    assertEquals(lines.filter((line) => !isText(line)).length > 150, true);
  });
}
