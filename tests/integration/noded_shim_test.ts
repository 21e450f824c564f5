/** integrations/ganeti in Ganeti's own node daemon, beside odd programs. */
import { assertEquals, assertMatch } from "@std/assert";
import { run } from "../../tools/guest/run.ts";
import { unless } from "../support/left_out.ts";
import {
  type Doc,
  instanceObject,
  Noded,
  nodedEnvironment,
  witness,
} from "../lab/noded.ts";
import { Instance, NAME } from "../lab/scripted_instance.ts";
import { EXECUTABLE } from "../lab/tool.ts";

const { ganeti, leftOut } = await witness();
const TESTS = new URL("noded_shim.py", import.meta.url).pathname;
const RELEASE = { name: "", version: "", binary: "/bin/false", dataArgs: [] };

Deno.test({
  ...unless(leftOut, "integrations/ganeti keeps apart what happened"),
  fn: async () => {
    if (ganeti === undefined) return;
    const env = { PYTHONDONTWRITEBYTECODE: "1" };
    await run(ganeti.python, [TESTS], { env });
  },
});

/** A node daemon that takes a program of the test's for kvm-hotplug. */
interface Node {
  readonly vm: Instance;
  readonly root: string;
  /** Makes the program anew, a shell script. */
  readonly program: (script: string) => Promise<void>;
  readonly call: (procedure: string, ...more: Doc[]) => Promise<Doc>;
}

async function withNoded(body: (node: Node) => Promise<void>) {
  if (ganeti === undefined) return;
  const folder = await Deno.makeTempDir({ prefix: "kh-" });
  const root = `${folder}/node1`;
  const path = `${root}/program`;
  try {
    await Deno.mkdir(`${root}/var/run`, { recursive: true });
    await Deno.mkdir(`${root}/etc/ganeti`, { recursive: true });
    await using vm = new Instance();
    await Deno.symlink(vm.runDir, `${root}/var/run/ganeti`);
    await using noded = new Noded(ganeti, root, { hotplugBy: path });
    const instance = instanceObject(NAME, RELEASE);
    await body({
      vm,
      root,
      program: (script) =>
        Deno.writeTextFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 }),
      call: (procedure, ...more) => noded.call(procedure, [instance, ...more]),
    });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A disk that is gone already: Ganeti's own code calls that an error. */
const GONE = {
  dev_type: "file",
  logical_id: ["loop", "/x"],
  uuid: "d0000009-1111-4111-8111-000000000009",
};
const REMOVE = ["hotremove", "disk", GONE, null, 0];
const THEIRS = /^Error while executing backend function: /;

Deno.test({
  ...unless(leftOut, "noded asks kvm-hotplug, or itself where that cannot be"),
  fn: () =>
    withNoded(async ({ vm, root, program, call }) => {
      const before = vm.text;
      const ours = async () => {
        await program(`exec ${EXECUTABLE} "$@"`);
        assertEquals(await call("hotplug_device", ...REMOVE), [true, null]);
      };
      const theirs = async () => {
        const [done, text] = await call("hotplug_device", ...REMOVE);
        assertEquals(done, false);
        assertMatch(text, THEIRS);
      };
      await theirs();
      await ours();
      assertEquals(await call("hotplug_supported"), [true, null]);
      for (const script of ["exit 1", `echo '{"schema":2}'`, "echo x"]) {
        await program(script);
        await theirs();
      }
      // It was removed, or switched off, while the daemon runs.
      await Deno.remove(`${root}/program`);
      await theirs();
      await ours();
      const off = `${root}/etc/ganeti/kvm-hotplug.off`;
      await Deno.writeTextFile(off, "");
      await theirs();
      await Deno.remove(off);
      await ours();
      await vm.peer.idle();
      assertEquals([vm.text, vm.peer.changes()], [before, []]);
    }),
});

Deno.test({
  ...unless(leftOut, "noded tells the master of a kvm-hotplug that was killed"),
  fn: () =>
    withNoded(async ({ program, call }) => {
      await program(
        `[ $1 = help ] && exec ${EXECUTABLE} "$@"; kill -9 $$`,
      );
      const [done, text] = await call("hotplug_device", ...REMOVE);
      assertEquals(done, false);
      // The bare text: noded puts nothing before it.
      assertMatch(
        text,
        /^kvm-hotplug gave no answer: it was killed by signal 9/,
      );
      assertMatch(text, new RegExp(`run: kvm-hotplug repair ${NAME}$`));
    }),
});

const PEEK = `
import os, sys
assert any(type(one).__name__ == "Watcher" for one in sys.meta_path)
import sitecustomize
import ganeti.server.noded as noded
print(sitecustomize.__file__)
print(os.environ["PYTHONPATH"])
print(noded.NodeRequestHandler.perspective_resize_disk.__module__)
print(noded.NodeRequestHandler.perspective_blockdev_grow.__module__)
print(noded.NodeRequestHandler.perspective_hotplug_device.__code__.co_filename)
print([type(one).__name__ for one in sys.meta_path].count("Watcher"))
`;

Deno.test({
  ...unless(
    leftOut,
    "integrations/ganeti leaves Python as it is, but for noded",
  ),
  fn: async () => {
    if (ganeti === undefined) return;
    const options = { hotplugBy: EXECUTABLE };
    const env = nodedEnvironment(ganeti, "/nowhere/node1", options);
    // Debian has a sitecustomize: elsewhere one is made up.
    const folder = await Deno.makeTempDir({ prefix: "kh-" });
    try {
      await Deno.writeTextFile(`${folder}/sitecustomize.py`, "");
      const path = `${env.PYTHONPATH}:${folder}`;
      const said = await run(ganeti.python, ["-c", PEEK], {
        env: { ...env, PYTHONPATH: path },
      });
      const [site, left, , other, code, count] = said.trim().split("\n");
      assertEquals(site, `${folder}/sitecustomize.py`);
      assertEquals(left, `${ganeti.modules}:${folder}`);
      assertEquals(other, "ganeti.server.noded");
      assertMatch(code ?? "", /kvm_hotplug_noded\.py$/);
      assertEquals(count, "0");
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
