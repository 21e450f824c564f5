import { assertEquals } from "@std/assert";
import { inventoryOf } from "../../tools/inventory/extract.ts";

const ERRORS = `
/** Not this: "a comment speaks of nothing" */
import { a, b } from "./not this.ts";
export function refuse(message: string, hint?: string): HotplugError {
  return new HotplugError("refused", message, { hint });
}
// refuse("nor this one")
function full(bus: string): HotplugError {
  return new HotplugError(
    "no-free-slot",
    \`No room on \${bus}: \${bus.length / 2 > 1 ? "it is long" : bus}\`,
    { hint: "take another", cause: bus },
  );
}
if (mac !== "" && !isMac(mac)) throw refuse("Not a MAC " + "address", \`is \${mac}\`);
throw full("pci.0");
`;

const LIMITS = `
export const MAX_BYTES: number = 16 * 1024 * 1024;
const NAME = /^[a-z/"]{1,15}$/;
const MODES = ["routed", "bridged"] as const;
if (text.length > MAX_BYTES || size > 255) checkSize(text);
const half = text.length / 2 / 1;
const flags = O.RDWR | O.CREAT | options.flags;
openFile(path, flags, { mode: 0o600, timeoutMs: OPEN_MS });
const deadline = performance.now() + Math.min(timeoutMs, 2_000);
const kind = whole(0, 31);
fsync(fd);
fsync(dir);
if (error instanceof SysError) await qmp.execute("closefd", { fdname });
say(\`fits in \${size} bytes, \${/\\d+/.test(text)}\`);
`;

Deno.test("inventoryOf() lists errors with code, texts and hint", () => {
  assertEquals(inventoryOf([ERRORS]), [
    "call isMac",
    'compare !== ""',
    "error HotplugError: no-free-slot; No room on {}: {it is long}; " +
    "hint: take another; cause: -",
    "error HotplugError: refused",
    "error full: pci.0",
    "error refuse: Not a MAC address; is {}",
    "throw full",
    "throw refuse",
  ]);
});

Deno.test("inventoryOf() lists bounds, forms, masks, flags and deadlines", () => {
  assertEquals(inventoryOf([LIMITS]), [
    "bound whole(0, 31)",
    "call checkSize",
    'call execute("closefd")',
    "call fsync (2 times)",
    "call openFile",
    "caught SysError",
    "flags O.CREAT | O.RDWR | options.flags",
    "mask mode = 0o600",
    "name MAX_BYTES (2 times)",
    "name MODES",
    "name NAME",
    "number MAX_BYTES = 16 * 1024 * 1024",
    "number size > 255",
    "number timeoutMs 2_000",
    "regex /\\d+/",
    'regex /^[a-z/"]{1,15}$/',
    "text fits in {} bytes, {}",
    "wait deadline = performance.now() + Math.min(timeoutMs, 2_000)",
    "wait timeoutMs = OPEN_MS",
    "words bridged, routed",
  ]);
});

Deno.test("inventoryOf() is the same wherever a line stands", () => {
  const whole = inventoryOf([ERRORS, LIMITS]);
  const broken = LIMITS.replace("(fd);\nfsync(dir)", "(\n  fd,\n);fsync(dir)");
  const [first = "", ...rest] = ERRORS.split("if (mac");
  const last = `import { full } from "./x.ts";\nif (mac${rest.join()}`;
  assertEquals(inventoryOf([last, broken, first]), whole);
});

Deno.test("inventoryOf() tells what a change has lost", () => {
  const before = new Set(inventoryOf([ERRORS, LIMITS]));
  const lost = (from: string, to = "") => {
    const changed = (ERRORS + LIMITS).replace(from, to);
    const after = inventoryOf([changed]);
    return [
      ...[...before].filter((line) => !after.includes(line)),
      ...after.filter((line) => !before.has(line)),
    ];
  };
  assertEquals(lost("fsync(dir);"), ["call fsync (2 times)", "call fsync"]);
  assertEquals(lost("| O.CREAT "), [
    "flags O.CREAT | O.RDWR | options.flags",
    "flags O.RDWR | options.flags",
  ]);
  assertEquals(lost("0o600", "0o644"), [
    "mask mode = 0o600",
    "mask mode = 0o644",
  ]);
  assertEquals(lost("{1,15}", "{1,16}").length, 2);
  assertEquals(lost("text.length > MAX_BYTES || "), [
    "name MAX_BYTES (2 times)",
    "name MAX_BYTES",
  ]);
});
