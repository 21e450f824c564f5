import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import * as common from "../../lib/commands/report.ts";
import * as details from "../../lib/plan/details.ts";
import * as change from "../../lib/commands/report_change.ts";
import { commandUsage, usageText } from "../../lib/commands/usage.ts";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { examplesOf, GLOBAL_OPTIONS } from "../../lib/words/options.ts";
import { HotplugError, remark, withDetails } from "../../lib/errors.ts";
import type { DeviceView } from "../../lib/engine/plan.ts";
import { formatCommand } from "../../lib/engine/verbs.ts";
import { planDiskAdd } from "../../lib/disk/add.ts";

import {
  assert,
  disk,
  diskAdd,
  diskAddFacts,
  NEW_UUID,
  NO_PROPERTIES,
  planOf,
} from "../support/facts.ts";
import { describe } from "../support/steps.ts";

const report = { ...common, ...change, ...details };

const PLAN = planOf(
  planDiskAdd(
    diskAdd({ name: "data" }),
    diskAddFacts({ disks: [disk(0, 12)] }),
  ),
);

const ADDED = {
  instance: "vm1",
  action: "add",
  changed: true,
  device: PLAN.device,
  warnings: [],
} as const;

Deno.test("outcomeDocument() has the fields of the interface", () => {
  assertEquals(report.outcomeDocument(ADDED), {
    ok: true,
    instance: "vm1",
    action: "add",
    dry_run: false,
    changed: true,
    device: {
      kind: "disk",
      index: 1,
      uuid: NEW_UUID,
      name: "data",
      id: "disk-932df160-7a22-4067",
      driver: "virtio-blk-pci",
      bus: "pci.0",
      slot: 13,
      addr: "0xd",
      source: "/srv/new.img",
      size_bytes: 67108864,
      format: "raw",
      via: "fdset",
      ...{ channel: null, scsi_id: null, lun: null },
      ...{ read_only: false, cache: "writeback", aio: "threads" },
      ...{
        discard: "ignore",
        limits: null,
        limit_group: null,
        ...NO_PROPERTIES,
        migratable: true,
      },
      ...{ tray: null, live_source: null, unlike_start: [] },
    },
    settled: [],
    plan: null,
  });
});

Deno.test("outcomeDocument() of a dry run has the plan", () => {
  const dry = { ...ADDED, changed: false, plan: PLAN.steps.map(describe) };
  const document = JSON.parse(JSON.stringify(report.outcomeDocument(dry)));
  assertEquals([document.dry_run, document.changed], [true, false]);
  assertEquals(document.plan.length, PLAN.steps.length);
  for (const step of document.plan) {
    assertEquals(Object.keys(step).sort(), ["host", "qmp", "step", "undo"]);
    assertEquals(typeof step.step, "string");
    assert(step.qmp !== null || step.host !== null, step.step);
  }
  assertEquals(document.plan[2].qmp.execute, "add-fd");
});

Deno.test("failureDocument() has the fields of the interface", () => {
  const qmp = { command: "device_add", class: "GenericError", desc: "no" };
  const error = new HotplugError("qmp-error", "m", { hint: "h", qmp });
  assertEquals(report.failureDocument(error, "vm1"), {
    ok: false,
    instance: "vm1",
    error: {
      ...{ code: "qmp-error", message: "m", hint: "h", qmp, device: null },
      candidates: null,
    },
    device: null,
    changed: false,
    settled: [],
  });
  assertEquals(
    report.failureDocument(new HotplugError("usage", "m"), undefined),
    {
      ok: false,
      instance: null,
      error: {
        ...{ code: "usage", message: "m", hint: null, qmp: null },
        ...{ device: null, candidates: null },
      },
      device: null,
      changed: false,
      settled: [],
    },
  );
  const name = { kind: "disk", index: 1, uuid: "u", id: "i" };
  const device = { ...name, slot: 13 };
  const settled = [{ code: "c", message: "s", hint: null, device: null }];
  const pending = new HotplugError("unplug-pending", "m", { device, settled });
  const document = report.failureDocument(pending, "vm1");
  assertEquals(document.error.device, name);
  assertEquals([document.device, document.settled], [device, settled]);
});

