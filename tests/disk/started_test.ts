import { assertEquals, assertThrows } from "@std/assert";
import { namedDrives } from "../../lib/disk/drive_names.ts";
import { liveDrive, startedDrives } from "../../lib/disk/started.ts";
import { isDriveWords, wordsWith } from "../../lib/disk/started_words.ts";
import {
  mediumDifferences,
  mediumState,
  type StartedMedium,
} from "../../lib/disk/started_medium.ts";
import { planMedium } from "../../lib/disk/medium.ts";
import type { MediumFacts } from "../../lib/disk/medium_drive.ts";
import { planDiskSet } from "../../lib/disk/limits.ts";
import type { DiskSet, MediumSet } from "../../lib/disk/request.ts";
import { HotplugError } from "../../lib/errors.ts";
import { jsonNode } from "../../lib/state/json.ts";
import { commandOptions } from "../../lib/state/fixed_command.ts";
import {
  assert,
  diskAddFacts,
  NO_USERS,
  type PlainObject,
  planOf,
  planRefusal,
  qmpStep,
  stepNames,
  stepOf,
} from "../support/facts.ts";

const ISO = "/srv/one.iso";
const IDE = ["-drive", `file=${ISO},media=cdrom,format=raw,if=ide`];
const FLOPPY = ["-drive", "file=/srv/f,format=raw,media=disk,if=floppy"];
const NODE = "driver=raw,cache.direct=off,cache.no-flush=on,read-only=on," +
  `node-name=cdrom1,file.driver=file,file.filename=${ISO}`;
const NODE_CD = ["-blockdev", NODE, "-device", "ide-cd,bus=ide.0,drive=cdrom1"];

function drivesOf(...words: readonly string[]) {
  return startedDrives({ kvmCmd: ["kvm", ...words] });
}

function told(...words: readonly string[]) {
  return drivesOf(...words).map(({ called, medium, hvinfo: { id, driver } }) =>
    [id, driver, called, medium].join(" ")
  );
}

Deno.test("startedDrives() reads the words of each Ganeti", () => {
  assertEquals(told(...IDE, ...FLOPPY), [
    `ide0-cd0 ide-cd CD drive ${ISO}`,
    "floppy0 floppy floppy drive /srv/f",
  ]);
  assertEquals(told("-device", "virtio-balloon", ...NODE_CD), [
    `cdrom1 ide-cd CD drive ${ISO}`,
  ]);
  const named = "-drive if=none,id=d,media=cdrom -device scsi-cd,id=c,drive=d";
  assertEquals(told(...named.split(" ")), ["c scsi-cd CD drive "]);
  assertEquals(told("-cdrom", ISO), [`ide1-cd0 ide-cd CD drive ${ISO}`]);
});

Deno.test("startedDrives() leaves out what has no removable medium", () => {
  const others = [
    ["-drive", `file=${ISO},media=cdrom,if=virtio`],
    ["-drive", "file=/srv/d,if=ide"],
    ["-drive", "file=/srv/fw,if=pflash,format=raw"],
    ["-blockdev", "driver=raw,node-name=n", "-device", "ide-hd,drive=n"],
    ["-device", "ide-cd"],
  ];
  for (const words of others) assertEquals(told(...words), []);
});

Deno.test("startedDrives() reads a node in JSON, with its file below", () => {
  const file = { "driver": "file", "filename": ISO, "node-name": "s" };
  const node = { "driver": "raw", "node-name": "f", "file": "s" };
  const device = { driver: "ide-cd", drive: "f", id: "ide0-0-0" };
  const [one] = drivesOf(
    ...["-blockdev", JSON.stringify(file), "-blockdev", JSON.stringify(node)],
    ...["-device", JSON.stringify(device)],
  );
  assertEquals([one?.hvinfo.id, one?.medium], ["ide0-0-0", ISO]);
  assert(one !== undefined);
  assertEquals(wordsWith(one, { path: "/srv/two.iso", kind: "file" }), [
    ...["-drive", "file=/srv/two.iso,if=none,id=f,media=cdrom,format=raw"],
  ]);
});

Deno.test("namedDrives() names drives as QEMU does", () => {
  const names = (...values: string[]) =>
    namedDrives(commandOptions(values.flatMap((one) => ["-drive", one])))
      .map(({ name }) => name);
  const cd = "media=cdrom,if=ide";
  assertEquals(names(cd, "if=ide", cd), ["ide0-cd0", "ide0-hd1", "ide1-cd0"]);
  assertEquals(names(`${cd},index=3`, cd), ["ide1-cd1", "ide0-cd0"]);
  assertEquals(names("if=floppy", "if=floppy"), ["floppy0", "floppy1"]);
  assertEquals(names("if=virtio", "if=ide,id=x"), ["virtio0", "x"]);
  const q35 = ["-machine", "q35", "-drive", cd, "-drive", cd];
  assertEquals(namedDrives(commandOptions(q35)).map(({ name }) => name), [
    ...["ide0-cd0", "ide1-cd0"],
  ]);
});

