/** Steps on disks and devices, one by one, as QEMU answers this and that. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { AnyStep } from "../../lib/kinds.ts";
import { World } from "../../lib/engine/world.ts";
import { inodeKey } from "../../lib/host/access_record.ts";
import { statPath } from "../../lib/sys/file.ts";
import { HotplugError } from "../../lib/errors.ts";
import { event } from "../lab/scripted_behaviour.ts";
import { Peer } from "../lab/session_peer.ts";
import { kindOf, STEPS } from "../support/steps.ts";

type Answer = unknown;

/** A step's definition, bound to it and to a scripted QEMU. */
async function withStep(
  step: AnyStep,
  body: (at: {
    readonly peer: Peer;
    /** What the next questions are answered, in this order. */
    answer(command: string, ...values: Answer[]): void;
    /** Does it, and returns what was changed. */
    does(): Promise<string[]>;
    undoes(): Promise<string[]>;
    confirm(): Promise<string>;
    /** Why it fails. */
    fails(how: "does" | "undoes"): Promise<string>;
  }) => Promise<void>,
): Promise<void> {
  await using peer = new Peer();
  const options = {
    qmpPath: `${peer.directory}/sock`,
    ...{ timeoutMs: 5_000, unplugTimeoutMs: 50, steps: STEPS },
  };
  using world = new World(await peer.open(), options);
  const kind = kindOf(step);
  const run = async (what: () => void | Promise<void>) => {
    const before = peer.calls.length;
    await what();
    return peer.calls.slice(before)
      .filter(({ command }) => !/^(?:query|qom|qmp)/.test(command))
      .map(({ command, args }) => `${command} ${JSON.stringify(args)}`);
  };
  const at = {
    does: () => run(() => kind.do(step, world)),
    undoes: () => run(() => kind.undo(step, world)),
  };
  await body({
    ...at,
    peer,
    answer(command, ...values) {
      for (const value of values) peer.once(command, { value, carryOut: "no" });
    },
    confirm: () => kind.confirm(step, world),
    async fails(how) {
      const error = await assertRejects(at[how], HotplugError);
      return `${(error as HotplugError).code}: ${(error as Error).message}`;
    },
  });
}

/** One entry of query-block. */
function drive(
  { size = 1, file, node = "", tray, ...one }: {
    readonly device?: string;
    readonly qdev?: string;
    readonly node?: string;
    readonly size?: number;
    readonly file?: Record<string, unknown>;
    /** Whether it has one, and that is open. */
    readonly tray?: "open" | "closed";
  },
) {
  const inserted = {
    ...{ "node-name": node, drv: "raw", ro: false, file: "/x" },
    image: { "virtual-size": size },
    ...file,
  };
  return {
    ...{ device: "", qdev: "", ...one },
    ...(tray && { removable: true, tray_open: tray === "open", locked: true }),
    ...(node !== "" || file ? { inserted } : {}),
  };
}

const DROP: AnyStep = { kind: "drop-drive", drive: "d1" };

Deno.test("drop-drive deletes a drive that did not go with its device", async () => {
  const there = [drive({ device: "other" }), drive({ device: "d1" })];
  const used = [drive({ device: "d1", qdev: "/machine/peripheral/x" })];
  const none = [drive({ device: "other" })];
  await withStep(DROP, async ({ answer, does, confirm, fails }) => {
    answer("query-block", none);
    assertEquals(await does(), []);
    answer("query-block", used);
    assertEquals(
      await fails("does"),
      "qmp-error: QEMU still has drive d1: /machine/peripheral/x uses it",
    );
    const said = 'human-monitor-command {"command-line":"drive_del d1"}';
    answer("query-block", there, none);
    assertEquals(await does(), [said]);
    answer("query-block", there, there);
    answer("human-monitor-command", "Device is busy\r\n");
    assertEquals(
      await fails("does"),
      "qmp-error: QEMU still has drive d1: Device is busy",
    );
    answer("query-block", there, none);
    assertEquals([await confirm(), await confirm()], ["not-done", "done"]);
  });
  const odd: AnyStep = { kind: "drop-drive", drive: "d1 x" };
  await withStep(odd, async ({ answer, fails }) => {
    answer("query-block", [drive({ device: "d1 x" })]);
    assertStringIncludes(await fails("does"), "not valid in a QMP command");
  });
});