Deno.test("outcomeText() says in a line what was done", () => {
  assertEquals(report.outcomeText(ADDED), [
    'Added disk 1 "data" (disk-932df160-7a22-4067) to vm1 in slot 13: ' +
    "/srv/new.img, 64 MiB, raw, virtio-blk-pci",
  ]);
  const removed = { ...ADDED, action: "remove" } as const;
  assertStringIncludes(report.outcomeText(removed)[0] ?? "", "Removed disk 1");
  const same = { ...ADDED, changed: false };
  assertStringIncludes(report.outcomeText(same)[0] ?? "", "already has disk 1");
  const nothing = { ...removed, changed: false, device: null };
  assertEquals(report.outcomeText(nothing), [
    "Nothing to remove: vm1 has no such device",
  ]);
  const upgraded = { ...nothing, action: "upgrade" } as const;
  assertEquals(report.outcomeText(upgraded), [
    "The runtime file of vm1 already has the current form",
  ]);
});

Deno.test("outcomeText() tells limits and a link that is down, and what is so already", () => {
  const limits = { iops: 100, bps_read: 1024 };
  const limited = {
    ...ADDED,
    action: "set",
    device: { ...ADDED.device, limits },
  } as const;
  const what = 'disk 1 "data" (disk-932df160-7a22-4067) of vm1';
  const details =
    "/srv/new.img, 64 MiB, raw, virtio-blk-pci, limits: iops 100, bps-read 1k";
  assertEquals(report.outcomeText(limited), [`Changed ${what}: ${details}`]);
  assertEquals(report.outcomeText({ ...limited, changed: false }), [
    `Nothing to change: ${what} already has: ${details}`,
  ]);
  const same = { ...ADDED, changed: false };
  const [set, resize] = ["set", "resize"].map((action) =>
    report.outcomeText({ ...same, action: action as "set" | "resize" })[0] ?? ""
  );
  assertMatch(set ?? "", /already has: .*, no limits$/);
  assertMatch(resize ?? "", /already has 64M \(67108864 bytes\)$/);
  const card = { kind: "nic", mac: "m", tap: "tap0", link: null } as const;
  const nic = { ...ADDED.device, ...card, link_state: "down" } as const;
  const [line = ""] = report.outcomeText({ ...ADDED, device: nic });
  assertMatch(line, /: m, tap tap0, virtio-blk-pci, link down$/);
});

Deno.test("outcomeText() of a dry run shows each step and its undo", () => {
  const lines = report.outcomeText({
    ...ADDED,
    changed: false,
    plan: PLAN.steps.map(describe),
  });
  const [first, ...rest] = lines;
  assertEquals(
    first,
    'Would add disk 1 "data" (disk-932df160-7a22-4067) in slot 13, in 8 steps:',
  );
  assertEquals(rest.pop(), "Nothing was changed.");
  const steps = PLAN.steps.map(describe).flatMap((one, i) => [
    `${i < 9 ? " " : ""}${i + 1}. ${one.step}`,
    `    ${one.qmp === null ? one.host : formatCommand(one.qmp)}`,
    ...one.undo === null ? [] : [`    undo: ${one.undo}`],
  ]);
  assertEquals(rest, steps);
  const text = lines.join("\n");
  assertStringIncludes(text, '    device_add {"driver":"virtio-blk-pci"');
  assertStringIncludes(text, '    undo: blockdev-del {"node-name"');
  const one = PLAN.steps.slice(0, 1).map(describe);
  const about = { ...ADDED, changed: false, device: null, plan: one };
  assertEquals(report.outcomeText(about)[0], "Would add vm1, in 1 step:");
});

