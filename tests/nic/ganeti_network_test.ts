import { assertEquals, assertStringIncludes } from "@std/assert";
import {
  withNetwork,
  withNetworkChange,
} from "../../lib/nic/ganeti_network.ts";
import type { NicChanges } from "../../lib/nic/request.ts";
import { parseRuntime } from "../../lib/state/runtime.ts";
import { assert, nicAdd, nicAddFacts, refusal } from "../support/facts.ts";

const NET1 = "5f5c6f1e-2c3a-4a25-9d2b-6b8a1f3b9c10";
const NET2 = "6f5c6f1e-2c3a-4a25-9d2b-6b8a1f3b9c10";

const SWITCH = { mode: "openvswitch", link: "sw0", vlan: ".7" };

function nicOn(
  uuid: string,
  name: string,
  more: Record<string, unknown> = {},
  nicparams: Record<string, unknown> = SWITCH,
) {
  return {
    mac: "aa:00:00:00:00:09",
    network: uuid,
    nicparams,
    netinfo: { name, uuid, ...more },
    uuid: "a0000009-1111-4111-8111-000000000009",
  };
}

/** Facts of an instance with these NICs, and of another one beside it. */
async function withInstances(
  nics: readonly unknown[],
  others: readonly unknown[],
  body: (node: ReturnType<typeof nicAddFacts>) => void,
): Promise<void> {
  const runDir = await Deno.makeTempDir();
  try {
    const folder = `${runDir}/kvm-hypervisor/conf`;
    await Deno.mkdir(folder, { recursive: true });
    const text = (list: readonly unknown[]) =>
      JSON.stringify([["/usr/bin/kvm"], list, {}, []]);
    await Deno.writeTextFile(`${folder}/vm2.runtime`, text(others));
    await Deno.writeTextFile(`${folder}/broken.runtime`, "{");
    const facts = nicAddFacts();
    const runtime = parseRuntime(text(nics), "vm1.runtime");
    const paths = { ...facts.paths, runDir };
    body({ ...facts, paths, content: { ...facts.content, runtime } });
  } finally {
    await Deno.remove(runDir, { recursive: true });
  }
}

Deno.test("withNetwork() takes the newest description and its place", async () => {
  const [old, young] = [{ serial_no: 2 }, {
    serial_no: 10,
    mac_prefix: "aa:bb:cc",
  }];
  const nics = [nicOn(NET1, "net1", old)];
  await withInstances(nics, [nicOn(NET1, "net1", young)], (node) => {
    const wish = { network: "net1", place: "found" } as const;
    const found = withNetwork(nicAdd({ inNetwork: wish }), node);
    const { network, netinfo = "", mode, link, vlan, mac } = found;
    assertEquals([network, mode, link, vlan], [
      NET1,
      "openvswitch",
      "sw0",
      ".7",
    ]);
    assertEquals(JSON.parse(netinfo), { name: "net1", uuid: NET1, ...young });
    assertEquals(mac.value, "aa:bb:cc:12:34:56");
    const given = { network: NET1.toUpperCase(), place: "given" } as const;
    const own = withNetwork(nicAdd({ inNetwork: given }), node);
    assertEquals([own.network, own.mode, own.link], [NET1, "bridged", "br0"]);
  });
});

Deno.test("withNetwork() refuses what it cannot tell", async () => {
  const both = [nicOn(NET1, "net"), nicOn(NET2, "net")];
  await withInstances(both, [], (node) => {
    const ask = (network: string) => () =>
      withNetwork(nicAdd({ inNetwork: { network, place: "found" } }), node);
    assertStringIncludes(refusal("refused", ask("net")).message, NET2);
    const { message, hint } = refusal("refused", ask("other"));
    assertStringIncludes(message, "no NIC of its instances");
    assertStringIncludes(hint ?? "", "as JSON");
  });
});

