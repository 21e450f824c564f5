/** Journals as release 0.1 wrote them: what they do not say is derived. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  type JournalReading,
  type LeftJournal,
  parseJournal,
} from "../../lib/engine/journal_read.ts";
import { forgetAsked, noteAsked } from "../../lib/engine/pending.ts";
import { courseOf } from "../../lib/engine/recover_course.ts";
import { isCommit } from "../../lib/engine/state_steps.ts";
import { TAP_VALUE } from "../../lib/nic/tap_steps.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { readOwnRecord } from "../../lib/state/own_record.ts";
import { assert } from "../support/facts.ts";
import { STEPS } from "../support/steps.ts";

const UUID = "932df160-7a22-4067-a566-7e0ca8386133";
const AT = "2026-01-02T03:04:05.678Z";
const DISK = "disk-932df160-7a22-4067";
const NIC = "nic-932df160-7a22-4067";

const RUNTIME = "/run/g/kvm-hypervisor/conf/vm1.runtime";
const FILE = `"path":"${RUNTIME}","temporary":"vm1.runtimeabcdefgh.new"`;
const BRIDGE =
  '{"mode":"bridged","link":"br0","vlan":null,"ip":null,"script":null}';

function stage(change: string): string {
  return `{"kind":"stage-state",${FILE},"change":${change}}`;
}

function commit(change: string, inverse: string): string {
  return `{"kind":"commit-state",${FILE},"change":${change},"inverse":${inverse}}`;
}

function deletes(list: string, uuid = UUID): string {
  return `{"change":"delete","list":"${list}","uuid":"${uuid}"}`;
}

function inserts(list: string, entry: string, uuid = UUID): string {
  return `{"change":"insert","list":"${list}","uuid":"${uuid}","entry":${
    JSON.stringify(entry)
  },"index":0}`;
}

function mac(address: string): string {
  return `{"change":"members","list":"nics","uuid":"${UUID}","members":{"mac":"\\"${address}\\""}}`;
}

function device(kind: string, uuid = UUID): string {
  return `{"kind":"${kind}","index":0,"uuid":"${uuid}","name":null,"id":null,"driver":null,"bus":"pci.0","slot":13,"addr":"0xd"}`;
}

function deviceAdd(id: string): string {
  return `{"kind":"qmp","execute":"device_add","arguments":{"driver":"${
    id === DISK ? "virtio-blk-pci" : "virtio-net-pci"
  }","id":"${id}","bus":"pci.0","addr":"0xd",${
    id === DISK
      ? `"drive":"${id}","write-cache":"on"`
      : `"netdev":"${id}","mac":"aa:00:00:00:00:77"`
  }},"undo":{"execute":"device_del","arguments":{"id":"${id}"}}}`;
}

/** The text of a journal of which the first step and others were begun. */
function journal(
  { action, about, steps }: {
    readonly action: string;
    readonly about: string;
    readonly steps: readonly string[];
  },
  lines: readonly string[],
): string[] {
  const plan =
    `{"action":"${action}","instance":"vm1","title":"x","device":${about},"steps":[${steps.join()}],"warnings":[]}`;
  return [
    `{"version":1,"boot":"01234567-89ab-cdef-0123-456789abcdef","qemu":null,"at":"${AT}","plan":${plan},"command":"nic modify","request":"{}"}`,
    ...lines,
  ];
}

const ADDED = inserts("disks", '[{"uuid": "x"}, "/srv/new.img", null]');

const ADD = {
  action: "add",
  about: device("disk"),
  steps: [
    stage(ADDED),
    '{"kind":"open-source","path":"/srv/new.img","identity":"file 0:1 2","access":"rw","direct":false}',
    '{"kind":"qmp","execute":"add-fd","arguments":{"fdset-id":1,"opaque":"kvm-hotplug disk-add 932df160-7a22-4067-a566-7e0ca8386133"},"undo":{"execute":"remove-fd","arguments":{"fdset-id":1}},"fd":"source"}',
    `{"kind":"qmp","execute":"blockdev-add","arguments":{"driver":"raw","node-name":"${DISK}","discard":"ignore","cache":{"direct":false,"no-flush":false},"read-only":false,"auto-read-only":false,"file":{"driver":"file","filename":"/dev/fdset/1","aio":"threads","cache":{"direct":false,"no-flush":false},"discard":"ignore","read-only":false,"auto-read-only":false}},"undo":{"execute":"blockdev-del","arguments":{"node-name":"${DISK}"}}}`,
    deviceAdd(DISK),
    '{"kind":"qmp","execute":"remove-fd","arguments":{"fdset-id":1},"undo":null}',
    `{"kind":"verify-device","id":"${DISK}","slot":13}`,
    commit(ADDED, deletes("disks")),
  ],
};

/** Its uuid is recorded in capitals. */
const LOUD = UUID.toUpperCase();

const REMOVAL = {
  action: "remove",
  about: device("nic", LOUD),
  steps: [
    stage(deletes("nics", LOUD)),
    `{"kind":"unplug","id":"${NIC}","title":"NIC 0","runState":"running"}`,
    `{"kind":"qmp","execute":"netdev_del","arguments":{"id":"${NIC}"},"undo":null}`,
    '{"kind":"await-tap-gone","tap":"tap0"}',
    commit(deletes("nics", LOUD), inserts("nics", '{"uuid": "x"}', LOUD)),
  ],
};

