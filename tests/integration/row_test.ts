/** A request that is a row of operations, against a scripted QEMU. */
import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { documentLine } from "../../lib/commands/document.ts";
import { failureDocument, failureText } from "../../lib/commands/report.ts";
import {
  outcomeDocument,
  outcomeText,
} from "../../lib/commands/report_change.ts";
import type { RunOptions } from "../../lib/engine/options.ts";
import { HotplugError } from "../../lib/errors.ts";
import type { KindRequest } from "../../lib/kinds.ts";
import { carryOutRow } from "../../lib/operation/row.ts";
import { run } from "../../lib/operation/run.ts";
import { DISK, Instance, NAME, NEW } from "../lab/scripted_instance.ts";
import { documentOf } from "../support/document.ts";

const SECOND = "932df160-7a22-4067-8aff-000000000002";

function add(vm: Instance, uuid: string): KindRequest {
  const source = `${vm.runDir}/${uuid}.img`;
  Deno.writeFileSync(source, new Uint8Array(1 << 20));
  return {
    kind: "disk-add",
    instance: NAME,
    uuid: { value: uuid, origin: "given" },
    source,
    settings: {},
    migratable: "required",
  };
}

/** Carries out a row that brings the disks from one to three. */
async function threeDisks(vm: Instance, more: Partial<RunOptions> = {}) {
  const options: RunOptions = {
    runDir: vm.runDir,
    timeoutMs: 5_000,
    unplugTimeoutMs: 2_000,
    lockTimeoutMs: 1_000,
    mode: "apply",
    ...more,
  };
  const row = {
    action: "set",
    before: 1,
    parts: [
      { request: add(vm, NEW), reached: 2 },
      { request: add(vm, SECOND), reached: 3 },
    ],
    say: (disks: number) => `${disks} disks`,
  } as const;
  return await carryOutRow(NAME, row, {
    one: (request) => run(request, options),
    options,
  });
}

function recorded(vm: Instance): string[] {
  const [, , , ...rest] = JSON.parse(vm.text);
  const text = JSON.stringify([JSON.parse(vm.text), rest]);
  return [DISK.uuid, NEW, SECOND].filter((uuid) => text.includes(uuid));
}

Deno.test("carryOutRow() records each operation, and tells of each", async () => {
  await using vm = new Instance();
  const outcome = await threeDisks(vm);
  assertEquals(recorded(vm), [DISK.uuid, NEW, SECOND]);
  const plugged = vm.peer.calls.filter(({ command }) =>
    command === "device_add"
  );
  assertEquals(plugged.length, 2);
  const text = outcomeText(outcome);
  assertEquals(text.length, 3);
  assertStringIncludes(text[0] ?? "", "Added disk 1");
  assertStringIncludes(text[1] ?? "", "Added disk 2");
  assertEquals(text[2], `${NAME} is now set to 3 disks`);
  const line = documentLine({ ...outcomeDocument(outcome), warnings: [] });
  const document = documentOf(line, ["disk", "add"]);
  const { changed, reached, operations, plan } = document;
  assertEquals([changed, reached, plan], [true, 3, null]);
  const ids = operations.map((one: { device: { index: number } }) =>
    one.device.index
  );
  assertEquals(ids, [1, 2]);
});

Deno.test("carryOutRow() keeps what was done before a failure", async () => {
  await using vm = new Instance();
  vm.peer.once("device_add", {});
  vm.peer.once("device_add", {
    refuse: { class: "GenericError", desc: "no place" },
  });
  const error = await assertRejects(() => threeDisks(vm), HotplugError);
  assertEquals([error.code, error.changed], ["qmp-error", true]);
  assertEquals(recorded(vm), [DISK.uuid, NEW]);
  const { changed, reached, operations } = failureDocument(error, NAME);
  assertEquals([changed, reached], [true, 2]);
  assertEquals(
    operations?.map(({ action, device }) => [action, device?.uuid]),
    [
      ["add", NEW],
    ],
  );
  assertStringIncludes(failureText(error), "done before, and kept");
});

Deno.test("carryOutRow() of a dry run shows all, and changes nothing", async () => {
  await using vm = new Instance();
  const text = vm.text;
  const outcome = await threeDisks(vm, { mode: "dry-run" });
  assertEquals([vm.text, vm.peer.changes()], [text, []]);
  const { plan, operations, changed } = outcomeDocument(outcome);
  const steps = operations?.flatMap((one) => one.plan ?? []) ?? [];
  assertEquals([changed, plan], [false, steps]);
  assertEquals(operations?.length, 2);
  assertEquals(
    outcomeText(outcome).at(-1),
    `${NAME} would then be set to 3 disks`,
  );
});

Deno.test("carryOutRow() ends between two operations when it is told to", async () => {
  await using vm = new Instance();
  const end = new AbortController();
  vm.peer.once("device_add", { meanwhile: () => end.abort() });
  const { signal } = end;
  const error = await assertRejects(
    () => threeDisks(vm, { signal }),
    HotplugError,
    "before it carried out 1 operation",
  );
  assertEquals([error.code, error.details.row?.reached], ["interrupted", 2]);
  assertEquals(recorded(vm), [DISK.uuid, NEW]);
});
