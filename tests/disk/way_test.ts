import { assertEquals, assertStringIncludes } from "@std/assert";
import { uriSource } from "../../lib/host/source.ts";
import type { AccessFacts } from "../../lib/disk/way_facts.ts";
import { planDiskAdd } from "../../lib/disk/add.ts";
import { planDiskRemove } from "../../lib/disk/remove.ts";
import type { Via } from "../../lib/host/access_record.ts";
import { EMPTY_RECORD, type OwnRecord } from "../../lib/state/own_check.ts";
import {
  assert,
  disk,
  diskAdd,
  diskAddFacts,
  facts,
  NEW_UUID,
  planOf,
  planRefusal,
  qmpStep,
  stepNames,
  stepOf,
  uuidOf,
} from "../support/facts.ts";
import { confinement } from "../support/confinement.ts";
import { describe } from "../support/steps.ts";

const QEMU = {
  boot: "932df160-7a22-4067-8b7e-1f0a5d7c9e11",
  pid: 4711,
  start: 5,
  name: "vm1",
};
const ROOT = "/run/g/kvm-hypervisor/chroot/vm1";
const NEW_ID = "disk-932df160-7a22-4067";
const BLOCK = {
  kind: "block",
  path: "/dev/vg/x",
  resolved: "/dev/dm-3",
} as const;
const FD_COMMANDS = ["add-fd", "remove-fd", "query-fdsets"];

const JAILED = confinement({ root: ROOT, jail: "chroot" });
const HIDDEN = "open /dev/vg/x: No such file or directory (ENOENT)";
const DENIED = "access /dev/vg/x: Permission denied (EACCES)";

function access(more: Partial<AccessFacts> = {}): AccessFacts {
  return {
    confinement: confinement(),
    path: "/dev/vg/x",
    reachFault: undefined,
    openFault: undefined,
    uid: 0,
    inode: "0:5 77 252:3",
    rdev: "252:3",
    root: undefined,
    ...more,
  };
}

const JAIL = access({
  confinement: JAILED,
  reachFault: HIDDEN,
  openFault: HIDDEN,
  root: {
    inode: "0:24 9 0:0",
    mode: 0o700,
    passable: false,
    nodev: false,
    names: [],
  },
});

function without(names: readonly string[]) {
  const commands = new Set(facts().qemu.commands);
  for (const name of names) commands.delete(name);
  return { commands };
}

function given(
  seen: AccessFacts,
  more: Parameters<typeof diskAddFacts>[0] = {},
) {
  const own = { ...facts().own, qemu: QEMU };
  return diskAddFacts({ source: BLOCK, access: seen, own, ...more });
}

function plan(via: Via | undefined, one: ReturnType<typeof given>) {
  return planOf(planDiskAdd(diskAdd({ via }), one));
}

function refused(via: Via | undefined, one: ReturnType<typeof given>) {
  const code = via === undefined ? "unsupported" : "refused";
  return planRefusal(
    code,
    one,
    (it) => planDiskAdd(diskAdd({ via }), it as ReturnType<typeof given>),
  );
}

function filenameOf(one: ReturnType<typeof plan>): unknown {
  const node = qmpStep(one, "blockdev-add").arguments;
  return (node["file"] as Record<string, unknown>)["filename"];
}

Deno.test("planDiskAdd() lets QEMU open what it can where no fd can be passed", () => {
  const one = given(access(), { qemu: without(FD_COMMANDS) });
  const made = plan(undefined, one);
  assertEquals(stepNames(made), [
    "stage-state",
    "probe-path",
    "blockdev-add",
    "verify-open",
    "device_add",
    "verify-device",
    "commit-state",
  ]);
  assertEquals([filenameOf(made), made.device["via"]], ["/dev/vg/x", "path"]);
  assertEquals(stepOf(made, "probe-path").pid, 4711);
});

Deno.test("planDiskAdd() passes the fd even where QEMU could open the path", () => {
  const made = plan(undefined, diskAddFacts({ source: BLOCK }));
  assertEquals(made.device["via"], "fdset");
});

Deno.test("planDiskAdd() goes the way that is asked for, whatever QEMU takes", () => {
  const before = {
    path: ["stage-state"],
    chown: ["stage-state", "own-record", "give-owner"],
    mknod: ["stage-state", "own-record", "make-node"],
  };
  for (const via of ["path", "chown", "mknod"] as const) {
    const seen = via === "mknod" ? JAIL : access();
    for (const qemu of [{}, without(FD_COMMANDS)]) {
      const made = plan(via, given(seen, { qemu }));
      assertEquals(stepNames(made), [
        ...before[via],
        ...["probe-path", "blockdev-add", "verify-open", "device_add"],
        ...["verify-device", "commit-state"],
      ]);
      const path = via === "mknod" ? `/${NEW_ID}` : "/dev/vg/x";
      assertEquals([filenameOf(made), made.device["via"]], [path, via]);
    }
  }
});

