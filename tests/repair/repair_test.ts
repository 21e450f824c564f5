import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { World } from "../../lib/engine/world.ts";
import { HotplugError } from "../../lib/errors.ts";
import { repairPlan } from "../../lib/plan/finding.ts";
import {
  lookAhead,
  ownRecordFault,
  remainingDifferences,
} from "../../lib/repair/repair.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { STEPS } from "../support/steps.ts";
import { present, uuidOf } from "../support/facts.ts";

const NO_QEMU = {
  unplugTimeoutMs: 1_000,
  timeoutMs: 1_000,
  qmpPath: "/none",
  steps: STEPS,
};

/** A record with a note that the disks refuse. */
const BAD_NOTE = JSON.stringify({
  ...{ version: 1, qemu: null },
  devices: { [uuidOf("disk", 0)]: { kind: "disk", limits: "none" } },
});

Deno.test("lookAhead() plans each step once, and keeps what is refused", async () => {
  const difference = (subject: string) => ({
    code: "leftover",
    device: null,
    message: subject,
    hint: `rm ${subject}`,
    mend: { word: "leftover", subject, did: "removed it" },
  });
  const [one, same, bad] = ["one", "same", "bad"].map(difference);
  const { mend: _, ...left } = difference("left");
  const step = { kind: "remove-leftover", path: "/nowhere" };
  using world = new World(undefined, NO_QEMU);
  const { steps, refused } = await lookAhead({
    differences: [present(one), present(same), present(bad), left],
    plan({ message }) {
      if (message === "left") throw new TypeError("it is not ours to mend");
      if (message === "bad") throw new HotplugError("migrating", "It migrates");
      return Promise.resolve(repairPlan("vm1", message, { steps: [step] }));
    },
  }, world);
  assertEquals(steps, [step]);
  assertEquals([...refused], [[present(bad), "It migrates"]]);
});

Deno.test("lookAhead() takes a fault of ours for no refusal", async () => {
  const mend = { word: "leftover", subject: "x", did: "removed it" };
  const about = { code: "leftover", device: null, message: "m", hint: "h" };
  using world = new World(undefined, NO_QEMU);
  const plan = () => Promise.reject(new TypeError("odd"));
  await assertRejects(
    () => lookAhead({ differences: [{ ...about, mend }], plan }, world),
    TypeError,
    "odd",
  );
});

Deno.test("remainingDifferences() says of each how to go on", () => {
  const mend = { word: "leftover", subject: "x", did: "removed it" };
  const one = (code: string, more = {}) => ({
    ...{ code, device: null, message: code, hint: `rm ${code}` },
    ...more,
  });
  const all = [one("a"), one("b", { mend }), one("c", { mend })];
  const refused = new Map([[present(all[2]), "it migrates"]]);
  assertEquals(remainingDifferences(all, { again: "repair", refused }), [
    one("a"),
    { ...one("b"), hint: "repair" },
    { ...one("c"), hint: "it migrates" },
  ]);
});

Deno.test("ownRecordFault() tells how to go on without a record", async () => {
  const runDir = await Deno.makeTempDir({ prefix: "kvm-hotplug-own-" });
  try {
    const paths = instancePaths(runDir, "vm1");
    const own = `${runDir}/kvm-hotplug`;
    const path = `${own}/vm1.json`;
    assertEquals(await ownRecordFault(paths), undefined);
    Deno.mkdirSync(own, { mode: 0o700 });
    assertEquals(await ownRecordFault(paths), undefined);
    const plants: Record<string, () => void> = {
      garbage: () => Deno.writeTextFileSync(path, "{x", { mode: 0o600 }),
      mode: () => Deno.writeTextFileSync(path, "{}", { mode: 0o644 }),
      link: () => Deno.symlinkSync("/etc/hostname", path),
      directory: () => Deno.mkdirSync(path),
      version: () =>
        Deno.writeTextFileSync(path, '{"version":2}', { mode: 0o600 }),
      note: () => Deno.writeTextFileSync(path, BAD_NOTE, { mode: 0o600 }),
    };
    for (const [how, plant] of Object.entries(plants)) {
      plant();
      const { message, hint } = present(await ownRecordFault(paths));
      assertStringIncludes(message, path, how);
      assertEquals(hint, `rm -r ${path}`, how);
      const [program = "", ...args] = String(hint).split(" ");
      const { success } = await new Deno.Command(program, { args }).output();
      assertEquals(
        [success, await ownRecordFault(paths)],
        [true, undefined],
        how,
      );
    }
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
});
