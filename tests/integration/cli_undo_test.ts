/** `disk add` and `nic add` that fail at each of their steps. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import type { Behaviour } from "../lab/scripted_behaviour.ts";
import {
  assertFailed,
  assertUnchanged,
  Instance,
  NAME,
  NEW,
  NEW_DISK,
  NEW_NIC,
  type Ran,
  TAP,
} from "../lab/scripted_instance.ts";

const NO = { class: "GenericError", desc: "QEMU says no" };

/** A kind of device, its commands, and what takes back those before each. */
const KINDS = {
  "disk add": {
    id: NEW_DISK,
    undo: {
      "add-fd": [],
      "blockdev-add": ["remove-fd"],
      "device_add": ["blockdev-del", "remove-fd"],
      "remove-fd": ["device_del", "blockdev-del", "remove-fd"],
    },
  },
  "nic add": {
    id: NEW_NIC,
    undo: {
      "getfd": ["closefd"],
      "netdev_add": ["closefd"],
      "device_add": ["netdev_del", "closefd"],
    },
  },
} as const;

type Kind = keyof typeof KINDS;

async function add(vm: Instance, kind: Kind, ...more: string[]): Promise<Ran> {
  const words = kind.split(" ");
  const source = kind === "disk add"
    ? [`${vm.runDir}/disk.img`]
    : ["--tap", TAP];
  return await vm.cli(...words, NAME, ...source, "--uuid", NEW, ...more);
}

function prepared(): Instance {
  const vm = new Instance();
  vm.image();
  return vm;
}

/** A test for each kind and each of its commands. */
function eachStep(
  title: string,
  body: (kind: Kind, command: string, undo: readonly string[]) => Promise<void>,
) {
  for (const kind of Object.keys(KINDS) as Kind[]) {
    for (const [command, undo] of Object.entries(KINDS[kind].undo)) {
      Deno.test(
        `${kind}, ${command}: ${title}`,
        () => body(kind, command, undo),
      );
    }
  }
}

/** The commands that were sent after the one that failed. */
function changesAfter(vm: Instance, command: string): string[] {
  const changes = vm.peer.changes();
  return changes.slice(changes.indexOf(command) + 1);
}

eachStep("refused is undone in reverse", async (kind, command, undo) => {
  await using vm = prepared();
  vm.peer.once(command, { refuse: NO });
  await assertUnchanged(vm, async () => {
    const ran = await add(vm, kind);
    const { qmp, message } = assertFailed(ran, 5, "qmp-error");
    assertEquals(qmp, { command, ...NO });
    assertMatch(message, /QEMU says no/);
  });
  assertEquals(changesAfter(vm, command), undo);
});

Deno.test("disk add is undone though QEMU gives the node up late", async () => {
  await using vm = prepared();
  vm.peer.once("remove-fd", { refuse: NO });
  const desc = `Node ${NEW_DISK} is in use`;
  const late = { refuse: { class: "GenericError", desc } };
  for (let k = 0; k < 3; k++) vm.peer.once("blockdev-del", late);
  await assertUnchanged(vm, async () => {
    assertFailed(await add(vm, "disk add"), 5, "qmp-error");
  });
});

eachStep(
  "cut off before it is carried out is undone",
  async (kind, command) => {
    await using vm = prepared();
    vm.peer.once(command, { close: "before-reply" });
    await assertUnchanged(vm, async () => {
      const ran = await add(vm, kind);
      assert([4, 5].includes(ran.status), ran.out);
      assertEquals(ran.json.changed, false);
    });
    assertEquals(vm.peer.connections, 2);
  },
);

eachStep(
  "cut off after it was carried out is undone",
  async (kind, command) => {
    await using vm = prepared();
    const behaviour: Behaviour = { reply: "never", close: "after-reply" };
    vm.peer.once(command, behaviour);
    await assertUnchanged(vm, async () => {
      const ran = await add(vm, kind);
      assert([4, 5].includes(ran.status), ran.out);
    });
  },
);

eachStep("the end of QEMU is told: status 7", async (kind, command) => {
  await using vm = prepared();
  const before = vm.state();
  vm.peer.once(command, { close: "die" });
  const { message, hint } = assertFailed(await add(vm, kind), 7, "interrupted");
  assertMatch(message, /QMP socket/);
  assertEquals(typeof hint, "string");
  const { files, taps } = vm.state();
  assertEquals({ files, taps }, { files: before.files, taps: before.taps });
});