Deno.test("planDiskAdd() warns in plain words where QEMU sees no disk", () => {
  for (const missing of FD_COMMANDS) {
    const error = refused(
      undefined,
      given(JAIL, { qemu: without([missing]) }),
    );
    assertStringIncludes(error.message, `lacks ${missing}`);
    assertStringIncludes(error.message, `root directory ${ROOT}`);
    assertStringIncludes(error.message, "runs in a chroot");
    assertStringIncludes(error.hint ?? "", "ENOENT");
    assertStringIncludes(error.hint ?? "", "--via mknod");
  }
  const denied = given(access({ openFault: DENIED }), {
    qemu: without(["add-fd"]),
  });
  const error = refused(undefined, denied);
  assertStringIncludes(error.message, "uid 65534");
  assertStringIncludes(error.hint ?? "", "--via chown");
});

Deno.test("planDiskAdd() via path is refused where QEMU cannot open it", () => {
  const error = refused("path", given(access({ openFault: DENIED })));
  assertStringIncludes(error.message, DENIED);
  const unknown = access({
    confinement: undefined,
    openFault: "?",
    reachFault: "?",
  });
  assertStringIncludes(
    refused("path", given(unknown)).message,
    "process is unknown",
  );
  const elsewhere = access({
    confinement: confinement({ userNamespace: "another" }),
  });
  for (const via of ["path", "chown", "mknod"] as const) {
    const { message } = refused(via, given(elsewhere));
    assertStringIncludes(message, "user namespace");
  }
});

Deno.test("planDiskAdd() via chown notes the owner before it changes it", () => {
  const made = plan("chown", given(access({ openFault: DENIED })));
  assertEquals(stepNames(made).slice(0, 5), [
    "stage-state",
    "own-record",
    "give-owner",
    "probe-path",
    "blockdev-add",
  ]);
  const expected = {
    way: "chown",
    path: "/dev/dm-3",
    inode: "0:5 77 252:3",
    from: 0,
    to: 65534,
  } as const;
  assertEquals(stepOf(made, "give-owner").given, expected);
  assertEquals(stepOf(made, "own-record").change, {
    uuid: NEW_UUID,
    before: null,
    after: { kind: "disk", via: "chown", access: expected },
  });
  assertEquals(made.device["via"], "chown");
});

Deno.test("planDiskAdd() via chown does not take what QEMU has already", () => {
  const made = plan("chown", given(access({ uid: 65534 })));
  assertEquals(stepNames(made).includes("give-owner"), false);
  // QEMU tells a path only; nothing is to be given back.
  assertEquals(stepOf(made, "own-record").change, {
    uuid: NEW_UUID,
    before: null,
    after: { kind: "disk", via: "chown" },
  });
  const old = {
    kind: "disk",
    via: "chown",
    access: {
      way: "chown",
      path: "/dev/dm-3",
      inode: "0:5 77 252:3",
      from: 42,
      to: 65534,
    },
  } as const;
  const record: OwnRecord = {
    ...EMPTY_RECORD,
    devices: { [uuidOf("disk", 9)]: old },
  };
  const own = { ...facts().own, qemu: QEMU, record };
  const again = plan("chown", given(access({ uid: 65534 }), { own }));
  assertEquals(stepOf(again, "give-owner").given.from, 42);
});

Deno.test("planDiskAdd() via chown is refused where QEMU does not get to it", () => {
  const error = refused("chown", given(JAIL));
  assertStringIncludes(error.message, "ENOENT");
  assertStringIncludes(error.hint ?? "", "--via mknod");
});

Deno.test("planDiskAdd() via mknod makes a node and a passable chroot", () => {
  const made = plan("mknod", given(JAIL));
  assertEquals(stepNames(made).slice(1, 5), [
    "own-record",
    "make-node",
    "probe-path",
    "blockdev-add",
  ]);
  assertEquals(stepOf(made, "make-node").node, {
    way: "mknod",
    root: ROOT,
    rootInode: "0:24 9 0:0",
    name: NEW_ID,
    rdev: "252:3",
    uid: 65534,
    kind: "node",
    rootMode: 0o700,
  });
  assertEquals(filenameOf(made), `/${NEW_ID}`);
  assert(JAIL.root !== undefined);
  const root = { ...JAIL.root, nodev: true, passable: true };
  const { node } = stepOf(plan("mknod", given({ ...JAIL, root })), "make-node");
  assertEquals([node.kind, node.rootMode], ["bind", null]);
});

Deno.test("planDiskAdd() via mknod is refused for a file, without chroot, over another's", () => {
  const file = { source: { kind: "file" } } as const;
  assertStringIncludes(
    refused("mknod", given(JAIL, file)).message,
    "only a block device",
  );
  assertStringIncludes(
    refused("mknod", given(access())).message,
    "no root directory of its own",
  );
  assert(JAIL.root !== undefined);
  const root = { ...JAIL.root, names: [NEW_ID] };
  assertStringIncludes(
    refused("mknod", given({ ...JAIL, root })).message,
    "already exists",
  );
  const mountNamespace = "another";
  const elsewhere = { ...JAILED, mountNamespace } as const;
  assertStringIncludes(
    refused("mknod", given({ ...JAIL, confinement: elsewhere })).message,
    "mount namespace",
  );
});

