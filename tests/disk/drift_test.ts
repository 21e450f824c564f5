import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import {
  type DriftFacts,
  findDrift,
  provenOpen,
} from "../../lib/disk/drift.ts";
import { logicalPaths } from "../../lib/state/logical_id.ts";
import type { Plain } from "../../lib/state/json.ts";
import { disk, present, runtime } from "../support/facts.ts";

/** Disks whose links are named, each leading to the disk so numbered. */
function node(
  links: readonly { name: string; leadsTo?: number; open?: "no" }[],
): { disks: ReturnType<typeof runtime>["disks"]; facts: DriftFacts } {
  const entries = links.map(({ name }, i): Plain => {
    const [object] = disk(i, 12 + i);
    return [object, `/links/${name}`, null];
  });
  const facts: DriftFacts = {
    links: links.map(({ leadsTo }, i) => ({
      lead: {
        identity: leadsTo === undefined ? undefined : `disk ${leadsTo}`,
      },
      named: [{ path: `/srv/d${i}.img`, identity: `disk ${i}` }],
    })),
    open: new Set(
      links.flatMap(({ open }, i) => open === "no" ? [] : [`disk ${i}`]),
    ),
  };
  return { disks: runtime({ disks: entries }).disks, facts };
}

function kinds(links: Parameters<typeof node>[0]): [number, string][] {
  const { disks, facts } = node(links);
  return findDrift(disks, facts, []).map(({ device, code }) => [
    present(device?.index ?? undefined),
    code.replace(/^link-/, ""),
  ]);
}

Deno.test("findDrift() finds nothing where each link leads to its disk", () => {
  assertEquals(kinds([]), []);
  assertEquals(
    kinds([{ name: "0", leadsTo: 0 }, { name: "1", leadsTo: 1 }]),
    [],
  );
});

Deno.test("findDrift() finds two disks that were swapped", () => {
  const links = [{ name: "0", leadsTo: 1 }, { name: "1", leadsTo: 0 }];
  assertEquals(kinds(links), [[0, "other-disk"], [1, "other-disk"]]);
  const { disks, facts } = node(links);
  const [first] = findDrift(disks, facts, []);
  assertEquals(present(first).hint, "ln -sfn /srv/d0.img /links/0");
});

Deno.test("findDrift() finds a link that two disks have", () => {
  const same = [{ name: "2", leadsTo: 1 }, { name: "2", leadsTo: 1 }];
  assertEquals(kinds(same), [[0, "shared"], [1, "shared"]]);
  const byOtherPath = [{ name: "1", leadsTo: 1 }, { name: "2", leadsTo: 1 }];
  assertEquals(kinds(byOtherPath), [[0, "shared"], [1, "shared"]]);
});

Deno.test("findDrift() tells a link to what does not answer from one to nowhere", () => {
  const { disks, facts } = node([{ name: "0" }]);
  const fault = "open /links/0: not done within 2000 ms";
  const links = facts.links.map((one) => ({
    ...one,
    lead: { identity: undefined, fault },
  }));
  const [drift] = findDrift(disks, { ...facts, links }, []);
  assertEquals(present(drift).code, "link-silent");
  assertStringIncludes(present(drift).message, `does not answer: ${fault}`);
});

Deno.test("findDrift() finds a link that leads nowhere", () => {
  assertEquals(kinds([{ name: "0" }]), [[0, "leads-nowhere"]]);
});

Deno.test("findDrift() finds a link to what QEMU has not open", () => {
  assertEquals(kinds([{ name: "0", leadsTo: 0, open: "no" }]), [[
    0,
    "not-open",
  ]]);
  const { disks, facts } = node([{ name: "0", leadsTo: 0, open: "no" }]);
  assertEquals(findDrift(disks, { ...facts, open: undefined }, []), []);
});

Deno.test("findDrift() tells a person what to do about a file that was replaced", () => {
  const { facts } = node([{ name: "0", leadsTo: 0, open: "no" }]);
  const [object] = disk(0, 12);
  const own = { dev_type: "file", logical_id: ["file", "/srv/d0.img"] };
  const plain = [
    { ...object as Record<string, Plain>, ...own },
    "/srv/d0.img",
    null,
  ];
  const { disks } = runtime({ disks: [plain] });
  const gone = [{ lead: { identity: undefined }, named: [] }];
  for (const links of [facts.links, gone]) {
    const [drift] = findDrift(disks, { ...facts, links, pid: 7 }, []);
    const { hint } = present(drift);
    assertMatch(hint, /\/proc\/7\/fd .*back at \/srv\/d0\.img$/);
    assertEquals(/rpc|hotplug_device/.test(hint ?? ""), false);
  }
});

Deno.test("findDrift() leaves disks without a link alone", () => {
  const [object] = disk(0, 12);
  const { disks } = runtime({ disks: [[object, null, "rbd:a/b"]] });
  const links = [{ lead: undefined, named: [] }];
  assertEquals(findDrift(disks, { links, open: new Set() }, []), []);
});

Deno.test("findDrift() quotes paths for a shell", () => {
  const { facts } = node([{ name: "0", leadsTo: 1 }]);
  const links = facts.links.map((one) => ({
    ...one,
    named: [{ path: "/srv/it's.img", identity: "disk 0" }],
  }));
  const [object] = disk(0, 12);
  const { disks } = runtime({ disks: [[object, "/links/0", null]] });
  const [drift] = findDrift(disks, { ...facts, links }, []);
  assertStringIncludes(present(drift).hint, "'/srv/it'\\''s.img'");
});

Deno.test("provenOpen() says only what is proven", () => {
  const { facts } = node([{ name: "0", leadsTo: 1 }, {
    name: "1",
    open: "no",
  }]);
  assertEquals(provenOpen(facts, 0)?.identity, "disk 0");
  assertEquals(provenOpen(facts, 1), undefined);
  assertEquals(provenOpen(facts, 7), undefined);
  assertEquals(provenOpen({ ...facts, open: undefined }, 0), undefined);
});

Deno.test("logicalPaths() knows Ganeti's kinds of disks", () => {
  const cases: [string, Plain, string[]][] = [
    ["file", ["loop", "/srv/d.img"], ["/srv/d.img"]],
    ["sharedfile", ["loop", "/srv/d.img"], ["/srv/d.img"]],
    ["blockdev", ["manual", "/dev/disk/by-id/x"], ["/dev/disk/by-id/x"]],
    ["plain", ["xenvg", "a.disk0"], ["/dev/xenvg/a.disk0"]],
    ["lvm", ["xenvg", "a.disk0"], ["/dev/xenvg/a.disk0"]],
    ["drbd", ["n1", "n2", 11000, 0, 5, null], [
      "/dev/block/147:0",
      "/dev/block/147:5",
    ]],
    ["rbd", ["rbd", "x"], []],
    ["file", ["loop", "relative"], []],
    ["file", [], []],
    ["drbd8", ["n1"], []],
    ["plain", { a: 1 }, []],
  ];
  for (const [dev_type, logical_id, paths] of cases) {
    const entry = [{ dev_type, logical_id, hvinfo: {} }, null, null];
    const { disks: [one] } = runtime({ disks: [entry] });
    assertEquals(logicalPaths(present(one)), paths, dev_type);
  }
});
