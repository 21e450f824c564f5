import { assertEquals, assertMatch } from "@std/assert";
import { whoIs } from "../../lib/engine/own_facts.ts";
import { remark } from "../../lib/errors.ts";
import {
  apartFrom,
  attentionOf,
  interrupted,
  unfinished,
} from "../../lib/inspect/attention.ts";
import type { Asked, Subject } from "../../lib/inspect/ask_one.ts";
import type { Difference } from "../../lib/plan/difference.ts";
import { type InstancePaths, instancePaths } from "../../lib/state/instance.ts";
import {
  disk,
  idOf,
  type InstanceSpec,
  present,
  runtime,
  uuidOf,
} from "../support/facts.ts";
import { unless } from "../support/left_out.ts";

/** Our own folder must be root's. */
const NOT_ROOT = Deno.uid() === 0 ? undefined : "not root";

const ANSWERED = {
  monitor: "answered",
  runState: "running",
  differences: [],
} as const;

/** An instance's folders, and what is to be looked at of it. */
class Node implements Disposable {
  readonly paths: InstancePaths;

  constructor() {
    const prefix = "kvm-hotplug-attention-";
    this.paths = instancePaths(Deno.makeTempDirSync({ prefix }), "vm1");
  }

  get own(): string {
    return `${this.paths.runDir}/kvm-hotplug`;
  }

  /** Writes a file of the tool's own. */
  write(name: string, text = ""): void {
    Deno.mkdirSync(this.own, { recursive: true, mode: 0o700 });
    Deno.writeTextFileSync(`${this.own}/vm1.${name}`, text, { mode: 0o600 });
  }

  /** The code, the hint's command and the device of each remark. */
  async told(
    asked: Asked = ANSWERED,
    given: Partial<Subject> = {},
  ): Promise<string[]> {
    const { paths } = this;
    const subject = { paths, process: undefined, runtime: runtime({}) };
    const found = await attentionOf({ ...subject, ...given }, asked);
    return found.map(({ code, hint, device }) =>
      [code, hint?.replace(/^.*?: /, ""), device?.id].filter(Boolean).join(
        " | ",
      )
    );
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.paths.runDir, { recursive: true });
  }
}

function difference(code: string, id?: string): Difference {
  const device = id === undefined
    ? null
    : { kind: "disk" as const, index: 0, uuid: null, id };
  return { ...remark(code, code), device } as Difference;
}

Deno.test("attentionOf() has nothing to say of a VM that is well", async () => {
  using node = new Node();
  assertEquals(await node.told(), []);
  assertEquals(await node.told({ monitor: "none" }), []);
  assertEquals(await node.told({ monitor: "held" }), []);
});

Deno.test("attentionOf() tells the run state, or why it is unknown", async () => {
  using node = new Node();
  const states = async (runState: string) =>
    await node.told({ ...ANSWERED, runState });
  assertEquals(await states("paused"), ["paused | kvm-hotplug qmp vm1 cont"]);
  assertEquals(await states("shutdown"), ["run-state"]);
  assertEquals(await node.told({ monitor: "silent" }), ["monitor-timeout"]);
  const why = remark("busy", "m");
  assertEquals(await node.told({ monitor: "silent", why }), ["busy"]);
  assertEquals(await node.told({ monitor: "unasked", why }), ["busy"]);
});

Deno.test("attentionOf() tells a pid file that leads to no QEMU", async () => {
  using node = new Node();
  Deno.mkdirSync(node.paths.pid.replace(/\/[^/]*$/, ""), { recursive: true });
  Deno.writeTextFileSync(node.paths.pid, "");
  assertEquals(await node.told(), ["pid-file"]);
  assertEquals(await node.told({ monitor: "none" }), []);
});

Deno.test("attentionOf() tells a broken runtime file first, differences last", async () => {
  using node = new Node();
  const differences = [difference("not-in-qemu", "a"), difference("x", "b")];
  const asked = { ...ANSWERED, runState: "paused", differences };
  const broken = remark("bad-state-file", "m", { hint: "h" });
  assertEquals(await node.told(asked, { runtime: broken }), [
    "bad-state-file | h",
    "paused | kvm-hotplug qmp vm1 cont",
    "not-in-qemu | a",
    "x | b",
  ]);
  // The same is not told twice.
  const again = { ...asked, differences: [difference("paused")] };
  assertEquals(await node.told(again), ["paused | kvm-hotplug qmp vm1 cont"]);
});

