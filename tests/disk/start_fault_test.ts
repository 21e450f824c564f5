import { assertEquals } from "@std/assert";
import { checkStart, type StartFault } from "../../lib/disk/start_fault.ts";
import type { Facts } from "../../lib/plan/facts.ts";
import { facts, refusal } from "../support/facts.ts";

const FAULT = { cannot: "Cannot add /x", why: "a start would fail" };
const NO_MATTER: StartFault = { ...FAULT, adopted: "no-matter" };

/** A runtime file that Ganeti wrote, or `adopt`. */
function written(by: "ganeti" | "adopt"): Pick<Facts, "content"> {
  const { content } = facts();
  if (by === "ganeti") return { content };
  const hvparams = {
    ...content.runtime.hvparams,
    origin: "adopt",
  } as typeof content.runtime.hvparams;
  return { content: { ...content, runtime: { ...content.runtime, hvparams } } };
}

Deno.test("checkStart() refuses what a start would not repeat, unless it need not", () => {
  const required = { migratable: "required" } as const;
  const not = { migratable: "not-needed" } as const;
  assertEquals(checkStart(undefined, written("ganeti"), required), true);
  assertEquals(checkStart(FAULT, written("ganeti"), not), false);
  const { message, hint } = refusal(
    "refused",
    () => checkStart(FAULT, written("ganeti"), required),
  );
  assertEquals([message, hint], [
    "Cannot add /x: a start would fail",
    "to add it anyway, give --not-migratable",
  ]);
  // Ganeti never starts from a file that adopt made, but the tool itself does.
  assertEquals(checkStart(NO_MATTER, written("adopt"), required), false);
  refusal("refused", () => checkStart(NO_MATTER, written("ganeti"), required));
  refusal("refused", () => checkStart(FAULT, written("adopt"), required));
});

Deno.test("checkStart() names all that a request lacks", () => {
  const lacks = [{
    ...{ cannot: "Cannot add /x", why: "it is a qcow2 image" },
    ...{ instead: "give --format raw", option: ["--format", "qcow2"] },
  }];
  const { message, hint } = refusal(
    "refused",
    () =>
      checkStart(FAULT, written("ganeti"), { migratable: "required", lacks }),
  );
  assertEquals([message, hint], [
    "Cannot add /x: it is a qcow2 image; a start would fail",
    "give --format raw; or to add it anyway, give --format qcow2 --not-migratable",
  ]);
  refusal(
    "refused",
    () =>
      checkStart(undefined, written("ganeti"), {
        migratable: "not-needed",
        lacks,
      }),
  );
});
