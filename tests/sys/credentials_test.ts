import { assertEquals, assertThrows } from "@std/assert";
import { actingAs, type Credentials } from "../../lib/sys/credentials.ts";
import { SysError } from "../../lib/sys/errno.ts";
import { checkAccess, openInRoot } from "../../lib/sys/file_lookup.ts";
import { openFile } from "../../lib/sys/file.ts";
import { O } from "../../lib/sys/layout.ts";
import { TempDir } from "./support.ts";

const NOBODY: Credentials = {
  uid: 65534,
  gid: 65534,
  groups: [],
  capabilities: 0n,
};
const CAP_DAC_OVERRIDE = 1n << 1n;

/** The credentials of this thread, as the kernel shows them. */
function own(): string[] {
  return Deno.readTextFileSync("/proc/thread-self/status").split("\n")
    .filter((line) => /^(?:Uid|Gid|Groups|CapEff):/.test(line));
}

function codeOf(ask: () => unknown): string {
  try {
    ask();
    return "";
  } catch (error) {
    if (error instanceof SysError) return error.code;
    throw error;
  }
}

/** What a process of these credentials would be told. */
function asks(as: Credentials, dir: string, path: string): string {
  using root = openFile(dir, O.PATH | O.DIRECTORY);
  return codeOf(() =>
    actingAs(as, () => {
      using fd = openInRoot(root, path, O.PATH);
      checkAccess(fd, "rw");
      using _open = openInRoot(root, path, O.RDWR);
    })
  );
}

Deno.test("actingAs() gets the kernel's own answer, and comes back", () => {
  using dir = new TempDir();
  Deno.chmodSync(dir.path, 0o755);
  const path = dir.file("disk", "x");
  const before = own();
  Deno.chmodSync(path, 0o600);
  assertEquals(asks(NOBODY, dir.path, "/disk"), "EACCES");
  Deno.chownSync(path, 65534, null);
  assertEquals(asks(NOBODY, dir.path, "/disk"), "");
  Deno.chownSync(path, 0, 4242);
  Deno.chmodSync(path, 0o660);
  assertEquals(asks(NOBODY, dir.path, "/disk"), "EACCES");
  assertEquals(asks({ ...NOBODY, groups: [1, 4242] }, dir.path, "/disk"), "");
  assertEquals(asks({ ...NOBODY, gid: 4242 }, dir.path, "/disk"), "");
  Deno.chmodSync(dir.path, 0o700);
  assertEquals(
    asks({ ...NOBODY, gid: 4242 }, dir.path, "/disk"),
    "EACCES",
    "a directory on the way counts",
  );
  assertEquals(own(), before);
});

Deno.test("actingAs() has the capabilities of the other and no more", () => {
  using dir = new TempDir();
  const path = dir.file("disk", "x");
  Deno.chownSync(path, 65534, 65534);
  Deno.chmodSync(path, 0o600);
  const root = { ...NOBODY, uid: 0, gid: 0 };
  assertEquals(asks(root, dir.path, "/disk"), "EACCES");
  const able = { ...root, capabilities: CAP_DAC_OVERRIDE };
  assertEquals(asks(able, dir.path, "/disk"), "");
  Deno.chownSync(path, 0, 0);
  assertEquals(
    asks({ ...able, uid: 65534 }, dir.path, "/disk"),
    "",
    "a capability counts for any uid",
  );
});

/** The capability sets of this thread. */
function capabilities(): Record<string, bigint> {
  const text = Deno.readTextFileSync("/proc/thread-self/status");
  return Object.fromEntries(
    [...text.matchAll(/^(Cap(?:Inh|Prm|Eff)):\s+([0-9a-f]+)$/gm)]
      .map(([, name, hex]) => [name, BigInt(`0x${hex}`)]),
  );
}

Deno.test("actingAs() limits the effective set in both of its words", () => {
  const before = capabilities();
  const { CapPrm = 0n } = before;
  // Beside CAP_DAC_OVERRIDE, CAP_SYSLOG and CAP_CHECKPOINT_RESTORE: beyond 32.
  for (const mask of [CAP_DAC_OVERRIDE, 1n << 34n | 1n << 40n, ~0n, 0n]) {
    const capabilities64 = BigInt.asUintN(64, mask);
    const during = actingAs(
      { ...NOBODY, uid: 0, gid: 0, capabilities: capabilities64 },
      capabilities,
    );
    assertEquals(during, { ...before, CapEff: CapPrm & capabilities64 });
  }
  assertEquals(capabilities(), before);
});

Deno.test("actingAs() comes back from an error, too", () => {
  const before = own();
  assertThrows(
    () =>
      actingAs(NOBODY, () => {
        assertEquals(own() === before, false);
        throw new Error("x");
      }),
    Error,
    "x",
  );
  assertEquals(own(), before);
  using _fd = openFile("/proc/self/status", O.RDONLY);
});

Deno.test("openInRoot() does not leave the root by link or dots", () => {
  using dir = new TempDir();
  Deno.mkdirSync(dir.at("jail"));
  dir.file("outside", "x");
  dir.file("jail/inside", "x");
  Deno.symlinkSync(dir.at("outside"), dir.at("jail/link"));
  Deno.symlinkSync("/inside", dir.at("jail/absolute"));
  using root = openFile(dir.at("jail"), O.PATH | O.DIRECTORY);
  const look = (path: string) =>
    codeOf(() => openInRoot(root, path, O.PATH).close());
  assertEquals(look("/inside"), "");
  assertEquals(look("/absolute"), "");
  assertEquals(look("/../inside"), "");
  assertEquals(look("/../outside"), "ENOENT");
  assertEquals(look("/link"), "ENOENT");
});
