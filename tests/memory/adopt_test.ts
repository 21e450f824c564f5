import { assertEquals } from "@std/assert";
import { memoryAdoption } from "../../lib/memory/adopt.ts";
import { memoryWords } from "../../lib/memory/recorded.ts";
import type { AdoptFacts, Verdict } from "../../lib/plan/adoption.ts";
import type { QmpSession } from "../../lib/qmp/client.ts";
import type { Json } from "../../lib/qmp/message.ts";
import { present } from "../support/facts.ts";
import {
  type Case,
  DIMM,
  DIMM_DATA,
  given,
  VMEM,
  VMEM_DATA,
  WITH_DIMM,
} from "../support/memory.ts";

/** As `query-memdev` tells a plain backend: qapi/machine.json. */
const PLAIN = {
  ...{ size: 1, merge: true, dump: true, prealloc: false, share: false },
  ...{ "host-nodes": [], policy: "default" },
};

interface Given extends Case {
  readonly memdevs?: readonly Json[];
  readonly places?: AdoptFacts["places"];
}

const LIVE = [DIMM_DATA, VMEM_DATA];
const MEMDEVS = [
  { ...PLAIN, id: "mem-dimm-0" },
  { ...PLAIN, id: "vmem0-ram" },
];
const PLACES = new Map([["vmem0", { bus: "pci.0", slot: 9 }]]);

async function adoption(
  { memdevs = MEMDEVS, places = PLACES, ...one }: Given,
) {
  const facts = { ...given(one), places } as unknown as AdoptFacts;
  const asked: string[] = [];
  const qmp = {
    executeAll: (commands: readonly { execute: string }[]) => {
      asked.push(...commands.map(({ execute }) => execute));
      return Promise.resolve([memdevs]);
    },
  } as unknown as QmpSession;
  const found = await memoryAdoption(facts.qemu, qmp);
  return { found, facts, asked, verdicts: found.judge(facts, []) };
}

function said(verdict: Verdict): string {
  return verdict !== undefined && "message" in verdict ? verdict.message : "";
}

/** Why the one device is left alone; empty if it is not. */
async function why(one: Given): Promise<string> {
  const { verdicts: [first] } = await adoption(one);
  return said(first);
}

Deno.test("memoryAdoption() records a DIMM and a virtio-mem device", async () => {
  const { verdicts, found, facts, asked } = await adoption({ live: LIVE });
  assertEquals(asked, ["query-memdev"]);
  assertEquals(found.live.map(({ id }) => id), ["dimm-0", "vmem0"]);
  assertEquals(verdicts, [
    {
      ...{ kind: "memory", id: "dimm-0", warnings: [] },
      change: {
        change: "words",
        words: { title: "dimm-0", put: memoryWords(DIMM) },
      },
    },
    {
      ...{ kind: "memory", id: "vmem0", warnings: [] },
      change: {
        change: "words",
        words: { title: "vmem0", put: memoryWords(VMEM) },
      },
    },
  ]);
  const [, second] = verdicts;
  const adopted = present(second);
  if (!("change" in adopted)) throw new TypeError("left alone");
  const of = (kind: string) => ({ ...adopted, kind });
  const removed = { change: "remove" } as unknown as typeof adopted.change;
  const steps = found.steps(facts, [
    ...[adopted, of("disk"), { ...adopted, change: removed }],
  ]);
  assertEquals(
    JSON.parse(JSON.stringify(steps)).map(
      ({ change }: { change: Json }) => [change.uuid, change.after],
    ),
    [["vmem0", { kind: "memory", words: memoryWords(VMEM) }]],
  );
});

Deno.test("memoryAdoption() asks nothing if there is no memory", async () => {
  const { verdicts, asked } = await adoption({});
  assertEquals([verdicts, asked], [[], []]);
  assertEquals((await adoption({ live: [DIMM_DATA] })).asked.length, 1);
});

Deno.test("memoryAdoption() leaves what is recorded", async () => {
  assertEquals((await adoption(WITH_DIMM)).verdicts, [undefined]);
});

Deno.test("memoryAdoption() says why it leaves memory alone", async () => {
  const live = [DIMM_DATA];
  const title = "memory dimm-0 (pc-dimm)";
  const backend = (more: Json) =>
    why({ live, memdevs: [{ ...PLAIN, id: "mem-dimm-0", ...more }] });
  assertEquals(await backend({}), "");
  const odd = `${title}: its backend has properties that are not understood`;
  assertEquals(await backend({ share: true }), odd);
  assertEquals(await backend({ prealloc: true }), odd);
  assertEquals(await backend({ policy: "bind" }), odd);
  assertEquals(await backend({ "host-nodes": [0] }), odd);
  // Releases before host-nodes was told.
  assertEquals(await backend({ "host-nodes": undefined }), "");
  const untold = `${title}: QEMU does not tell its backend`;
  assertEquals(await backend({ id: "other" }), untold);
  const file = new Map([["mem-dimm-0", "memory-backend-file"]]);
  const more = (one: object) => ({ ...given({ live }).qemu.more, ...one });
  const qemu = { more: more({ memoryObjects: file }) };
  assertEquals(
    await why({ live, qemu }),
    `${title}: its backend is a memory-backend-file`,
  );
  const none = { more: more({ memoryObjects: new Map() }) };
  assertEquals(await why({ live, qemu: none }), untold);
  const { id: _, ...nameless } = DIMM_DATA.data;
  assertEquals(
    await why({ live: [{ ...DIMM_DATA, data: nameless }] }),
    "memory without a device id (pc-dimm): it cannot be removed while the VM runs",
  );
});

Deno.test("memoryAdoption() needs the place of memory", async () => {
  const untold = "QEMU does not tell its place";
  const vmem = { live: [VMEM_DATA] };
  const title = "memory vmem0 (virtio-mem-pci)";
  assertEquals(await why(vmem), "");
  assertEquals(
    await why({ ...vmem, places: new Map() }),
    `${title}: ${untold}`,
  );
  const scsi = new Map([["vmem0", {
    ...{ bus: "scsi.0", channel: 0, "scsi-id": 1, lun: 0 },
  }]]) as unknown as AdoptFacts["places"];
  assertEquals(await why({ ...vmem, places: scsi }), `${title}: ${untold}`);
  const [known] = given(vmem).qemu.more.memoryDevices as readonly object[];
  const devices = [{ ...known, blockBytes: undefined }];
  const more = { ...given(vmem).qemu.more, memoryDevices: devices };
  assertEquals(await why({ ...vmem, qemu: { more } }), `${title}: ${untold}`);
  const dimm = { live: [DIMM_DATA] };
  const [told] = given(dimm).qemu.more.memoryDevices as readonly object[];
  const slotless = {
    ...given(dimm).qemu.more,
    memoryDevices: [{ ...told, slot: undefined }],
  };
  assertEquals(
    await why({ ...dimm, qemu: { more: slotless } }),
    `memory dimm-0 (pc-dimm): ${untold}`,
  );
});
