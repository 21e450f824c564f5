/** Taps joined to this node's network by its own tools, and taken off. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import {
  type Attachment,
  hangsOn,
  joinNetwork,
  leaveNetwork,
} from "../../lib/host/attachment.ts";
import { openTap, type Tap } from "../../lib/host/tap.ts";

const NOTHING: Attachment = {
  mode: "none",
  link: null,
  vlan: null,
  ip: null,
  script: null,
};

async function run(program: string, ...args: string[]): Promise<string> {
  const output = await new Deno.Command(program, { args }).output();
  const text = new TextDecoder().decode(output.stdout);
  const fault = new TextDecoder().decode(output.stderr);
  assert(output.success, `${program} ${args.join(" ")}: ${fault}`);
  return text;
}

/** A tap that is gone afterwards, whatever happened. */
async function withTap(body: (tap: string) => Promise<void>): Promise<void> {
  const options = { name: null, queues: 1, vnetHdr: "off" } as const;
  const tap: Tap = openTap(options);
  try {
    await body(tap.name);
  } finally {
    for (const fd of tap.fds) fd.close();
  }
}

async function withBridge(
  body: (bridge: string) => Promise<void>,
  ...words: string[]
): Promise<void> {
  const bridge = `kh${crypto.randomUUID().slice(0, 8)}`;
  await run("ip", "link", "add", bridge, "type", "bridge", ...words);
  try {
    await body(bridge);
  } finally {
    await run("ip", "link", "del", bridge);
  }
}

for (
  const { ip, family, version, proxy } of [
    { ip: "192.0.2.7", family: "-4", version: "ipv4", proxy: "proxy_arp" },
    { ip: "2001:db8::7", family: "-6", version: "ipv6", proxy: "proxy_ndp" },
  ] as const
) {
  Deno.test(`joinNetwork() routes ${ip}, leaveNetwork() leaves no trace`, async () => {
    const to = { ...NOTHING, mode: "routed", link: "4711", ip } as const;
    const rules = await run("ip", family, "rule", "show");
    await withTap(async (tap) => {
      await joinNetwork(tap, to);
      await joinNetwork(tap, to);
      const now = await run("ip", family, "rule", "show");
      assertEquals(now.split(`iif ${tap}`).length, 2, now);
      const routes = await run("ip", family, "route", "show", "table", "4711");
      assertStringIncludes(routes, `${ip} dev ${tap}`);
      for (const name of [proxy, "forwarding"]) {
        const path = `/proc/sys/net/${version}/conf/${tap}/${name}`;
        assertEquals((await Deno.readTextFile(path)).trim(), "1");
      }
      await leaveNetwork(tap, to);
      await leaveNetwork(tap, to);
      const all = await run(
        ...["ip", family, "route", "show", "table", "all", "dev", tap] as const,
      );
      assert(!all.includes(`${ip} `), all);
      assertEquals(await run("ip", family, "rule", "show"), rules);
      await joinNetwork(tap, to);
    });
    await leaveNetwork("tap0", to);
    assertEquals(await run("ip", family, "rule", "show"), rules);
  });
}

Deno.test("joinNetwork() of a bridge, leaveNetwork() of it, both repeated", async () => {
  await withBridge(async (bridge) => {
    await withTap(async (tap) => {
      const to = { ...NOTHING, mode: "bridged", link: bridge } as const;
      for (let i = 0; i < 2; i++) await joinNetwork(tap, to);
      assertEquals(hangsOn(tap, to), true);
      for (let i = 0; i < 2; i++) await leaveNetwork(tap, to);
      assertEquals(hangsOn(tap, to), false);
    });
  });
});

Deno.test("leaveNetwork() of one family leaves the other's routes alone", async () => {
  const to = { ...NOTHING, mode: "routed", link: "4712" } as const;
  await withTap(async (tap) => {
    await joinNetwork(tap, { ...to, ip: "2001:db8::7" });
    // No such table of IPv4: it cannot be flushed.
    await leaveNetwork(tap, { ...to, ip: "192.0.2.7" });
    const now = await run("ip", "-6", "route", "show", "table", "4712");
    assertStringIncludes(now, `2001:db8::7 dev ${tap}`);
    await leaveNetwork(tap, { ...to, ip: "2001:db8::7" });
    const after = await run("ip", "-6", "route", "show", "table", "all");
    assert(!after.includes("2001:db8::7 "), after);
  });
});