Deno.test("failureText() is a line, and a hint if there is one", () => {
  assertEquals(
    report.failureText(new HotplugError("busy", "m")),
    "kvm-hotplug: m",
  );
  assertEquals(
    report.failureText(new HotplugError("busy", "m", { hint: "h" })),
    "kvm-hotplug: m\nhint: h",
  );
});

Deno.test("failureText() lists names, one a line; a document in a line", () => {
  const names = ["vm1.example.com", "vm1.example.org"];
  const about = { names, hint: "give the whole name" };
  const error = new HotplugError("no-such-instance", "vm1 matches 2", about);
  const again = withDetails(error, { changed: true });
  for (const one of [error, again]) {
    assertEquals(report.failureText(one).split("\n"), [
      "kvm-hotplug: vm1 matches 2:",
      "  vm1.example.com",
      "  vm1.example.org",
      "hint: give the whole name",
    ]);
    assertEquals(
      report.failureDocument(one, "vm1").error.message,
      "vm1 matches 2: vm1.example.com; vm1.example.org",
    );
  }
});

Deno.test("failureText() lists candidates, one a line", () => {
  const candidates = [0, 1].map((index) => ({
    kind: "disk",
    index,
    uuid: `u${index}`,
    id: `d${index}`,
  }));
  const error = new HotplugError("ambiguous-device", "m", { candidates });
  assertEquals(report.failureText(error).split("\n").slice(1), [
    "  disk 0: id d0, uuid u0",
    "  disk 1: id d1, uuid u1",
  ]);
});

Deno.test("usageText() names every command and every global option", () => {
  const text = usageText();
  for (const { name } of COMMANDS) assertStringIncludes(text, `  ${name}`);
  for (const { name } of GLOBAL_OPTIONS) {
    assertStringIncludes(text, `--${name}`);
  }
});

Deno.test("commandUsage() names every option and its examples", () => {
  for (const command of COMMANDS) {
    const text = commandUsage(command, "command line");
    for (const { name } of command.options) {
      assertStringIncludes(text, `--${name}`);
    }
    for (const line of examplesOf(command)) {
      assertStringIncludes(text, `\n  ${line}`);
    }
    for (const line of text.split("\n")) assert(line.length <= 80, line);
  }
});

Deno.test("outcomeText() tells what was adopted and what was left", () => {
  const remaining = [
    remark("not-adopted", "disk x: it has no device id"),
    remark("not-adopted", "disk y: its file is not known", { hint: "do so" }),
  ];
  const about = {
    instance: "vm1",
    action: "adopt" as const,
    device: null,
    warnings: [],
  };
  assertEquals(
    report.outcomeText({
      ...about,
      changed: true,
      adoption: { adopted: [PLAN.device], remaining },
    }),
    [
      "Adopted 1 device of vm1",
      `Proven: disk 1 "data" (${PLAN.device.id}) in slot 13: /srv/new.img, 64 MiB, raw, virtio-blk-pci`,
      "Left alone: disk x: it has no device id",
      "Left alone: disk y: its file is not known",
      "  do so",
    ],
  );
  assertEquals(
    report.outcomeText({
      ...about,
      changed: false,
      adoption: { adopted: [], remaining: [] },
    }),
    ["No device to adopt in vm1"],
  );
});

Deno.test("outcomeText() of a dry run tells what would be adopted, and what not", () => {
  const remaining = [remark("not-adopted", "disk x: it has no device id")];
  const [first, ...rest] = report.outcomeText({
    instance: "vm1",
    action: "adopt",
    device: null,
    warnings: [],
    changed: false,
    plan: PLAN.steps.slice(0, 2).map(describe),
    adoption: { adopted: [PLAN.device, PLAN.device], remaining },
  });
  assertEquals(first, "Would adopt vm1, in 2 steps:");
  const proven =
    `Proven: disk 1 "data" (${PLAN.device.id}) in slot 13: /srv/new.img, 64 MiB, raw, virtio-blk-pci`;
  assertEquals(rest.slice(-4), [
    "Nothing was changed.",
    proven,
    proven,
    "Left alone: disk x: it has no device id",
  ]);
});

