import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parseInvocation } from "../../lib/commands/args.ts";
import { COMMANDS } from "../../lib/commands/commands.ts";
import { handlerOf } from "../../lib/cli/handlers.ts";
import { instanceOf, reachOf, requestOf } from "../../lib/commands/requests.ts";
import { assert, NEW_UUID, refusal } from "../support/facts.ts";

function request(...words: string[]) {
  return requestOf(parseInvocation(words));
}

function diskAdd(...words: string[]) {
  const one = request("disk", "add", "vm1", "/srv/d.img", ...words);
  assert(one?.kind === "disk-add");
  return one;
}

function nicAdd(...words: string[]) {
  const one = request("nic", "add", "vm1", ...words);
  assert(one?.kind === "nic-add");
  return one;
}

function refused(code: "usage" | "unsupported", ...words: string[]) {
  return refusal(code, () => request(...words));
}

Deno.test("requestOf() of disk add leaves no default open", () => {
  const { uuid, ...rest } = diskAdd();
  assertEquals(uuid.origin, "made");
  assertMatch(uuid.value, /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  assertEquals(rest.source, "/srv/d.img");
  assertEquals(rest.settings, {});
  assertEquals(rest.migratable, "required");
  assertEquals(rest.instance, "vm1");
});

Deno.test("requestOf() of disk add takes every option", () => {
  const one = diskAdd(
    ...["--uuid", NEW_UUID.toUpperCase(), "--name", "data"],
    ...["--driver", "paravirtual", "--format", "qcow2", "--via", "fdset"],
    ...["--cache", "none", "--aio", "native", "--discard", "unmap"],
    ...["--read-only", "--queues", "4", "--iothread", "io0"],
    ...["--not-migratable", "--slot", "20", "--bus", "pci.0"],
    ...["--id-scheme", "design"],
    ...["--allow-backing", "/srv/base", "--iops", "500"],
    ...["--bps-read", "1.5M", "--controller", "megasas"],
    ...["--limit-group", "g.1"],
  );
  assertEquals(one, {
    kind: "disk-add",
    instance: "vm1",
    uuid: { value: NEW_UUID, origin: "given" },
    name: "data",
    driver: "paravirtual",
    slot: 20,
    bus: "pci.0",
    idScheme: "design",
    source: "/srv/d.img",
    via: "fdset",
    settings: {
      cache: "none",
      aio: "native",
      discard: "unmap",
      access: "ro",
    },
    properties: { queues: 4, iothread: "io0" },
    controller: "megasas",
    format: "qcow2",
    allowBacking: "/srv/base",
    limits: { iops: 500, "bps-read": 1572864 },
    limitGroup: "g.1",
    migratable: "not-needed",
  });
  // A device's own group of limits has the name of the device.
  for (const name of ["none", "", "-g", "a b", "g/1", "disk-1", "hotdisk-1"]) {
    refused("usage", "disk", "add", "vm1", "/d", "--limit-group", name);
  }
});

Deno.test("requestOf() of disk add takes every property of the device", () => {
  const { properties } = diskAdd(
    ...["--serial", "uuid", "--wwn", "5000C50015EA71AC"],
    ...["--logical-block-size", "4096", "--physical-block-size", "8192"],
    ...["--bootindex", "0", "--rotation-rate", "1"],
    ...["--werror", "stop", "--rerror", "report"],
  );
  assertEquals(properties, {
    serial: "uuid",
    wwn: "0x5000c50015ea71ac",
    "logical-block-size": 4096,
    "physical-block-size": 8192,
    bootindex: 0,
    "rotation-rate": 1,
    werror: "stop",
    rerror: "report",
  });
  const wrong = [
    ["--serial", "a b"],
    ["--serial", "a,b"],
    ["--serial", "x".repeat(21)],
    ["--wwn", "0"],
    ["--wwn", "0x0000000000000000"],
    ["--logical-block-size", "1000"],
    ["--physical-block-size", "65536"],
    ["--bootindex", "-1"],
    ["--rotation-rate", "0"],
    ["--werror", "auto"],
  ];
  for (const [name = "", value = ""] of wrong) {
    refused("usage", "disk", "add", "vm1", "/d", name, value);
  }
});

Deno.test("requestOf() makes paths absolute", () => {
  const one = request("disk", "add", "vm1", "d.img");
  assert(one?.kind === "disk-add");
  assertEquals(one.source, `${Deno.cwd()}/d.img`);
});

Deno.test("requestOf() takes a URI that QEMU can open as it is", () => {
  for (const uri of ["rbd:p/i", "nbd://h", "iscsi://h/t/1"]) {
    const one = request("disk", "add", "vm1", uri);
    assert(one?.kind === "disk-add");
    assertEquals(one.source, uri);
  }
});

Deno.test("requestOf() refuses other URIs and says how a file is meant", () => {
  for (const uri of ["rbd:p", "http://h", "nbd+unix:///x", "json:{}"]) {
    const error = refused("unsupported", "disk", "add", "vm1", uri);
    assertStringIncludes(error.hint ?? "", `./${uri}`);
  }
  const one = request("disk", "add", "vm1", "./rbd:p");
  assert(one?.kind === "disk-add");
  assertEquals(one.source, `${Deno.cwd()}/rbd:p`);
});

Deno.test("requestOf() takes a network by name, uuid or description", () => {
  const found = { network: "net1", place: "found" } as const;
  assertEquals(nicAdd("--network", "net1").inNetwork, found);
  const given = nicAdd("--network", NEW_UUID, "--link", "br0").inNetwork;
  assertEquals(given, { network: NEW_UUID, place: "given" });
  const text = `{"name":"net1","uuid":"${NEW_UUID}","gateway":null}`;
  const described = nicAdd("--network", text).inNetwork?.network;
  assertEquals(described, {
    uuid: NEW_UUID,
    netinfo: `{"name": "net1", "uuid": "${NEW_UUID}"}`,
  });
  for (
    const wrong of [
      "a b",
      "{",
      "{}",
      `{"name": "net1"}`,
      `{"name": "net1", "uuid": "${NEW_UUID}", "more": 1}`,
      `{"name": "net1", "uuid": "${NEW_UUID}", "network": 7}`,
      `{"name": "a\\nb", "uuid": "${NEW_UUID}"}`,
      `{"name": "a", "uuid": "${NEW_UUID}", "tags": ["a\\nb"]}`,
      `{"name": "a", "uuid": "${NEW_UUID}", "tags": [7]}`,
    ]
  ) refused("usage", "nic", "add", "vm1", "--network", wrong);
  const change = request("nic", "modify", "vm1", "0", "--network", "none");
  assert(change.kind === "nic-modify");
  const { network, netinfo, inNetwork } = change.changes;
  assertEquals([network, netinfo, inNetwork], [null, null, undefined]);
});

Deno.test("requestOf() refuses words that cannot be parsed", () => {
  const disk = ["disk", "add", "vm1", "/x"];
  const cases = [
    ["--uuid", "x"],
    ["--slot", "32"],
    ["--slot", "-1"],
    ["--cache", "unsafe"],
    ["--format", "vmdk"],
    ["--iops", "-1"],
    ["--iops", "1k"],
    ["--bps", "1.0001"],
    ["--bps", "9999T"],
    ["--bps", "5", "--bps-read", "5"],
    ["--aio", "x"],
    ["--discard", "default"],
    ["--via", "magic"],
    ["--queues", "0"],
    ["--id-scheme", "x"],
    ["--name", "a\nb"],
    ["--bus", "a,b"],
  ];
  for (const words of cases) refused("usage", ...disk, ...words);
  refused("usage", "nic", "add", "vm1", "--mac", "ff:ff:ff:ff:ff:ff");
  refused("usage", "nic", "add", "vm1", "--mode", "x");
  refused("usage", "nic", "add", "vm1", "--mode", "bridged");
  refused("usage", "nic", "add", "vm1", "--queues", "33");
  refused("usage", "nic", "add", "vm1", "--tap", "tap%d");
});

Deno.test("requestOf() of nic add takes rates, 0 for none", () => {
  const rates = (...words: string[]) => {
    const { rateIn, rateOut } = nicAdd(...words);
    return [rateIn, rateOut];
  };
  assertEquals(rates(), [undefined, undefined]);
  assertEquals(rates("--rate", "64k"), [65_536, 65_536]);
  assertEquals(rates("--rate", "64k", "--rate-in", "0"), [undefined, 65_536]);
  assertEquals(rates("--rate-out", "1000"), [undefined, 1000]);
  for (const name of ["rate", "rate-in", "rate-out"]) {
    const { message } = refused("usage", "nic", "add", "vm1", `--${name}=999`);
    assertEquals(
      message,
      `Option --${name} must be 0, or at least 1000 bytes per second: it is 999`,
    );
  }
});

Deno.test("requestOf() of nic add takes the mode from the link", () => {
  assertEquals(nicAdd().mode, undefined);
  assertEquals(nicAdd("--link", "br0").mode, "bridged");
  assertEquals(nicAdd("--link", "br0", "--mode", "none").mode, "none");
});

Deno.test("requestOf() of nic add makes a MAC under Ganeti's prefix", () => {
  const { mac } = nicAdd();
  assertEquals(mac.origin, "made");
  assertMatch(mac.value, /^aa:00:00(:[0-9a-f]{2}){3}$/);
  assertEquals(nicAdd("--mac", "AA:00:00:00:00:01").mac, {
    value: "aa:00:00:00:00:01",
    origin: "given",
  });
});

Deno.test("requestOf() of nic add knows vhost and vnet-hdr", () => {
  const state = (...words: string[]) => {
    const { vhost, vnetHdr } = nicAdd(...words);
    return [vhost, vnetHdr];
  };
  assertEquals(state(), [undefined, undefined]);
  assertEquals(state("--vhost"), ["on", undefined]);
  assertEquals(state("--no-vhost", "--no-vnet-hdr"), ["off", "off"]);
});

Deno.test("requestOf() of a removal keeps the word", () => {
  assertEquals(request("disk", "remove", "vm1", "-1"), {
    kind: "disk-remove",
    instance: "vm1",
    device: "-1",
    bootDisk: "kept",
  });
  const forced = request("disk", "remove", "vm1", "00000012", "--force");
  assert(forced?.kind === "disk-remove");
  assertEquals([forced.device, forced.bootDisk], ["00000012", "forced"]);
  assertEquals(request("nic", "remove", "vm1", "eth1"), {
    kind: "nic-remove",
    instance: "vm1",
    device: "eth1",
  });
});

Deno.test("every command of the table has one that carries it out", async () => {
  for (const { name } of COMMANDS) await handlerOf(name);
});

Deno.test("instanceOf() refuses what is no instance's name", () => {
  for (const name of ["../x", ".a", "a/b", "", "é", "x".repeat(256), "a b"]) {
    refusal("usage", () => instanceOf(parseInvocation(["list", name])));
  }
  for (const name of ["vm1.example.com", "a_b-c", "0", "x".repeat(255)]) {
    assertEquals(instanceOf(parseInvocation(["list", name])), name);
  }
});

function reach(env: Record<string, string>, ...words: string[]) {
  return reachOf(parseInvocation(["list", ...words]), (name) => env[name]);
}

Deno.test("reachOf() has the documented defaults", () => {
  assertEquals(reach({}), {
    runDir: "/var/run/ganeti",
    qmp: undefined,
    state: undefined,
    reachedBy: [],
    timeoutMs: 5_000,
    unplugTimeoutMs: 30_000,
    lockTimeoutMs: 10_000,
  });
});

Deno.test("reachOf() keeps the words that a hint has to repeat", () => {
  const all = ["--run-dir", "/r", "--qmp", "/m", "--state", "/s"];
  assertEquals(reach({}, ...all).reachedBy, all);
  // They are told as they were given, and in one order.
  const two = ["--state", "s", "--qmp", "m"];
  assertEquals(reach({}, ...two).reachedBy, ["--qmp", "m", "--state", "s"]);
  assertEquals(reach({}, "--timeout", "2").reachedBy, []);
});

Deno.test("reachOf() takes the run directory from the right place", () => {
  const cluster = { GANETI_ROOTDIR: "/v/n1", GANETI_HOSTNAME: "n1" };
  const own = { ...cluster, KVM_HOTPLUG_RUN_DIR: "/own" };
  assertEquals(reach(cluster).runDir, "/v/n1/var/run/ganeti");
  assertEquals(reach(own).runDir, "/own");
  assertEquals(reach(own, "--run-dir", "/said").runDir, "/said");
  const alone = reach({ GANETI_ROOTDIR: "/v/n1" });
  assertEquals(alone.runDir, "/v/n1/var/run/ganeti");
  for (const GANETI_ROOTDIR of ["v/n1", "/v/n2"]) {
    refusal("usage", () => reach({ ...cluster, GANETI_ROOTDIR }));
  }
});

Deno.test("reachOf() takes times in seconds", () => {
  const times = reach(
    {},
    ...["--timeout", "0.25", "--unplug-timeout", "0", "--lock-timeout", "60"],
  );
  assertEquals(
    [times.timeoutMs, times.unplugTimeoutMs, times.lockTimeoutMs],
    [250, 0, 60_000],
  );
  for (const option of ["timeout", "unplug-timeout", "lock-timeout"]) {
    for (const text of ["-1", "x", "1e9", "999999"]) {
      refusal("usage", () => reach({}, `--${option}`, text));
    }
  }
  refusal("usage", () => reach({}, "--timeout", "0"));
});
