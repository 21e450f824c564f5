import { assertEquals, assertStringIncludes } from "@std/assert";
import { openFindings } from "../../lib/disk/findings.ts";
import { EMPTY_RECORD, type OwnDevice } from "../../lib/state/own_record.ts";
import { disk, facts, NEW_UUID, present, uuidOf } from "./support.ts";

function given(inode: string): OwnDevice {
  const path = "/srv/d0.img";
  const access = { way: "chown", path, inode, from: 0, to: 65534 } as const;
  return { kind: "disk", via: "chown", access };
}

/** A disk that is gone and open, beside one that is recorded. */
function found(inode: string) {
  const all = facts({ disks: [disk(0, 12)] });
  const devices = {
    [NEW_UUID]: given("0:1 5 0:0"),
    [uuidOf("disk", 0)]: given(inode),
  };
  const qemu = { boot: NEW_UUID, pid: 4711, start: 5, name: "vm1" };
  const own = { ...all.own, qemu, record: { ...EMPTY_RECORD, devices } };
  return present(openFindings({ ...all, own }, [NEW_UUID])[0]);
}

Deno.test("openFindings() tells of a disk that cannot be given back yet", () => {
  const { what, plan } = found("0:1 6 0:0");
  assertStringIncludes(what, "/srv/d0.img still belongs to uid 65534");
  assertEquals(plan, undefined);
});

Deno.test("openFindings() forgets a disk that was plugged anew", () => {
  const [step, ...others] = present(found("0:1 5 0:0").plan).steps;
  assertEquals(others, []);
  assertEquals(step?.kind === "own-record" && step.change.after, null);
  assertEquals(step?.kind === "own-record" && step.holder, undefined);
});
