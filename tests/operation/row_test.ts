import { assertEquals, assertRejects } from "@std/assert";
import { type ErrorCode, HotplugError, refuse } from "../../lib/errors.ts";
import type { KindRequest } from "../../lib/kinds.ts";
import type { Outcome } from "../../lib/operation/outcome.ts";
import { carryOutRow, isRow } from "../../lib/operation/row.ts";
import type { Row } from "../../lib/plan/kind.ts";
import { QmpClosedError } from "../../lib/qmp/errors.ts";
import { planOf } from "../../lib/engine/plan.ts";

const PARTS = ["a", "b", "c"];

/** Each part is about the device of its name. */
const ROW: Row<KindRequest> = {
  action: "add",
  before: 0,
  parts: PARTS.map((device, i) => ({
    request: { kind: "disk-remove", instance: "vm1", device } as KindRequest,
    reached: i + 1,
  })),
  say: (reached: number) => `${reached} of 3`,
} as unknown as Row<KindRequest>;

function outcome(id: string, more: Partial<Outcome> = {}): Outcome {
  const device = { kind: "disk", index: 0, uuid: null, id } as const;
  const about = { instance: "vm1", action: "remove", changed: true } as const;
  return { ...about, device, warnings: [], ...more } as Outcome;
}

type Options = Parameters<typeof carryOutRow>[2]["options"];

async function carryOut(
  one: (device: string) => Outcome,
  options: Options = {},
) {
  const asked: string[] = [];
  const answer = carryOutRow("vm1", ROW, {
    options,
    one: (request) => {
      const { device } = request as KindRequest & { device: string };
      asked.push(device);
      return Promise.resolve().then(() => one(device));
    },
  });
  return await answer.then(
    (done) => ({ done, asked }),
    (error) => ({ error: error as HotplugError, asked }),
  );
}

/** What an outcome or a failure tells of the row. */
function ids(row: { operations: readonly { device: unknown }[] } | undefined) {
  return row?.operations.map(({ device }) => (device as { id: string }).id);
}

Deno.test("carryOutRow() does one operation after the other", async () => {
  const warning = { code: "w", message: "w", hint: null, device: null };
  const { done, asked } = await carryOut((id) =>
    outcome(id, {
      changed: id === "b",
      ...(id === "c" && { warnings: [warning] }),
    })
  ) as { done: Outcome; asked: string[] };
  assertEquals(asked, PARTS);
  const { instance, action, changed, device, warnings, row, plan } = done;
  assertEquals([instance, action, changed, device], ["vm1", "add", true, null]);
  assertEquals([warnings, plan], [[warning], undefined]);
  assertEquals([row?.reached, row?.has, ids(row)], [3, "3 of 3", PARTS]);
  // A warning of the VM is told once.
  const twice = await carryOut((id) => outcome(id, { warnings: [warning] }));
  assertEquals("done" in twice && twice.done.warnings, [warning]);
  const none = await carryOut((id) => outcome(id, { changed: false }));
  assertEquals("done" in none && none.done.changed, false);
});

Deno.test("carryOutRow() of a dry run has the steps of all", async () => {
  const step = { step: "s", host: "h", qmp: null, undo: null };
  const planned = (id: string) =>
    outcome(id, { changed: false, plan: [{ ...step, step: id }] });
  const options = { mode: "dry-run" } as const;
  const { done } = await carryOut(planned, options) as { done: Outcome };
  assertEquals(done.plan?.map(({ step }) => step), PARTS);
  const none = await carryOutRow("vm1", { ...ROW, parts: [] }, {
    one: () => Promise.reject(new Error("no part")),
    options,
  });
  assertEquals([none.plan, none.changed], [[], false]);
});

Deno.test("carryOutRow() tells with a failure what was done before it", async () => {
  const at = async (failing: string, changed: boolean) => {
    const { error, asked } = await carryOut((id) => {
      if (id === failing) throw refuse("no");
      return outcome(id, { changed });
    }) as { error: HotplugError; asked: string[] };
    const { code, details: { row } } = error;
    const all = [code, error.changed, row?.reached, ids(row)];
    return [asked.join(""), ...all];
  };
  assertEquals(await at("a", true), ["a", "refused", false, 0, []]);
  assertEquals(await at("b", true), ["ab", "refused", true, 1, ["a"]]);
  assertEquals(await at("c", false), [
    ...["abc", "refused", false, 2, ["a", "b"]],
  ]);
});

Deno.test("carryOutRow() tells what is there where a guest may follow in part", async () => {
  const one = () => Promise.resolve(outcome("a"));
  const of = async (count: () => Promise<number>) => {
    const { row } = await carryOutRow("vm1", ROW, { one, count, options: {} });
    return [row?.reached, row?.has];
  };
  assertEquals(await of(() => Promise.resolve(3)), [3, "3 of 3"]);
  assertEquals(await of(() => Promise.resolve(2)), [
    ...[2, "3 of 3; it has 2 of 3"],
  ]);
  // A QEMU that has ended tells nothing.
  const ended = () => Promise.reject(new QmpClosedError("gone"));
  assertEquals(await of(ended), [3, "3 of 3"]);
  await assertRejects(() => of(() => Promise.reject(new TypeError("fault"))));
});

Deno.test("carryOutRow() counts after a guest that did not follow", async () => {
  const failed = async (code: ErrorCode) => {
    let asked = 0;
    const count = () => Promise.resolve(asked += 7);
    const one = () => Promise.reject(new HotplugError(code, "no"));
    const error = await assertRejects(
      () => carryOutRow("vm1", ROW, { one, count, options: {} }),
      HotplugError,
    );
    return [asked, error.details.row?.reached];
  };
  assertEquals(await failed("unplug-pending"), [7, 7]);
  assertEquals(await failed("monitor-timeout"), [0, 0]);
});

Deno.test("carryOutRow() does no more once nobody waits for it", async () => {
  const controller = new AbortController();
  const { signal } = controller;
  const until = async (last: string, options: Options, end: () => void) => {
    const { error, asked } = await carryOut((id) => {
      if (id === last) end();
      return outcome(id);
    }, options) as { error: HotplugError; asked: string[] };
    assertEquals([error.code, error.changed], ["interrupted", true]);
    return [asked.join(""), error.message.replace(/^.* out /, "")];
  };
  let isWanted = true;
  const wanted = { isWanted: () => isWanted };
  assertEquals(
    await until("a", wanted, () => isWanted = false),
    ["a", "2 operations"],
  );
  assertEquals(await until("b", { signal }, () => controller.abort()), [
    ...["ab", "1 operation"],
  ]);
  // What was asked for is begun all the same: its operation looks itself.
  isWanted = true;
  const done = await carryOut((id) => outcome(id), wanted);
  assertEquals(done.asked, PARTS);
  await assertRejects(
    () =>
      carryOutRow("vm1", ROW, {
        options: { signal },
        one: () => Promise.reject(refuse("first")),
      }),
    HotplugError,
    "first",
  );
});

Deno.test("isRow() tells a row from a plan", () => {
  const about = { instance: "vm1", title: "t", device: null } as const;
  const plan = planOf({ ...about, action: "add", steps: [] });
  assertEquals([isRow(ROW), isRow(plan)], [true, false]);
});