Deno.test("every step of every way is described, with its undo", () => {
  for (const via of ["path", "chown", "mknod"] as const) {
    const seen = via === "mknod" ? JAIL : access();
    for (const step of plan(via, given(seen)).steps) {
      const { step: title, host, qmp } = describe(step);
      assert(title !== "" && (host !== null || qmp !== null), title);
    }
  }
});

function removal(record: OwnRecord) {
  const own = { ...facts().own, qemu: QEMU, record };
  const request = {
    kind: "disk-remove",
    instance: "vm1",
    device: "0",
    bootDisk: "kept",
  } as const;
  return planOf(
    planDiskRemove(request, facts({ disks: [disk(0, 12)], own })),
  );
}

function nodeOf(number: number, rootMode: number | null) {
  return {
    kind: "disk",
    via: "mknod",
    access: {
      way: "mknod",
      root: ROOT,
      rootInode: "0:24 9 0:0",
      name: `disk-${number}`,
      rdev: "252:3",
      uid: 65534,
      kind: "node",
      rootMode,
    },
  } as const;
}

Deno.test("planDiskRemove() gives back after QEMU let go, and then forgets", () => {
  const record = {
    ...EMPTY_RECORD,
    qemu: QEMU,
    devices: { [uuidOf("disk", 0)]: nodeOf(0, 0o700) },
  };
  assertEquals(stepNames(removal(record)), [
    "stage-state",
    "unplug",
    "blockdev-del",
    "await-release",
    "remove-node",
    "own-record",
    "commit-state",
  ]);
  const { change, holder } = stepOf(removal(record), "own-record");
  assertEquals([change.uuid, change.after], [uuidOf("disk", 0), null]);
  const { holder: other } = stepOf(removal(record), "remove-node");
  assertEquals([holder, other], [QEMU.pid, QEMU.pid]);
});

Deno.test("planDiskRemove() leaves the chroot passable for the next node", () => {
  const record = {
    ...EMPTY_RECORD,
    qemu: QEMU,
    devices: {
      [uuidOf("disk", 0)]: nodeOf(0, 0o700),
      [uuidOf("disk", 1)]: nodeOf(1, null),
    },
  };
  const made = removal(record);
  assertEquals(stepOf(made, "remove-node").node.rootMode, null);
  const { change } = stepOf(made, "own-record");
  assertEquals(change.uuid, uuidOf("disk", 1));
  const kept = change.after?.access;
  assert(kept?.way === "mknod");
  assertEquals(kept.rootMode, 0o700);
});

function uriFacts(uri: string, uriFault?: string) {
  const source = uriSource(uri);
  return diskAddFacts({ source, ...(uriFault && { uriFault }) });
}

Deno.test("planDiskAdd() of a URI leaves the way to QEMU and records it", () => {
  const uri = "rbd:pool/disk1";
  const made = planOf(
    planDiskAdd(diskAdd({ source: uri }), uriFacts(uri)),
  );
  assertEquals(stepNames(made), [
    "stage-state",
    "blockdev-add",
    "device_add",
    "verify-device",
    "commit-state",
  ]);
  assertEquals(qmpStep(made, "blockdev-add").arguments["file"], {
    driver: "rbd",
    pool: "pool",
    image: "disk1",
  });
  assertEquals([made.device["via"], made.device["size_bytes"]], ["uri", null]);
  const { change } = stepOf(made, "stage-state");
  assert(change.change === "insert");
  const [object, link, recorded] = JSON.parse(change.entry);
  assertEquals([link, recorded, object.dev_type], [null, uri, "rbd"]);
  assertEquals(object.params, { pool: "pool", access: "userspace" });
  assertEquals(object.mode, "rw");
});

Deno.test("planDiskAdd() of a URI is refused where QEMU does not get at it", () => {
  const uri = "nbd://10.0.0.1/x";
  const request = diskAdd({ source: uri, migratable: "not-needed" });
  const refusal = (fault: string | undefined, via?: Via) =>
    planRefusal(
      "refused",
      uriFacts(uri, fault),
      (one) =>
        planDiskAdd({ ...request, via }, one as ReturnType<typeof uriFacts>),
    ).message;
  assertEquals(refusal("no way"), "no way");
  assertStringIncludes(refusal(undefined, "chown"), "--via chown");
  assertStringIncludes(
    planRefusal(
      "refused",
      uriFacts(uri),
      (one) =>
        planDiskAdd(
          diskAdd({ source: uri }),
          one as ReturnType<typeof uriFacts>,
        ),
    ).message,
    "could not open",
  );
});

Deno.test("planDiskAdd() of a URI that already exists does nothing", () => {
  const uri = "rbd:pool/disk1";
  const [object] = disk(0, 12, { dev_type: "rbd" });
  const recorded = facts({ disks: [[object, null, uri]] });
  const given = { ...uriFacts(uri), ...recorded };
  const decision = planDiskAdd(diskAdd({ source: uri }), given);
  assertEquals(decision.steps, []);
});
