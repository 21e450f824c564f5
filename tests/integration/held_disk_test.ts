/** What was changed for a disk stays as long as QEMU has that open. */
import { assertEquals, assertMatch } from "@std/assert";
import { type GivenOwner, inodeKey } from "../../lib/host/access_record.ts";
import type { ProcessIdentity } from "../../lib/host/process_identity.ts";
import { DISK } from "../../lib/disk/name.ts";
import { forgetSteps } from "../../lib/plan/give_back.ts";
import { World } from "../../lib/engine/world.ts";
import { changeOwnRecord, readOwnRecord } from "../../lib/state/own_record.ts";
import { statPath } from "../../lib/sys/file.ts";
import { kindOf, STEPS } from "../support/steps.ts";

const UUID = "932df160-7a22-4067-a566-7e0ca8386133";
const OPTIONS = { qmpPath: "", timeoutMs: 1, unplugTimeoutMs: 1, steps: STEPS };
const LIMITS = { "iops-total": 5 };

/** This process plays QEMU. */
const QEMU: ProcessIdentity = {
  boot: UUID,
  pid: Deno.pid,
  start: 1,
  name: "vm1",
};

/** Runs what ends the access to a disk; tells what stayed. */
async function end(runDir: string) {
  const place = { runDir, lockKey: "vm1" };
  const own = { place, qemu: QEMU, record: readOwnRecord(place) };
  const steps = [...DISK.giveBack(own, UUID), ...forgetSteps(own, UUID)];
  using world = new World(undefined, OPTIONS);
  for (const step of steps) await kindOf(step).do(step, world);
  const { [UUID]: noted } = readOwnRecord(place).devices;
  return { noted, told: world.leftAlone.map(({ message }) => message) };
}

Deno.test("return-owner leaves a disk that is open, and it stays on record", async () => {
  const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-" });
  const path = `${runDir}/disk.img`;
  await Deno.writeTextFile(path, "x");
  await Deno.chown(path, 65534, 0);
  const access: GivenOwner = {
    way: "chown",
    path,
    inode: inodeKey(statPath(path)),
    from: 0,
    to: 65534,
  };
  const way = { kind: "disk", via: "chown", access } as const;
  const pending = { id: "x", requestedAt: "2026-01-01T00:00:00Z", title: "x" };
  changeOwnRecord({ runDir, lockKey: "vm1" }, QEMU, {
    uuid: UUID,
    after: { ...way, limits: LIMITS, pending },
  });
  try {
    {
      using _open = await Deno.open(path);
      const { noted, told } = await end(runDir);
      assertEquals(noted, { ...way, limits: LIMITS });
      assertMatch(told.join(), /disk\.img still belongs to uid 65534/);
      assertEquals(Deno.statSync(path).uid, 65534);
    }
    const { noted, told } = await end(runDir);
    assertEquals([noted, told], [{ kind: "disk", limits: LIMITS }, []]);
    assertEquals(Deno.statSync(path).uid, 0);
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});