const MODIFY = {
  action: "modify",
  about: device("nic"),
  steps: [
    stage(mac("aa:00:00:00:00:77")),
    '{"kind":"open-tap","name":null,"queues":1,"vnetHdr":"on"}',
    `{"kind":"attach-tap","tap":{"value":"tap"},"from":null,"to":${BRIDGE}}`,
    '{"kind":"qmp","execute":"getfd","arguments":{"fdname":"kvm-hotplug-0"},"undo":{"execute":"closefd","arguments":{"fdname":"kvm-hotplug-0"}},"fd":"tap:0"}',
    `{"kind":"unplug","id":"${NIC}","title":"NIC 0","runState":"running","putBack":[{"execute":"device_add","arguments":{"driver":"virtio-net-pci","id":"${NIC}","bus":"pci.0","addr":"0xd","netdev":"${NIC}","mac":"aa:00:00:00:00:00"}}]}`,
    `{"kind":"drop-netdev","id":"${NIC}","back":{"tap":"tap0","queues":1,"vhost":"off","vnetHdr":"on","attachment":${BRIDGE}}}`,
    '{"kind":"await-tap-gone","tap":"tap0"}',
    `{"kind":"qmp","execute":"netdev_add","arguments":{"type":"tap","id":"${NIC}","fds":"kvm-hotplug-0"},"undo":{"execute":"netdev_del","arguments":{"id":"${NIC}"}}}`,
    deviceAdd(NIC),
    `{"kind":"verify-device","id":"${NIC}","slot":13}`,
    commit(mac("aa:00:00:00:00:77"), mac("aa:00:00:00:00:00")),
  ],
};

const REPAIR = {
  action: "remove",
  about: "null",
  steps: [
    `{"kind":"remove-leftover","path":"${RUNTIME}abcdefgh.new"}`,
    '{"kind":"drop-fd-names","names":["kvm-hotplug-0"]}',
  ],
};

function read(
  plan: Parameters<typeof journal>[0],
  lines: readonly string[] = ['{"do":0}'],
): JournalReading {
  const paths = instancePaths("/run/g", "vm1");
  return parseJournal(journal(plan, lines), paths, STEPS);
}

function left(...about: Parameters<typeof read>): LeftJournal {
  const reading = read(...about);
  assert(reading.state === "left", JSON.stringify(reading));
  return reading.journal;
}

/** What a plan of version 1 does not say. */
function derived({ plan: { steps, turn, ifCut } }: LeftJournal) {
  const ledgers = steps.flatMap((one) => "ledger" in one ? [one.ledger] : []);
  return { turn, ifCut, ledgers };
}

/** Which way to go once this step was begun. */
function course(
  journal: LeftJournal,
  begun: number,
  turned: "done" | "not-done",
) {
  return courseOf(
    { ...journal, begun },
    { qemu: "same", committed: "not-done", turned },
    STEPS,
  );
}

Deno.test("parseJournal() understands an addition of version 1", () => {
  const journal = left(ADD, ['{"do":0}', '{"do":1}', '{"do":2}', '{"undo":2}']);
  assertEquals(derived(journal), { turn: 4, ifCut: "take-back", ledgers: [] });
  assertEquals([journal.begun, journal.undoing], [2, true]);
  assertEquals([journal.at, journal.request], [AT, "{}"]);
  const ahead = { ...journal, undoing: false };
  assertEquals(course(ahead, 3, "not-done"), "take-back");
  assertEquals(course(ahead, 4, "not-done"), "take-back");
  assertEquals(course(ahead, 4, "done"), "finish");
});

Deno.test("parseJournal() understands a removal of version 1", () => {
  const journal = left(REMOVAL);
  const ledger = { uuid: UUID, kind: "nic", note: "pending" };
  assertEquals(derived(journal), {
    turn: 1,
    ifCut: "finish",
    ledgers: [ledger],
  });
  assertEquals(course(journal, 0, "not-done"), "take-back");
  assertEquals(course(journal, 1, "not-done"), "finish");
});

