import { assertEquals, assertRejects } from "@std/assert";
import {
  handlerOf,
  isChangeCommand,
  isRequestCommand,
} from "../../lib/cli/handlers.ts";
import { COMMANDS } from "../../lib/commands/commands.ts";

Deno.test("handlerOf() has one for each command, named like it", async () => {
  const requests = [];
  for (const { name } of COMMANDS) {
    const handler = await handlerOf(name);
    if (handler.name === "change") requests.push(name);
    else {
      const camel = name.replace(/ (\w)/g, (_, one) => one.toUpperCase());
      assertEquals(handler.name, camel);
    }
  }
  assertEquals(
    requests,
    COMMANDS.map(({ name }) => name).filter(isRequestCommand),
  );
  assertEquals(requests.includes("disk add"), true);
  await assertRejects(() => handlerOf("odd"), TypeError, "no handler of odd");
});

Deno.test("isChangeCommand() is who can be tried out", () => {
  const others = ["list", "check", "state show", "qmp", "events", "rpc", "odd"];
  for (const name of [...others, undefined]) {
    assertEquals([isChangeCommand(name), isRequestCommand(name)], [
      false,
      false,
    ]);
  }
  for (const name of ["disk add", "nic remove", "adopt", "state upgrade"]) {
    assertEquals([isChangeCommand(name), isRequestCommand(name)], [true, true]);
  }
  // It changes something, and makes no request.
  const repair = [isChangeCommand("repair"), isRequestCommand("repair")];
  assertEquals(repair, [true, false]);
});