Deno.test("outcomeText() of a row tells each operation, and what there is after it", () => {
  const about = { ...ADDED, device: null };
  const row = { reached: 2, has: "2 processors", operations: [ADDED, ADDED] };
  const [one = ""] = report.outcomeText(ADDED);
  assertEquals(report.outcomeText({ ...about, row }), [
    one,
    one,
    "vm1 is now set to 2 processors",
  ]);
  const dry = { ...about, changed: false, plan: [], row };
  assertEquals(
    report.outcomeText(dry).at(-1),
    "vm1 would then be set to 2 processors",
  );
  const none = { ...about, changed: false, row: { ...row, operations: [] } };
  assertEquals(report.outcomeText(none), [
    "Nothing to change: vm1 is already set to 2 processors",
  ]);
  const { reached, operations } = JSON.parse(
    JSON.stringify(report.outcomeDocument({ ...about, row })),
  );
  assertEquals([reached, operations.length], [2, 2]);
  assertEquals(operations[0], {
    ...{ action: "add", changed: true, plan: null },
    device: JSON.parse(JSON.stringify(ADDED.device)),
  });
});

Deno.test("outcomeText() says of each change what it was", () => {
  const said = (action: "modify" | "resize" | "set" | "upgrade") =>
    report.outcomeText({ ...ADDED, action })[0] ?? "";
  const what = 'disk 1 "data" (disk-932df160-7a22-4067) of vm1';
  const details = "/srv/new.img, 64 MiB, raw, virtio-blk-pci";
  assertEquals(said("modify"), `Modified ${what} in slot 13: ${details}`);
  const warnings = [remark("nic-replaced", "a new card")];
  assertEquals(
    report.outcomeText({ ...ADDED, action: "modify", warnings })[0],
    `Replaced ${what} in slot 13: ${details}`,
  );
  assertEquals(said("resize"), `Resized ${what}: ${details}`);
  assertEquals(said("set"), `Changed ${what}: ${details}`);
  assertEquals(said("upgrade"), "Upgraded the runtime file of vm1");
  const two = [PLAN.device, PLAN.device];
  const adoption = { adopted: two, remaining: [] };
  assertEquals(
    report.outcomeText({
      ...ADDED,
      action: "adopt",
      device: null,
      adoption,
    })[0],
    "Adopted 2 devices of vm1",
  );
});

/** The disk of the plan, but for these members. */
function device(more: Record<string, unknown>): DeviceView {
  return { ...ADDED.device, ...more } as DeviceView;
}

Deno.test("detailsOf() tells how a disk behaves where a start would not", () => {
  const details = (more: Record<string, unknown>) =>
    report.detailsOf(device({ driver: "d", ...more }));
  const where = "/srv/new.img, 64 MiB, raw, d";
  const cases: [Record<string, unknown>, string][] = [
    [{}, where],
    [{ read_only: true }, `${where}, read-only`],
    [{ read_only: true, driver: "scsi-cd" }, where.replace(/d$/, "scsi-cd")],
    [{ source: null, size_bytes: 0 }, "no medium, d"],
    [
      {
        ...{ source: null, size_bytes: 0, serial: "CDS", bootindex: 12 },
        ...{ limits: { iops: 50 }, tray: "open", migratable: false },
      },
      "no medium, d, limits: iops 50, serial CDS, bootindex 12, tray open, Ganeti cannot start it",
    ],
    [{ source: "", size_bytes: 1 }, "1 B, raw, d"],
    [{ size_bytes: null }, "/srv/new.img, raw, d"],
    [{ size_bytes: 0 }, "/srv/new.img, 0 B, raw, d"],
    [{ live_source: "/b" }, "/b (recorded: /srv/new.img), 64 MiB, raw, d"],
    [
      { live_source: "/b", source: null },
      "/b (recorded: none), 64 MiB, raw, d",
    ],
    [{ cache: "none", unlike_start: ["cache"] }, `${where}, cache none`],
    [{ aio: "native", unlike_start: ["aio"] }, `${where}, aio native`],
    [
      { discard: "unmap", unlike_start: ["discard"] },
      `${where}, discard unmap`,
    ],
    [{ migratable: false }, `${where}, Ganeti cannot start it`],
  ];
  for (const [more, text] of cases) assertEquals(details(more), text);
  const size = (value: unknown) => report.sizeOf(device({ size_bytes: value }));
  assertEquals([size(1024), size(null)], [
    "1k (1024 bytes)",
    "an unknown size",
  ]);
});

