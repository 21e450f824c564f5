/** How a tap is cut off by who works on the node. */
import { assertEquals } from "@std/assert";
import {
  type Attachment,
  joinNetwork,
  leaveNetwork,
} from "../../lib/host/attachment.ts";
import { openTap } from "../../lib/host/tap.ts";
import { cutsOf } from "../../lib/host/tap_place.ts";
import { run } from "../sys/support.ts";

const NOTHING: Attachment = {
  ...{ mode: "none", link: null, vlan: null, ip: null, script: null },
};

async function withTap(body: (tap: string) => Promise<void>): Promise<void> {
  const { name, fds } = openTap({ name: null, queues: 1, vnetHdr: "off" });
  try {
    await body(name);
  } finally {
    for (const fd of fds) fd.close();
  }
}

Deno.test("cutsOf() sees a route that is gone, and a tap that is down", async () => {
  for (const ip of ["192.0.2.7", "2001:db8::7"]) {
    for (const link of [null, "4711"]) {
      await withTap(async (tap) => {
        const on = { ...NOTHING, mode: "routed", link, ip } as const;
        await joinNetwork(tap, on);
        assertEquals(await cutsOf(tap, on), []);
        assertEquals(await cutsOf(tap, { ...on, ip: null }), []);
        assertEquals(await cutsOf("lo", on), [
          `has no route for ${ip} (table ${link ?? "main"})`,
        ]);
        // The kernel takes the routes of what is down.
        run("ip", "link", "set", tap, "down");
        assertEquals(await cutsOf(tap, on), [
          `has no route for ${ip} (table ${link ?? "main"})`,
          "is down",
        ]);
        await leaveNetwork(tap, on);
      });
    }
  }
});

Deno.test("cutsOf() sees another bridge, and tells nothing of a script's", async () => {
  const [one, other] = [`kh${Deno.pid}a`, `kh${Deno.pid}b`];
  for (const bridge of [one, other]) {
    run("ip", "link", "add", bridge, "type", "bridge");
  }
  try {
    await withTap(async (tap) => {
      const on = { ...NOTHING, mode: "bridged", link: one } as const;
      await joinNetwork(tap, on);
      assertEquals(await cutsOf(tap, on), []);
      // A bridge that looks at no VLANs.
      assertEquals(await cutsOf(tap, { ...on, vlan: "8" }), []);
      run("ip", "link", "set", tap, "master", other, "down");
      const cuts = [`is on ${other}, not on ${one}`, "is down"];
      assertEquals(await cutsOf(tap, on), cuts);
      run("ip", "link", "set", tap, "nomaster", "up");
      assertEquals(await cutsOf(tap, on), [
        `is on no bridge, not on ${one}`,
      ]);
      const script = { path: "/x", down: null, environment: {} };
      run("ip", "link", "set", tap, "down");
      assertEquals(await cutsOf(tap, { ...on, script }), []);
      for (const mode of ["none", "ext"] as const) {
        assertEquals(await cutsOf(tap, { ...on, mode }), []);
      }
    });
  } finally {
    for (const bridge of [one, other]) run("ip", "link", "del", bridge);
  }
});