Deno.test("a removal of version 1 is noted as pending, and forgotten", () => {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-" });
  try {
    const paths = instancePaths(runDir, "vm1");
    const qemu = { boot: UUID, pid: 4711, start: 9, name: "vm1" };
    const ledger = { paths, qemu };
    const { plan } = left(REMOVAL);
    noteAsked(plan, AT, { ...ledger, only: "pending" });
    assertEquals(readOwnRecord(paths).devices, {
      [UUID]: {
        kind: "nic",
        pending: { id: NIC, title: "NIC 0", requestedAt: AT },
      },
    });
    forgetAsked(plan, ledger);
    assertEquals(readOwnRecord(paths).devices, {});
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
});

Deno.test("parseJournal() understands a NIC of version 1 that is plugged anew", () => {
  const lines = ['{"do":3}', '{"do":4,"values":{"tap":"tap7"}}'];
  const journal = left(MODIFY, lines);
  const ledger = { uuid: UUID, kind: "nic", note: "replug" };
  assertEquals(derived(journal), {
    turn: 8,
    ifCut: "take-back",
    ledgers: [ledger],
  });
  assertEquals(journal.values.get(TAP_VALUE), "tap7");
  // The old device is put back until the new one is there.
  assertEquals(course(journal, 4, "not-done"), "take-back");
  assertEquals(course(journal, 7, "not-done"), "take-back");
  assertEquals(course(journal, 8, "done"), "finish");
});

Deno.test("noteAsked() keeps what is certain, forgetAsked() forgets it", () => {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-" });
  try {
    const paths = instancePaths(runDir, "vm1");
    const qemu = { boot: UUID, pid: 4711, start: 9, name: "vm1" };
    const ledger = { paths, qemu };
    const { plan } = left(MODIFY);
    const noted = () => readOwnRecord(paths).devices[UUID]?.replug;
    noteAsked(plan, AT, { ...ledger, isCertain: false });
    assertEquals(noted(), { perhaps: AT });
    noteAsked(plan, AT, ledger);
    noteAsked(plan, AT, { ...ledger, isCertain: false });
    assertEquals(noted(), AT);
    forgetAsked(plan, ledger);
    assertEquals(readOwnRecord(paths).devices, {});
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
});

Deno.test("parseJournal() understands a repair of version 1", () => {
  const journal = left(REPAIR);
  assertEquals(derived(journal), { turn: null, ifCut: "finish", ledgers: [] });
  assertEquals(course(journal, 0, "not-done"), "finish");
  // What had nothing to ask of the guest, and was no removal, is taken back.
  const moved = left({ ...REPAIR, action: "modify" });
  assertEquals(course(moved, 0, "not-done"), "take-back");
});

Deno.test("parseJournal() refuses of version 1 what it refuses of its own", () => {
  const why = (...about: Parameters<typeof read>) => {
    const reading = read(...about);
    return reading.state === "damaged" ? reading.why : reading.state;
  };
  const [first = "", ...rest] = ADD.steps;
  const odd = [
    [first.replace("disks", "floppies"), "stage-state"],
    [first.replace("stage-state", "open-door"), "open-door"],
    [first.replace(RUNTIME, "/etc/shadow"), "stage-state"],
  ] as const;
  for (const [step, said] of odd) {
    assertStringIncludes(why({ ...ADD, steps: [step, ...rest] }), said);
  }
  const about = REMOVAL.about.replace(LOUD, "../x");
  assertEquals(read({ ...REMOVAL, about }).state, "left");
  const steps = REMOVAL.steps.map((one) => one.replaceAll(LOUD, "../x"));
  assertStringIncludes(why({ ...REMOVAL, steps }), "stage-state");
  assertStringIncludes(why(ADD, ['{"do":8}']), "does not name a step");
});

/** A change of one member, as version 1 had a word for two of them. */
function once(word: string, value: string): string {
  return `{"change":"${word}","list":"disks","uuid":"${UUID}","${word}":${value}}`;
}

Deno.test("parseJournal() takes sizes and hvinfos of version 1 for members", () => {
  const about = { change: "members", list: "disks", uuid: UUID };
  const written = (before: string, after: string) => {
    const steps = [stage(after), commit(after, before)];
    return left({ action: "set", about: device("disk"), steps }).plan.steps;
  };
  assertEquals(
    written(once("size", "64"), once("size", "96")).map((one) =>
      "change" in one && one.change
    ),
    [
      { ...about, members: { size: "96" } },
      { ...about, members: { size: "96" } },
    ],
  );
  const [, last] = written(once("hvinfo", '"{}"'), once("hvinfo", '"{}"'));
  assert(last !== undefined && "inverse" in last);
  assertEquals(last.inverse, { ...about, members: { hvinfo: "{}" } });
  for (const size of ["-1", "1e300", '"64"', "null"]) {
    const steps = [stage(once("size", size))];
    const { state } = read({ action: "set", about: device("disk"), steps });
    assertEquals(state, "damaged", size);
  }
});

Deno.test("parseJournal() takes the words of a controller of version 1", () => {
  const words = ["-device", "lsi,id=scsi,bus=pci.0,addr=0xb"];
  const withWords = (change: string) =>
    change.replace(/}$/, `,"words":${JSON.stringify(words)}}`);
  const [added, deleted] = [withWords(ADDED), withWords(deletes("disks"))];
  const steps = ADD.steps.with(0, stage(added)).with(
    -1,
    commit(added, deleted),
  );
  const { plan } = left({ ...ADD, steps });
  const last = plan.steps.at(-1);
  assert(last !== undefined && isCommit(last));
  const { change, inverse } = last;
  assert(change.change === "insert" && inverse.change === "delete");
  assertEquals(change.words, { title: "controller", put: words });
  assertEquals(inverse.words, { title: "controller", take: words });
  const bad = added.replace("lsi,id=scsi", "lsi,id=other");
  assertEquals(
    read({ ...ADD, steps: steps.with(0, stage(bad)) }).state,
    "damaged",
  );
});
