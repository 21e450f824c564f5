import { assertEquals, assertMatch } from "@std/assert";
import { instancePaths } from "../../lib/state/instance.ts";
import {
  readUidFile,
  readUidText,
  uidRemark,
} from "../../lib/state/uid_file.ts";

const path = "/run/uid/vm1";

Deno.test("uidRemark() tells of a note that is not true", () => {
  const wrong = uidRemark({ path, text: "30001", uid: 30_002 });
  assertMatch(
    String(wrong?.message),
    /uid\/vm1 says 30001, but QEMU runs as uid 30002/,
  );
  const junk = uidRemark({ path, text: "no\nbody", uid: undefined });
  assertMatch(
    String(junk?.message),
    /must hold a number: it holds "no\\nbody"/,
  );
  const empty = uidRemark({ path, text: "", uid: 1 });
  assertMatch(String(empty?.message), /it holds ""/);
});

Deno.test("uidRemark() says nothing of one that is, or of none", () => {
  assertEquals(uidRemark({ path, text: "30001", uid: 30_001 }), undefined);
  assertEquals(uidRemark({ path, text: "30001", uid: undefined }), undefined);
  assertEquals(uidRemark({ path, text: undefined, uid: 30_001 }), undefined);
});

Deno.test("readUidFile() takes a number, readUidText() any short text", () => {
  const runDir = Deno.makeTempDirSync();
  const paths = instancePaths(runDir, "vm1");
  const folder = `${runDir}/kvm-hypervisor/uid`;
  Deno.mkdirSync(folder, { recursive: true });
  const read = () => [readUidText(paths), readUidFile(paths)];
  assertEquals(read(), [undefined, undefined]);
  for (
    const [text, both] of [
      ["30001\n", ["30001", "30001"]],
      ["nobody", ["nobody", undefined]],
      ["", ["", undefined]],
      ["3".repeat(64), ["3".repeat(64), "3".repeat(64)]],
      ["3".repeat(65), [undefined, undefined]],
    ] as const
  ) {
    Deno.writeTextFileSync(`${folder}/vm1`, text);
    assertEquals(read(), [...both]);
  }
  Deno.removeSync(`${folder}/vm1`);
  Deno.mkdirSync(`${folder}/vm1`);
  assertEquals(read(), [undefined, undefined]);
  Deno.removeSync(runDir, { recursive: true });
});