Deno.test("drop-node deletes a node unless it went by itself", async () => {
  const step: AnyStep = { kind: "drop-node", name: "n1" };
  const nodes = (...names: string[]) =>
    names.map((name) => ({ "node-name": name, drv: "raw", file: "" }));
  await withStep(step, async ({ answer, does, confirm, peer }) => {
    const query = "query-named-block-nodes";
    answer(query, nodes("n2"));
    assertEquals(await does(), []);
    const del = 'blockdev-del {"node-name":"n1"}';
    const refuse = { class: "GenericError", desc: "in use" };
    answer(query, nodes("n1"));
    peer.once("blockdev-del", { value: {}, carryOut: "no" });
    assertEquals(await does(), [del]);
    // It went meanwhile.
    answer(query, nodes("n1"), nodes("n2"));
    peer.once("blockdev-del", { refuse });
    assertEquals(await does(), [del]);
    answer(query, nodes("n1"), nodes("n1"));
    peer.once("blockdev-del", { refuse });
    await assertRejects(does, Error, "in use");
    answer(query, nodes("n1"), nodes("n2"));
    assertEquals([await confirm(), await confirm()], ["not-done", "done"]);
  });
});

Deno.test("resize-disk believes query-block alone", async () => {
  const targets = [{ "node-name": "n1" }, { device: "d1" }] as const;
  for (const target of targets) {
    const step: AnyStep = { kind: "resize-disk", target, from: 100, to: 200 };
    const at = (size: number) => [
      drive({ device: "x", node: "y", size: 900 }),
      drive({ device: "d1", node: "n1", size }),
    ];
    await withStep(step, async ({ answer, does, undoes, confirm, fails }) => {
      const call = `block_resize ${JSON.stringify({ ...target, size: 200 })}`;
      for (const size of [200, 201]) {
        answer("block_resize", {});
        answer("query-block", at(size));
        assertEquals(await does(), [call]);
      }
      answer("block_resize", {});
      answer("query-block", at(199));
      assertStringIncludes(await fails("does"), "does not show it");
      answer("query-block", at(100));
      assertEquals(await undoes(), []);
      answer("query-block", at(200));
      assertStringIncludes(await fails("undoes"), "rollback-incomplete: ");
      answer("query-block", at(200), at(199), []);
      assertEquals(
        [await confirm(), await confirm(), await confirm()],
        ["done", "not-done", "not-done"],
      );
    });
  }
});

Deno.test("limit-disk takes back only limits that still hold", async () => {
  const step = (before: Record<string, number> | null): AnyStep => ({
    ...{ kind: "limit-disk", id: "disk-1", qdev: "disk-1" },
    ...{ limits: { iops: 500 }, before },
  });
  const at = (iops: number) => [
    drive({ qdev: "other", file: { iops: 500 } }),
    drive({
      qdev: "/machine/peripheral/disk-1/virtio-backend",
      file: { iops },
    }),
  ];
  await withStep(step({}), async ({ answer, does, undoes, confirm, fails }) => {
    answer("block_set_io_throttle", {}, {}, {});
    answer("query-block", at(500));
    assertStringIncludes((await does()).join(), '"iops":500');
    answer("query-block", at(0));
    assertStringIncludes(await fails("does"), "does not show them");
    answer("query-block", at(500));
    assertStringIncludes((await undoes()).join(), '"iops":0');
    // Somebody else has limited it since, or it is gone.
    answer("query-block", at(7), []);
    assertEquals([await undoes(), await undoes()], [[], []]);
    answer("query-block", at(500), at(7));
    assertEquals([await confirm(), await confirm()], ["done", "not-done"]);
  });
  await withStep(step(null), async ({ undoes }) => {
    assertEquals(await undoes(), []);
  });
});

function medium(
  from: string | null,
  to: string | null,
  lock: "heeded" | "forced" = "heeded",
): AnyStep {
  const about = { id: "cd", title: "disk 1" };
  return { kind: "change-medium", ...about, from, to, lock };
}

const TRAY = {
  closed: (node = "") => [drive({ qdev: "cd", node, tray: "closed" })],
  open: (node = "") => [drive({ qdev: "cd", node, tray: "open" })],
};

const OPEN = (force: boolean) =>
  `blockdev-open-tray {"id":"cd","force":${force}}`;
