/** A monitor that is gone does not tell that its QEMU is. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { inodeKey } from "../../lib/host/access_record.ts";
import { processIdentity } from "../../lib/host/process_identity.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { changeOwnRecord } from "../../lib/state/own_record.ts";
import { statPath } from "../../lib/sys/file.ts";
import {
  assertFailed,
  DISK,
  Instance,
  NAME,
} from "../lab/scripted_instance.ts";

const UID = 30_001;
const ARGV = ["-c", "read x", "sh", "-name", NAME];

Deno.test("repair without a monitor takes nothing from a QEMU that runs", async () => {
  await using vm = new Instance();
  const path = Deno.realPathSync(vm.image());
  const inode = inodeKey(statPath(path));
  Deno.chownSync(path, UID, null);
  // It stands for QEMU: it has its name, and waits until its input ends.
  const qemu = new Deno.Command("sh", {
    args: ARGV,
    stdin: "piped",
    stdout: "null",
  }).spawn();
  const identity = processIdentity({ pid: qemu.pid, argv: ["sh", ...ARGV] });
  changeOwnRecord(instancePaths(vm.runDir, NAME), identity ?? null, {
    uuid: DISK.uuid,
    after: {
      ...{ kind: "disk", via: "chown" },
      access: { way: "chown", path, inode, from: 0, to: UID },
    },
  });
  await vm.peer[Symbol.asyncDispose]();
  const pidFile = vm.at(`pid/${NAME}`);
  Deno.writeTextFileSync(pidFile, `${qemu.pid}\n`);
  const ownerAfter = async (status: number) => {
    const ran = await vm.cli("repair", NAME);
    if (status !== 0) assertFailed(ran, status, "not-running");
    assertEquals(ran.status, status, ran.out);
    return Deno.statSync(path).uid;
  };

  assertEquals(await ownerAfter(4), UID);
  // The record, too, tells whose it is.
  Deno.removeSync(pidFile);
  assertEquals(await ownerAfter(4), UID);
  await qemu.stdin.close();
  await qemu.status;
  assertEquals(await ownerAfter(0), 0);
});

Deno.test("repair says what it could not give back, and touches nothing else", async () => {
  await using vm = new Instance();
  const path = Deno.realPathSync(vm.image());
  const status = statPath(path);
  const inode = inodeKey(status);
  const note = () =>
    changeOwnRecord(instancePaths(vm.runDir, NAME), null, {
      uuid: DISK.uuid,
      after: {
        ...{ kind: "disk", via: "chown" },
        access: { way: "chown", path, inode, from: 0, to: UID },
      },
    });
  await vm.peer[Symbol.asyncDispose]();
  const remaining = async (): Promise<{ what: string; hint: string }[]> => {
    note();
    const { out, json } = await vm.cli("repair", NAME);
    const { remaining } = json;
    if (!Array.isArray(remaining)) throw new Error(out);
    assertEquals((await vm.cli("repair", NAME)).json.remaining, []);
    return remaining;
  };

  Deno.chownSync(path, UID, null);
  assertEquals([await remaining(), statPath(path).uid], [[], 0]);
  Deno.chownSync(path, 4711, null);
  const nothing = { what: "", hint: "" };
  const [owned = nothing] = await remaining();
  assertStringIncludes(owned.what, "belongs to uid 4711");
  assertStringIncludes(owned.hint, `chown 0 ${path}`);
  assertEquals(statPath(path).uid, 4711);
  Deno.renameSync(path, `${path}.moved`);
  Deno.writeTextFileSync(path, "another");
  Deno.chownSync(path, UID, null);
  const [moved = nothing] = await remaining();
  assertStringIncludes(moved.what, `${path} was replaced`);
  assertStringIncludes(moved.what, `inode ${status.inode} `);
  assertEquals(
    [statPath(path).uid, statPath(`${path}.moved`).uid],
    [UID, 4711],
  );
});
