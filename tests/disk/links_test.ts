import { saidIn } from "../support/document.ts";
import { assertEquals, assertMatch } from "@std/assert";
import { type LinksFacts, planLinks } from "../../lib/disk/links.ts";
import type { Plan } from "../../lib/engine/plan.ts";
import { formatJson } from "../../lib/state/json.ts";
import { applyChange } from "../../lib/state/runtime_change.ts";
import { disk, facts, stepNames, stepOf, uuidOf } from "../support/facts.ts";
import { known, type KnownPlan } from "../support/steps.ts";

const FOLDER = "/var/run/ganeti/instance-disks";

/** A disk as a test describes it: its number, and the place in its link. */
interface Spec {
  readonly number: number;
  readonly link: number;
  /** What QEMU has open for it. @default what its entry names */
  readonly open?: "nothing";
}

/** The image that the entry of this disk names. */
function image(number: number): string {
  return `inode of /srv/d${number}.img`;
}

/**
 * @param leads which disk's image the link at each place leads to
 */
function linksFacts(
  specs: readonly Spec[],
  leads: readonly (number | undefined)[],
): LinksFacts {
  const disks = specs.map(({ number, link }) => {
    const [object] = disk(number, 12 + number);
    return [object, `${FOLDER}/vm1:${link}`, null] as const;
  });
  const { paths, content, nonce } = facts({ disks });
  const leadsTo = (place: number) => {
    const number = leads[place];
    return number === undefined ? undefined : image(number);
  };
  const names = leads.map((_, place) => `vm1:${place}`);
  const open = specs.flatMap((one) =>
    one.open === "nothing" ? [] : [image(one.number)]
  );
  return {
    paths,
    content,
    nonce,
    drift: {
      links: specs.map(({ number, link }) => ({
        lead: { identity: leadsTo(link) },
        named: [{ path: `/srv/d${number}.img`, identity: image(number) }],
      })),
      open: new Set(open),
    },
    directory: "/run/g/instance-disks",
    folders: specs.map(() => FOLDER),
    there: Object.fromEntries(
      names.map((name, i) => [
        name,
        leads[i] === undefined ? null : `/srv/d${leads[i]}.img`,
      ]),
    ),
    leadTo: Object.fromEntries(names.map((name, i) => [name, leadsTo(i)])),
  };
}

/** A plan, which must have steps. */
function planFrom(plan: Plan): KnownPlan {
  if (plan.steps.length === 0) throw new Error(saidIn(plan.warnings));
  assertEquals(JSON.parse(JSON.stringify(plan)), plan);
  return known(plan, facts().paths);
}

function mend(given: LinksFacts, order: readonly number[]) {
  return planLinks({
    kind: "links-mend",
    instance: "vm1",
    order: order.map((number) => uuidOf("disk", number)),
  }, given);
}

Deno.test("planLinks() leaves links alone that are right", () => {
  const given = linksFacts([{ number: 0, link: 0 }, { number: 1, link: 1 }], [
    0,
    1,
  ]);
  const { steps, warnings } = mend(given, [0, 1]);
  assertEquals([steps, warnings], [[], []]);
});

Deno.test("planLinks() moves links up behind a disk that is gone", () => {
  const specs = [{ number: 1, link: 1 }, { number: 2, link: 2 }];
  const given = linksFacts(specs, [undefined, 1, 2]);
  const plan = planFrom(mend(given, [1, 2]));
  assertEquals(stepNames(plan), ["stage-state", "disk-links", "commit-state"]);
  const { before, after } = stepOf(plan, "disk-links");
  assertEquals(before, { "vm1:0": null, "vm1:1": "/srv/d1.img" });
  assertEquals(after, { "vm1:0": "/srv/d1.img", "vm1:1": "/srv/d2.img" });
  const { change, inverse } = stepOf(plan, "commit-state");
  const { root } = given.content.runtime;
  const text = formatJson(root);
  const mended = applyChange(root, change);
  assertEquals(
    formatJson(mended),
    text.replace("vm1:1", "vm1:0").replace("vm1:2", "vm1:1"),
  );
  assertEquals(formatJson(applyChange(mended, change)), formatJson(mended));
  assertEquals(formatJson(applyChange(mended, inverse)), text);
});

Deno.test("planLinks() gives a link back that Ganeti took", () => {
  const specs = [{ number: 1, link: 0 }, { number: 2, link: 1 }];
  // Disk 4 was put in front: its link is made, it is not plugged yet.
  const given = linksFacts(specs, [4, 2, undefined]);
  const plan = planFrom(mend(given, [4, 1, 2]));
  assertEquals(stepOf(plan, "disk-links").after, {
    "vm1:1": "/srv/d1.img",
    "vm1:2": "/srv/d2.img",
  });
});

Deno.test("planLinks() renames nothing that is not proven", () => {
  const cases: [readonly Spec[], number[], number[], RegExp][] = [
    [
      [{ number: 1, link: 1, open: "nothing" }],
      [0, 1],
      [1],
      /the file or device that QEMU has open for disk 0 is not known/,
    ],
    [
      [{ number: 1, link: 1 }, { number: 2, link: 2 }],
      [0, 1, 2],
      [2],
      /disk 0 is not among the instance's disks/,
    ],
  ];
  for (const [specs, leads, order, why] of cases) {
    const decision = mend(linksFacts(specs, leads), order);
    assertEquals(decision.steps, []);
    assertMatch(saidIn(decision.warnings), why);
  }
});

Deno.test("planLinks() does not judge disks that have no link of Ganeti's", () => {
  const given = linksFacts([{ number: 1, link: 1 }], [1, 1]);
  const decision = mend({ ...given, folders: [undefined] }, [1]);
  assertEquals(decision.steps, []);
});
