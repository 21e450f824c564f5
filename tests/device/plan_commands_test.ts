import { assertEquals } from "@std/assert";
import {
  type CommandTable,
  PlanCommands,
} from "../../lib/device/plan_commands.ts";
import type { Json } from "../../lib/qmp/message.ts";

const CPU: CommandTable = {
  device_add: {
    takes: ({ driver, id }) => driver === "a-cpu" && id === "vcpu-1",
    undo: "device_del",
    effect: null,
    ending: () => ({ everyMs: 100 }),
  },
  "qom-set": {
    takes: ({ property }) => property === "requested-size",
    undo: "qom-set",
    effect: null,
  },
};

function plug(args: Json) {
  return { execute: "device_add", arguments: args };
}

Deno.test("find() asks the kinds first, and by what a command takes", () => {
  const shared = new PlanCommands([]);
  const commands = new PlanCommands([CPU]);
  const cpu = plug({ driver: "a-cpu", id: "vcpu-1" });
  const disk = plug({ driver: "virtio-blk-pci", id: "disk-1" });
  assertEquals(commands.find(cpu)?.ending?.({}), { everyMs: 100 });
  assertEquals(shared.find(cpu)?.ending, undefined);
  assertEquals(commands.find(disk), shared.find(disk));
  assertEquals(commands.find(disk)?.turn, "plug");
  assertEquals(commands.isCommand(plug({ id: "disk-1" })), false);
  assertEquals(
    commands.isCommand({ execute: "toString", arguments: {} }),
    false,
  );
});

Deno.test("isUndoOf() takes what is about the same alone", () => {
  const commands = new PlanCommands([CPU]);
  const set = (path: string, value: number) => ({
    execute: "qom-set",
    arguments: { path, property: "requested-size", value },
  });
  assertEquals(commands.isUndoOf(set("/a", 0), set("/a", 1)), true);
  assertEquals(commands.isUndoOf(set("/b", 0), set("/a", 1)), false);
  assertEquals(
    new PlanCommands([]).isUndoOf(set("/a", 0), set("/a", 1)),
    false,
  );
});