const REMOVE = 'blockdev-remove-medium {"id":"cd"}';
const INSERT = (node: string) =>
  `blockdev-insert-medium {"id":"cd","node-name":"${node}"}`;
const CLOSE = 'blockdev-close-tray {"id":"cd"}';

/** QEMU takes all of these. */
function takesTrays(peer: Peer, times = 4) {
  const names = ["open-tray", "remove-medium", "insert-medium", "close-tray"];
  for (let i = 0; i < times; i++) {
    for (const name of names) {
      peer.once(`blockdev-${name}`, { value: {}, carryOut: "no" });
    }
  }
}

Deno.test("change-medium opens a tray that is closed, and waits for the guest", async () => {
  await withStep(
    medium("old", "new"),
    async ({ answer, does, fails, peer }) => {
      takesTrays(peer);
      answer("query-block", TRAY.closed("old"), TRAY.open("old"));
      assertEquals(await does(), [OPEN(false), REMOVE, INSERT("new"), CLOSE]);
      answer("query-block", TRAY.open("old"));
      assertEquals(await does(), [REMOVE, INSERT("new"), CLOSE]);
      answer("query-block", []);
      assertStringIncludes(await fails("does"), "no drive cd with a tray");
    },
  );
  const moved = (id: string, isOpen: boolean) =>
    event("DEVICE_TRAY_MOVED", { device: "", id, "tray-open": isOpen });
  const locked = (...events: ReturnType<typeof event>[]) =>
    withStep(medium("old", null), async ({ answer, does, peer }) => {
      answer("query-block", TRAY.closed("old"), TRAY.closed("old"));
      const told = { value: {}, carryOut: "no", after: events } as const;
      peer.once("blockdev-open-tray", told);
      takesTrays(peer);
      assertEquals(await does(), [OPEN(false), REMOVE, CLOSE]);
    });
  await locked(moved("cd", true));
  await locked(moved("cd", false), moved("x", true), moved("cd", true));
  for (const other of [moved("cd", false), moved("x", true), event("STOP")]) {
    const error = await assertRejects(() => locked(other), HotplugError);
    assertStringIncludes(
      (error as Error).message,
      "has locked the tray of disk 1 (cd) and did not open it within 0.05 s",
    );
  }
});

Deno.test("change-medium forces the tray only if it was told to", async () => {
  await withStep(
    medium("old", null, "forced"),
    async ({ answer, does, peer }) => {
      takesTrays(peer);
      answer("query-block", TRAY.closed("old"), TRAY.open("old"));
      assertEquals(await does(), [OPEN(true), REMOVE, CLOSE]);
    },
  );
});

Deno.test("change-medium puts the old medium back if its node is there", async () => {
  const nodes = [{ "node-name": "old", drv: "raw", file: "" }];
  const query = "query-named-block-nodes";
  await withStep(
    medium("old", "new"),
    async ({ answer, undoes, fails, peer }) => {
      answer("query-block", TRAY.closed("old"));
      assertEquals(await undoes(), []);
      takesTrays(peer);
      answer(
        "query-block",
        ...[1, 2].map(() => TRAY.closed("new")),
        TRAY.open(),
      );
      answer(query, nodes);
      assertEquals(await undoes(), [OPEN(true), REMOVE, INSERT("old"), CLOSE]);
      // Open is not as it was.
      answer("query-block", TRAY.open("old"), TRAY.open("old"));
      answer(query, nodes);
      assertEquals(await undoes(), [REMOVE, INSERT("old"), CLOSE]);
      answer("query-block", TRAY.closed("new"));
      answer(query, []);
      assertEquals(
        await fails("undoes"),
        "rollback-incomplete: QEMU has already released old, so new stays in disk 1",
      );
    },
  );
  await withStep(medium(null, "new"), async ({ answer, undoes, peer }) => {
    takesTrays(peer);
    answer("query-block", ...[1, 2].map(() => TRAY.closed("new")), TRAY.open());
    assertEquals(await undoes(), [OPEN(true), REMOVE, CLOSE]);
  });
});