Deno.test("wordsWith() words another medium, and none", () => {
  const changed = (words: readonly string[], path: string | null) => {
    const [one] = drivesOf(...words);
    assert(one !== undefined);
    return wordsWith(one, path === null ? null : { path, kind: "file" });
  };
  const two = "/srv/a,b.iso";
  const empty = changed(IDE, null);
  assertEquals(empty, ["-drive", "media=cdrom,if=ide"]);
  assertEquals(changed(empty, two), [
    ...["-drive", "file=/srv/a,,b.iso,media=cdrom,if=ide,format=raw"],
  ]);
  assertEquals(changed(NODE_CD, two), [
    ...["-blockdev", NODE.replace(ISO, "/srv/a,,b.iso")],
  ]);
  const [option = "", value = ""] = changed(NODE_CD, null);
  assertEquals([option, value], ["-drive", "if=none,id=cdrom1,media=cdrom"]);
  assertEquals(changed(["-cdrom", ISO], null), [
    ...["-drive", "index=2,media=cdrom"],
  ]);
  assertEquals(changed(FLOPPY, null), ["-drive", "media=disk,if=floppy"]);
});

Deno.test("isDriveWords() takes no other words", () => {
  assert(isDriveWords(IDE) && isDriveWords(NODE_CD.slice(0, 2)));
  for (
    const words of [
      [],
      ["-drive"],
      ["-drive", `${IDE[1]},throttling.bps-total=5`],
      ["-drive", "file=/srv/d,if=virtio"],
      ["-blockdev", "driver=nbd,node-name=x,file.filename=/srv/x"],
      ["-device", "ide-cd"],
      [...IDE, ...IDE, ...IDE],
    ]
  ) {
    assertEquals(isDriveWords(words), false, words.join(" "));
  }
  const [odd] = drivesOf("-drive", `${IDE[1]},throttling.bps-total=5`);
  assert(odd !== undefined);
  assertThrows(() => wordsWith(odd, null), HotplugError, "not understood");
});

const QDEV = "/machine/peripheral-anon/device[1]";
const LIVE = {
  ...{ qdev: QDEV, device: "", nodeName: "medium-cdrom1-a" },
  ...{ sizeBytes: 2048, file: "/dev/fdset/1" },
};

Deno.test("liveDrive() finds a drive without an id by its place", () => {
  const [one] = drivesOf("-device", "virtio-balloon", ...NODE_CD);
  assert(one !== undefined);
  const other = { ...LIVE, qdev: "/machine/peripheral-anon/device[0]" };
  assertEquals(liveDrive([other, LIVE], one), LIVE);
  assertEquals(liveDrive([other], one), undefined);
});

Deno.test("mediumState() tells what a start would do otherwise", () => {
  const [drive] = drivesOf("-device", "virtio-balloon", ...NODE_CD);
  const [empty] = drivesOf("-drive", "media=cdrom,if=ide");
  assert(drive !== undefined && empty !== undefined);
  const identity = "file 1 2";
  const same: StartedMedium = {
    ...{ drive, live: LIVE, lead: { identity }, there: undefined },
    open: new Set([identity]),
  };
  const out = { ...LIVE, nodeName: "", file: "" };
  const there = { path: "/srv/b", kind: "file", identity: "file 1 3" } as const;
  const states = [
    same,
    { ...same, live: out },
    { ...same, drive: empty, live: out },
    { ...same, drive: empty, lead: undefined },
    { ...same, open: new Set<string>() },
    { ...same, there },
    { ...same, lead: { identity: undefined } },
    { ...same, lead: { identity: undefined, fault: "it hangs" } },
    { ...same, live: undefined },
  ];
  assertEquals(states.map(mediumState), [
    ...["same", "other", "same", "other", "other", "other", "gone"],
    ...["unknown", "absent"],
  ]);
  const codes = states.map((one) =>
    mediumDifferences(diskAddFacts({}), one).map(({ code, mend }) =>
      mend === undefined ? code : `${code}, mended`
    ).join()
  );
  assertEquals(codes, [
    ...["", "medium, mended", "", "medium", "medium", "medium, mended"],
    ...["medium", "", "not-in-qemu"],
  ]);
});

const WISH: MediumSet = {
  kind: "disk-set-medium",
  instance: "vm1",
  device: "ide0-cd0",
  path: "/srv/new.iso",
  lock: "heeded",
  migratable: "required",
};

const CD_PATH = { cdrom_image_path: ISO };