Deno.test({
  ...unless(
    NOT_ROOT,
    "attentionOf() tells an interrupted change, which explains the rest",
  ),
  async fn() {
    using node = new Node();
    assertEquals([unfinished(node.paths), interrupted(node.paths)], [
      undefined,
      undefined,
    ]);
    node.write("journal");
    node.write("lock");
    assertEquals(unfinished(node.paths), "interrupted");
    const left = present(interrupted(node.paths));
    assertEquals(left.hint, "kvm-hotplug repair vm1");
    const asked = { ...ANSWERED, differences: [difference("x", "b")] };
    assertEquals(await node.told(asked), [
      "interrupted | kvm-hotplug repair vm1",
    ]);
    // Somebody works on it: it is not interrupted.
    using lock = Deno.openSync(`${node.own}/vm1.lock`, { write: true });
    lock.lockSync(true);
    assertEquals([unfinished(node.paths), interrupted(node.paths)], [
      "under-way",
      undefined,
    ]);
    assertEquals(await node.told(asked), ["x | b"]);
  },
});

Deno.test("attentionOf() tells a folder of ours that a change would refuse", async () => {
  using node = new Node();
  const said = async (make: () => void) => {
    make();
    const subject = { paths: node.paths, process: undefined };
    const [one, ...more] = await attentionOf(
      { ...subject, runtime: runtime({}) },
      ANSWERED,
    );
    Deno.removeSync(node.own);
    assertEquals([one?.code, more], ["own-folder", []]);
    return one?.message.replace(/^.*: it is /, "");
  };
  const uid = Deno.uid();
  assertEquals(
    await said(() => Deno.mkdirSync(node.own, { mode: 0o750 })),
    `a folder of uid ${uid} with mode 0750`,
  );
  assertMatch(
    await said(() => Deno.writeTextFileSync(node.own, "")) ?? "",
    /^a file of uid /,
  );
  assertMatch(
    await said(() => Deno.symlinkSync("/", node.own)) ?? "",
    /^a link of uid /,
  );
});

Deno.test({
  ...unless(
    NOT_ROOT,
    "attentionOf() tells of a pending removal whether the guest has released it",
  ),
  async fn() {
    using node = new Node();
    const [id, uuid] = [idOf("disk", 1), uuidOf("disk", 1)];
    const title = "disk 1";
    const pending = { id, title, requestedAt: "2026-01-01T00:00:00Z" };
    const devices = { [uuid]: { kind: "disk", pending } };
    // It was written for a process that lives: this one.
    const process = { pid: Deno.pid, argv: ["qemu", "-name", "vm1"] };
    const qemu = whoIs(process);
    node.write("json", JSON.stringify({ version: 1, qemu, devices }));
    const spec: InstanceSpec = { disks: [disk(0, 12), disk(1, 13)] };
    const given = { process, runtime: runtime(spec) };
    const missing = { ...difference("not-in-qemu", id) };
    const asked = { ...ANSWERED, differences: [missing] };
    const waits = `pending-removal | kvm-hotplug disk remove vm1 ${id} | ${id}`;
    assertEquals(await node.told(ANSWERED, given), [waits]);
    assertEquals(await node.told(asked, given), [
      `removal-released | kvm-hotplug repair vm1 | ${id}`,
    ]);
    // Who is not asked knows nothing of it.
    assertEquals(await node.told({ monitor: "held" }, given), [waits]);
    assertEquals(await node.told(ANSWERED, { process }), ["pending-removal"]);
    const other = { ...ANSWERED, differences: [difference("x", id)] };
    assertEquals(await node.told(other, given), [waits]);
    // Of another process it says nothing.
    const { runtime: file } = given;
    assertEquals(await node.told(ANSWERED, { runtime: file }), []);
  },
});

Deno.test({
  ...unless(
    NOT_ROOT,
    "attentionOf() tells why the tool's own record cannot be read",
  ),
  async fn() {
    using node = new Node();
    node.write("json", "{");
    const differences = [difference("x", "b")];
    const [told, ...more] = await node.told({ ...ANSWERED, differences });
    assertMatch(told ?? "", /^bad-state-file \| /);
    assertEquals(more, []);
  },
});

Deno.test("apartFrom() leaves only recorded devices beside an interrupted change", () => {
  const device = { kind: "disk" as const, index: 0, uuid: null, id: "d" };
  const recorded = { device };
  const found = [recorded, { device: { ...device, index: null } }, {
    device: null,
  }, {}];
  assertEquals(apartFrom(undefined, found), found);
  assertEquals(apartFrom(remark("interrupted", "m"), found), [recorded]);
});