Deno.test("detailsOf() tells a NIC's network, queues and rate", () => {
  const details = (more: Record<string, unknown>) =>
    report.detailsOf(device({ kind: "nic", driver: "d", ...more }));
  const cases: [Record<string, unknown>, string][] = [
    [{ mac: "m", tap: "t" }, "m, tap t, d"],
    [{ mode: "bridged", link: "br0" }, "on br0, d"],
    [{ mode: "openvswitch", link: "s" }, "openvswitch on s, d"],
    [{ link: "br0" }, "on br0, d"],
    [{ mode: "routed" }, "routed, d"],
    [{ mode: "bridged" }, "joined to no network, d"],
    [{ queues: 1, mtu: 9000 }, "d, MTU 9000"],
    [{ queues: 2 }, "d, 2 queues"],
    [{ link_state: "up", rate: null }, "d"],
    [{ rate: { in: 1024, out: null } }, "d, rate in 1 KiB/s"],
    [
      { rate: { in: 1024, out: 2048 } },
      "d, rate in 1 KiB/s, rate out 2 KiB/s",
    ],
    [{ migratable: false }, "d, Ganeti cannot start it"],
  ];
  for (const [more, text] of cases) assertEquals(details(more), text);
});

Deno.test("whereOf() tells a slot, a port or a target", () => {
  const where = (more: Record<string, unknown>) => report.whereOf(device(more));
  const none = { slot: null };
  assertEquals([
    where({ slot: 13 }),
    where({ slot: 0, bus: "port1" }),
    where({ slot: 0, bus: null }),
    where({ ...none, scsi_id: 0, bus: "scsi.0" }),
    where(none),
  ], [
    " in slot 13",
    " in port port1",
    " in slot 0",
    " as target 0 of scsi.0",
    "",
  ]);
  const title = { ...ADDED.device, index: null, name: null };
  assertEquals(report.titleOf(title), "disk");
  assertEquals(report.titleOf({ ...title, kind: "nic", index: 0 }), "NIC 0");
});

Deno.test("failureText() names of a candidate what is known of it", () => {
  const none = { index: null, uuid: null, id: null };
  const candidates = [{ kind: "nic", ...none }];
  const error = new HotplugError("ambiguous-device", "m", { candidates });
  assertEquals(
    report.failureText(error).split("\n")[1],
    "  NIC -: id none, uuid none",
  );
});

Deno.test("failureText() offers what a mistyped name is nearest to", () => {
  const choice = { word: "dat", known: ["data", "root", "swap"] };
  const error = new HotplugError("no-such-device", "No device", {
    choice,
    hint: "an index, or a name",
  });
  assertEquals(
    report.failureText(error).split("\n")[1],
    "hint: did you mean data?",
  );
  assertEquals(
    report.failureDocument(error, "vm1").error.hint,
    "did you mean data?",
  );
  const far = new HotplugError("no-such-device", "No device", {
    choice: { word: "nothing-like", known: choice.known },
    hint: "an index, or a name",
  });
  assertEquals(
    report.failureText(far).split("\n")[1],
    "hint: an index, or a name",
  );
});