/** A VM with a CD in a drive of -drive. */
function given({ path = WISH.path, words = IDE, hvparams = CD_PATH }: {
  readonly path?: string | null;
  readonly words?: readonly string[];
  readonly hvparams?: PlainObject;
} = {}): MediumFacts {
  const all = diskAddFacts({
    hvparams,
    source: { path: "/srv/new.iso", identity: "file 1 9" },
  });
  const { runtime } = all.content;
  const kvmCmd = ["kvm", ...words];
  const live = {
    ...{ qdev: "/machine/unattached/device[3]", device: "ide0-cd0" },
    ...{ nodeName: "#block7", sizeBytes: 2048, file: ISO },
  };
  const commands = ["open-tray", "close-tray", "insert-medium", "remove-medium"]
    .map((name) => `blockdev-${name}`);
  const [drive] = drivesOf(...words);
  assert(drive !== undefined);
  const root = {
    ...runtime.root,
    items: [jsonNode(kvmCmd), ...runtime.root.items.slice(1)],
  };
  const tray = { isThere: true, isOpen: false, isLocked: false };
  const identity = "file 1 2";
  return {
    ...all,
    content: { ...all.content, runtime: { ...runtime, root, kvmCmd } },
    qemu: {
      ...all.qemu,
      block: [...all.qemu.block, live],
      commands: new Set([...all.qemu.commands, ...commands]),
    },
    source: path === null ? undefined : all.source,
    trays: new Map([[live.qdev, { nodeName: live.nodeName, ...tray }]]),
    users: NO_USERS,
    media: [{
      ...{ drive, live, lead: { identity }, there: undefined },
      open: new Set([identity]),
    }],
  };
}

Deno.test("planMedium() keeps the node of -drive until it is recorded", () => {
  const changed = planOf(planMedium(WISH, given()));
  assertEquals(stepNames(changed), [
    ...["stage-state", "blockdev-add", "open-source", "add-fd"],
    ...["blockdev-add", "change-medium", "remove-fd", "commit-state"],
    "blockdev-del",
  ]);
  const { from, to, id } = stepOf(changed, "change-medium");
  assertEquals([id, from, to], [
    ...["/machine/unattached/device[3]", "#block7", "medium-ide0-cd0-a"],
  ]);
  assertEquals(qmpStep(changed, "blockdev-del").arguments, {
    "node-name": "medium-ide0-cd0-old",
  });
  const { change } = stepOf(changed, "stage-state");
  assert(change.change === "words");
  const { take, put } = change.words;
  assertEquals([take, put], [IDE, [
    ...["-drive", "file=/srv/new.iso,media=cdrom,if=ide,format=raw"],
  ]]);
  const [warning] = changed.warnings;
  assertEquals(warning?.code, "medium-until-stop");
  assertEquals(
    warning?.hint?.includes("-H cdrom_image_path=/srv/new.iso vm1"),
    true,
  );
});

Deno.test("planMedium() names the hvparam from which a start makes a drive", () => {
  const hint = (hvparams: PlainObject, ...words: string[]) =>
    planOf(planMedium(WISH, given({ hvparams, words: [...IDE, ...words] })))
      .warnings.map(({ message, hint }) =>
        /hvparam (\S+)/.exec(message)?.[1] + (hint?.includes("-H") ? " -H" : "")
      ).join();
  const extra = { kvm_extra: "-cdrom /srv/extra.iso" };
  assertEquals(hint(CD_PATH), "cdrom_image_path -H");
  assertEquals(hint({ cdrom2_image_path: ISO }), "cdrom2_image_path -H");
  assertEquals(hint(extra), "kvm_extra");
  assertEquals(hint({ ...CD_PATH, ...extra }, ...NODE_CD), "kvm_extra");
  assertEquals(hint({ floppy_image_path: ISO }), "");
});

Deno.test("planMedium() records that a drive of the start is empty", () => {
  const wish = { ...WISH, path: null };
  const emptied = planOf(planMedium(wish, given({ path: null })));
  assertEquals(stepNames(emptied), [
    ...["stage-state", "blockdev-add", "change-medium", "commit-state"],
    "blockdev-del",
  ]);
  assertEquals([emptied.device?.source, emptied.device?.size_bytes], [null, 0]);
});

Deno.test("planDiskSet() shows a drive of the start, and does not limit it", () => {
  const about = { instance: "vm1", device: "ide0-cd0" } as const;
  const wish = (limits: DiskSet["limits"]) =>
    ({ kind: "disk-set", ...about, limits }) as const;
  const { device, steps } = planDiskSet(wish({}), given());
  assertEquals([device?.id, device?.source, steps], ["ide0-cd0", ISO, []]);
  const { message } = planRefusal(
    "unsupported",
    given(),
    (one) => planDiskSet(wish({ iops: 100 }), one),
  );
  assertEquals(
    message,
    "Cannot limit CD drive ide0-cd0: the VM was started with it",
  );
});

Deno.test("planMedium() refuses what QEMU lacks, or has without a medium", () => {
  const facts = given();
  const refused = (
    code: Parameters<typeof planRefusal>[0],
    wish: MediumSet,
    more: Partial<MediumFacts>,
  ) =>
    planRefusal(code, { ...facts, ...more }, (one) => planMedium(wish, one))
      .message;
  const other = { ...WISH, device: "cdrom9" };
  assert(refused("no-such-device", other, {}).includes("cdrom9"));
  refused("no-such-device", WISH, { qemu: { ...facts.qemu, block: [] } });
  const none = refused("refused", WISH, { trays: new Map() });
  assert(none.includes("no removable medium"));
});
