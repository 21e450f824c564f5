/** The questions to the QEMUs of a node, with QEMUs that do not answer. */
import { assert, assertEquals } from "@std/assert";
import { askInstances } from "../../lib/inspect/ask_instances.ts";
import type { Asked, Subject } from "../../lib/inspect/ask_one.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { DeadlineError } from "../../lib/sys/errno.ts";
import { POLL } from "../../lib/sys/layout.ts";
import { pause } from "../../lib/sys/pause.ts";
import { pollOne } from "../../lib/sys/poll.ts";
import type { UnixSocket } from "../../lib/sys/unix_socket.ts";
import { UnixListener } from "../lab/unix_listener.ts";
import { runtime } from "../support/facts.ts";

/** All connections that were made. */
async function* connections(listener: UnixListener) {
  try {
    for (;;) yield await listener.accept({ timeoutMs: 50 });
  } catch (error) {
    if (!(error instanceof DeadlineError)) throw error;
  }
}

function isOpen({ fd }: UnixSocket): boolean {
  return (pollOne({ fd, events: 0 }, 0) & POLL.HUP) === 0;
}

Deno.test("askInstances() lets go of each QEMU once its time is over", async () => {
  const runDir = Deno.makeTempDirSync({ prefix: "kvm-hotplug-ask-" });
  const names = Array.from({ length: 128 }, (_, number) => `vm${number}`);
  try {
    const qmp = `${runDir}/silent.qmp`;
    using silent = UnixListener.bind(qmp, names.length);
    const told = await askInstances<Subject, Asked["monitor"]>(names, {
      look: (name) => ({
        paths: { ...instancePaths(runDir, name), qmp },
        process: undefined,
        runtime: runtime({}),
      }),
      tell: (_, { monitor }) => Promise.resolve(monitor),
    }, { deadlineMs: 1_000, compared: "presence" });
    assertEquals(told, names.map(() => "silent" as const));
    using stack = new DisposableStack();
    const made = await Array.fromAsync(
      connections(silent),
      (one) => stack.use(one),
    );
    assert(made.length > 16);
    await pause(100);
    assertEquals(made.filter(isOpen).length, 0);
  } finally {
    Deno.removeSync(runDir, { recursive: true });
  }
});
