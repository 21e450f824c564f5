import { assertEquals } from "@std/assert";
import {
  commandOf,
  isOffline,
  type Request,
} from "../../lib/operation/request.ts";

function request(kind: Request["kind"]): Request {
  return { kind, instance: "vm1" } as Request;
}

Deno.test("isOffline() is a request about files alone", () => {
  const offline = ["state-upgrade", "links-mend", "identity-mend"] as const;
  assertEquals(offline.map(request).map(isOffline), [true, true, true]);
  const others = ["adopt", "disk-add", "nic-remove"] as const;
  assertEquals(others.map(request).map(isOffline), [false, false, false]);
});

Deno.test("commandOf() is what a person types", () => {
  const kinds = ["adopt", "disk-add", "state-upgrade"] as const;
  assertEquals(kinds.map(request).map(commandOf), [
    ...["adopt", "disk add", "state upgrade"],
  ]);
});