Deno.test("change-medium took effect once the medium is in a closed tray", async () => {
  await withStep(medium("old", "new"), async ({ answer, confirm }) => {
    const states = [
      ...[TRAY.closed("new"), TRAY.open("new"), TRAY.closed("old")],
      ...[TRAY.closed(), []],
    ];
    answer("query-block", ...states);
    const told = [];
    for (const _ of states) told.push(await confirm());
    const no = "not-done";
    assertEquals(told, ["done", no, no, no, no]);
  });
  await withStep(medium("old", null), async ({ answer, confirm }) => {
    answer("query-block", TRAY.closed(), TRAY.closed("old"));
    assertEquals([await confirm(), await confirm()], ["done", "not-done"]);
  });
});

Deno.test("verify-scsi finds a disk where it was put, or refuses", async () => {
  const place = { bus: "scsi.0", channel: 0, scsiId: 3, lun: 1 };
  const step: AnyStep = { kind: "verify-scsi", id: "d", ...place };
  await withStep(step, async ({ peer, does, fails }) => {
    peer.model.devices.set("d", { id: "d", driver: "scsi-hd", slot: 1 });
    const told = { "scsi-id": 3, channel: 0, lun: 1 };
    const all = { ...told, parent_bus: "/machine/peripheral/s/virtio/scsi.0" };
    peer.model.properties.set("d", all);
    assertEquals(await does(), []);
    for (
      const other of [
        ...[{ "scsi-id": 4 }, { channel: 1 }, { lun: 0 }],
        { parent_bus: "/machine/peripheral/s/virtio/xscsi.0" },
      ]
    ) {
      peer.model.properties.set("d", { ...all, ...other });
      assertStringIncludes(
        await fails("does"),
        "does not have it as target 3 of scsi.0",
      );
    }
  });
});

Deno.test("give-owner and return-owner go by who owns the disk now", async () => {
  const directory = Deno.makeTempDirSync();
  const path = `${directory}/disk`;
  Deno.writeTextFileSync(path, "");
  const inode = inodeKey(statPath(path));
  const given = { way: "chown", path, inode, from: 0, to: 30 } as const;
  const confirmed = async (kind: "give-owner" | "return-owner") => {
    let told = "";
    await withStep({ kind, given }, async ({ confirm }) => {
      told = await confirm();
    });
    return told;
  };
  const both = async () => [
    await confirmed("give-owner"),
    await confirmed("return-owner"),
  ];
  assertEquals(await both(), ["not-done", "done"]);
  Deno.chownSync(path, 30, 31);
  assertEquals(await both(), ["done", "not-done"]);
  // Somebody else's by now.
  Deno.chownSync(path, 31, 31);
  assertEquals(await both(), ["not-done", "done"]);
  Deno.removeSync(directory, { recursive: true });
  assertEquals(await both(), ["not-done", "unknown"]);
});

Deno.test("verify-device asks the device itself behind a bridge without a number", async () => {
  const step: AnyStep = { kind: "verify-device", id: "d", slot: 3 };
  const at = (slot: number, qdev_id: string) => ({
    ...{ bus: 0, slot, function: 0, qdev_id, regions: [] },
    ...{ class_info: { class: 1 }, id: { device: 1, vendor: 1 } },
  });
  const bridge = (secondary: number) => ({
    ...at(9, "bridge"),
    pci_bridge: { bus: { number: 0, secondary, subordinate: 0 }, devices: [] },
  });
  await withStep(step, async ({ answer, does, fails, peer }) => {
    const pci = (...devices: unknown[]) =>
      answer("query-pci", [{ bus: 0, devices }]);
    pci(at(4, "x"), at(3, "d"));
    assertEquals(await does(), []);
    const lost = "query-pci does not show it in slot 3";
    pci(at(4, "d"), bridge(0));
    assertStringIncludes(await fails("does"), lost);
    // Every bridge has a number: what is not shown is not there.
    peer.model.devices.set("d", { id: "d", driver: "x", slot: 3 });
    peer.model.properties.set("d", { addr: 3 * 8 });
    pci(at(4, "x"), bridge(1));
    assertStringIncludes(await fails("does"), lost);
    pci(at(4, "x"), bridge(0));
    assertEquals(await does(), []);
    for (const addr of [3, 4 * 8, 3 * 8 + 1, undefined]) {
      peer.model.properties.set("d", { addr });
      pci(at(4, "x"), bridge(0));
      assertStringIncludes(await fails("does"), lost);
    }
  });
});
