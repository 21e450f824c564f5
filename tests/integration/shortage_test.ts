/** What cannot be looked at for want of a descriptor is not called gone. */
import { assertEquals, assertRejects } from "@std/assert";
import { isShortage } from "../../lib/errors.ts";
import {
  connectedSockets,
  isListenedTo,
} from "../../lib/host/connected_sockets.ts";
import { openImages } from "../../lib/host/open_images.ts";
import {
  findQemu,
  holds,
  openFiles,
  qemuWithPid,
  tapsOf,
} from "../../lib/host/process.ts";
import { isStopped, startOf } from "../../lib/host/process_identity.ts";
import { filtersVlans } from "../../lib/host/network.ts";
import { interrupted } from "../../lib/inspect/attention.ts";
import { runningBeside } from "../../lib/plan/instances.ts";
import { readJournalFile } from "../../lib/state/journal_file.ts";
import { instancePaths } from "../../lib/state/instance.ts";
import { openOwnDirectory } from "../../lib/state/lock.ts";
import { readRuntimeFile } from "../../lib/state/runtime_file.ts";
import { withFreeFds } from "../lab/free_fds.ts";
import { Instance, NAME } from "../lab/scripted_instance.ts";

Deno.test("without a descriptor left no question is answered wrongly", async () => {
  await using vm = new Instance();
  const paths = instancePaths(vm.runDir, NAME);
  Deno.writeTextFileSync(paths.pid, `${Deno.pid}\n`);
  using own = openOwnDirectory(vm.runDir);
  Deno.writeTextFileSync(`${vm.ownDir}/${NAME}.journal`, "", { mode: 0o600 });
  const questions = {
    findQemu: () => findQemu(paths.pid, NAME),
    qemuWithPid: () => qemuWithPid(Deno.pid, NAME),
    startOf: () => startOf(Deno.pid),
    isStopped: () => isStopped(Deno.pid),
    holds: () => holds(Deno.pid, "file 0:0 1"),
    openFiles: () => [...openFiles(Deno.pid)],
    openImages: () => openImages(Deno.pid),
    tapsOf: () => tapsOf(openFiles(Deno.pid)),
    filtersVlans: () => filtersVlans("lo"),
    connectedSockets,
    isListenedTo: () => isListenedTo(paths.qmp),
    interrupted: () => interrupted(paths),
    runningBeside: () => runningBeside(vm.runDir, []),
    readRuntimeFile: () => readRuntimeFile(paths.runtime),
    readJournalFile: () => readJournalFile(own, paths),
  };
  // What is bound at its first call is bound now.
  for (const ask of Object.values(questions)) await ask();
  await withFreeFds(0, async () => {
    for (const [name, ask] of Object.entries(questions)) {
      const error = await assertRejects(
        async () => await ask(),
        Error,
        "",
        name,
      );
      assertEquals(isShortage(error), true, `${name}: ${error}`);
    }
  });
});