Deno.test("withNetworkChange() takes a description that was given", async () => {
  await withInstances([], [], (node) => {
    const netinfo =
      `{"name": "net1", "uuid": "${NET1}", "mac_prefix": "aa:bb:cc"}`;
    const network = { uuid: NET1, netinfo };
    const changes = { inNetwork: { network, place: "found" } } as const;
    const request = withNetworkChange(
      { kind: "nic-modify", instance: "vm1", device: "0", changes },
      node,
    );
    assertEquals(request.changes, { network: NET1, netinfo });
    const given = { network, place: "given" } as const;
    const added = withNetwork(nicAdd({ inNetwork: given }), node);
    assert(added.mac.value.startsWith("aa:bb:cc:"), added.mac.value);
  });
});

function change(changes: NicChanges) {
  return { kind: "nic-modify", instance: "vm1", device: "0", changes } as const;
}

Deno.test("withNetwork() leaves a VLAN that was given", async () => {
  await withInstances([nicOn(NET1, "net1")], [], (node) => {
    const inNetwork = { network: "net1", place: "found" } as const;
    const added = withNetwork(nicAdd({ inNetwork, vlan: "100" }), node);
    assertEquals([added.link, added.vlan], ["sw0", "100"]);
    for (const vlan of ["100", null]) {
      const { changes } = withNetworkChange(change({ inNetwork, vlan }), node);
      assertEquals([changes.link, changes.vlan], ["sw0", vlan]);
    }
  });
});

Deno.test("withNetworkChange() takes away what the network's NICs lack", async () => {
  const plain = nicOn(NET1, "net1", {}, { mode: "bridged", link: "br0" });
  const routed = nicOn(NET2, "net2", {}, { mode: "routed", vlan: "" });
  await withInstances([plain], [routed], (node) => {
    const places = ["net1", "net2"].map((word) => {
      const inNetwork = { network: word, place: "found" } as const;
      const { changes } = withNetworkChange(change({ inNetwork }), node);
      return [changes.mode, changes.link, changes.vlan];
    });
    assertEquals(places, [["bridged", "br0", null], ["routed", null, null]]);
  });
});

Deno.test("withNetwork() refuses a network that tells no place", async () => {
  const ext = nicOn(NET1, "net1", { serial_no: 9 }, { mode: "ext" });
  const netinfo = `{"name": "net2", "uuid": "${NET2}"}`;
  const network = { uuid: NET2, netinfo };
  await withInstances([ext], [], (node) => {
    const inNetwork = { network: "net1", place: "found" } as const;
    for (const wish of [inNetwork, { ...inNetwork, network }]) {
      const { hint } = refusal(
        "refused",
        () => withNetwork(nicAdd({ inNetwork: wish }), node),
      );
      assertStringIncludes(hint ?? "", "--mode and --link");
    }
    refusal(
      "refused",
      () => withNetworkChange(change({ inNetwork }), node),
    );
  });
  await withInstances([ext], [nicOn(NET1, "net1")], (node) => {
    const inNetwork = { network: "net1", place: "found" } as const;
    const { mode, link, netinfo = "" } = withNetwork(
      nicAdd({ inNetwork }),
      node,
    );
    assertEquals([mode, link], ["openvswitch", "sw0"]);
    assertEquals(JSON.parse(netinfo).serial_no, 9);
  });
});

Deno.test("withNetwork() refuses a description no script can be told", async () => {
  const wrong = [
    { network: "192.0.2.0/24\n" },
    { gateway: "192.0.2.1\0" },
    { tags: ["a", "b\nc"] },
    { mac_prefix: "a".repeat(200_000) },
  ];
  for (const more of wrong) {
    await withInstances([], [nicOn(NET1, "net1", more)], (node) => {
      const inNetwork = { network: "net1", place: "found" } as const;
      const ask = () => withNetwork(nicAdd({ inNetwork }), node);
      assertStringIncludes(refusal("refused", ask).message, "NETWORK_");
    });
  }
});
