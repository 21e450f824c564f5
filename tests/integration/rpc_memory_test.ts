/** `rpc` does not grow with the changes it has carried out. */
import { assert, assertEquals } from "@std/assert";
import { LineProcess } from "../lab/line_process.ts";
import { type Doc, Instance, NAME, NEW } from "../lab/scripted_instance.ts";
import { EXECUTABLE } from "../lab/tool.ts";

/** 102 MiB after 500 changes if V8 may grow; 80 after 3,000 as it is. */
const MAX_KIB = 90 * 1024;
/** By then V8 has collected the old space once, and grown if it may. */
const CHANGES = 500;

Deno.test("rpc stays below 90 MiB, however many changes it makes", async () => {
  await using vm = new Instance();
  await using rpc = new LineProcess(EXECUTABLE, {
    args: ["rpc", "--run-dir", vm.runDir],
    env: {},
  });
  const source = vm.image();
  for (let id = 1; id <= CHANGES; id++) {
    const [method, params] = id % 2 === 1
      ? ["disk.add", { instance: NAME, source, uuid: NEW }]
      : ["disk.remove", { instance: NAME, disk: NEW }];
    const answer = await rpc.ask({ jsonrpc: "2.0", id, method, params }) as Doc;
    assertEquals((answer.result as Doc | undefined)?.changed, true);
  }
  const status = Deno.readTextFileSync(`/proc/${rpc.pid}/status`);
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]);
  assert(peak < MAX_KIB, `${peak} KiB`);
});