eachStep(
  "carried out without a reply counts as done",
  async (kind, command) => {
    // Nothing in QMP tells whether getfd gave a name: it is taken back.
    if (command === "getfd") return;
    await using vm = prepared();
    vm.peer.once(command, { reply: "never" });
    const ran = await add(vm, kind, "--timeout", "0.2");
    assertEquals([ran.status, ran.json.changed], [0, true], ran.out);
    assert(vm.peer.model.devices.has(KINDS[kind].id));
  },
);

eachStep("neither reply nor effect is undone", async (kind, command) => {
  await using vm = prepared();
  vm.peer.once(command, { reply: "never", carryOut: "no" });
  await assertUnchanged(vm, async () => {
    const ran = await add(vm, kind, "--timeout", "0.2");
    assert([4, 5].includes(ran.status), ran.out);
  });
});

for (const kind of Object.keys(KINDS) as Kind[]) {
  const { id } = KINDS[kind];

  Deno.test(`${kind} is undone if query-pci does not show the device`, async () => {
    await using vm = prepared();
    vm.peer.model.hidden.add(id);
    await assertUnchanged(vm, async () => {
      const { message } = assertFailed(await add(vm, kind), 5, "qmp-error");
      assertMatch(message, new RegExp(id));
    });
  });

  Deno.test(`${kind} names what it cannot undo: status 7`, async () => {
    await using vm = prepared();
    const backend = kind === "disk add" ? "blockdev-del" : "netdev_del";
    vm.peer.once("device_add", { refuse: NO });
    // A node may be given up late, so QEMU is asked again for a second.
    for (let k = 0; k < 100; k++) vm.peer.once(backend, { refuse: NO });
    const failed = assertFailed(await add(vm, kind), 7, "rollback-incomplete");
    assertMatch(failed.message, new RegExp(backend.replace(/.del/, ".add")));
    assertEquals(failed.qmp?.command, "device_add");
    const left = kind === "disk add" ? "node" : "netdev";
    assert(vm.peer.model.contents().includes(`${left} ${id}`));
  });

  Deno.test(`${kind} that no guest gives back keeps its backend: status 7`, async () => {
    await using vm = prepared();
    vm.peer.guest = "is silent";
    vm.peer.model.hidden.add(id);
    const ran = await add(vm, kind, "--unplug-timeout", "0.1");
    assertFailed(ran, 7, "rollback-incomplete");
    // Releasing it now would leave a dead device in the guest: promise 6.
    const backend = kind === "disk add" ? `node ${id}` : `netdev ${id}`;
    const there = vm.peer.model.contents();
    assertEquals([there.includes(`device ${id}`), there.includes(backend)], [
      true,
      true,
    ]);
  });

  Deno.test(`${kind} under way is not stopped by a signal`, async () => {
    await using vm = prepared();
    const stop = new AbortController();
    const meanwhile = () => stop.abort();
    vm.peer.once("device_add", { meanwhile });
    const source = kind === "disk add" ? [`${vm.runDir}/disk.img`] : [];
    const words = [...kind.split(" "), NAME, ...source];
    const ran = await vm.cliUntil(stop.signal, ...words);
    assertEquals(ran.status, 0);
  });

  Deno.test(`${kind} stopped by a signal is undone if it fails`, async () => {
    await using vm = prepared();
    const stop = new AbortController();
    vm.peer.model.hidden.add(id);
    vm.peer.once("device_add", { meanwhile: () => stop.abort() });
    // The guest takes its time: its answer comes with the next command.
    vm.peer.guest = "is silent";
    vm.peer.once("device_del", {
      meanwhile: () => setTimeout(() => vm.peer.release(id), 5),
    });
    await assertUnchanged(vm, async () => {
      const source = kind === "disk add" ? [`${vm.runDir}/disk.img`] : [];
      const words = [...kind.split(" "), NAME, ...source, "--uuid", NEW];
      assertFailed(await vm.cliUntil(stop.signal, ...words), 5, "qmp-error");
    });
  });
}
