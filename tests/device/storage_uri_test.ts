import { assertEquals } from "@std/assert";
import { isUri, uriNode } from "../../lib/device/storage_uri.ts";
import { uriNeeds, uriObject } from "../../lib/device/uri_object.ts";
import { refusal } from "../support/facts.ts";

Deno.test("isUri() tells a scheme from a path", () => {
  for (const uri of ["rbd:p/i", "nbd://h/x", "gluster+tcp://h/v/p"]) {
    assertEquals(isUri(uri), true, uri);
  }
  for (const path of ["/dev/x", "./rbd:p/i", "x", "a:b", "/srv/nbd:x"]) {
    assertEquals(isUri(path), false, path);
  }
});

const NODES: Readonly<Record<string, unknown>> = {
  "nbd://10.0.0.1/data": {
    driver: "nbd",
    server: { type: "inet", host: "10.0.0.1", port: "10809" },
    export: "data",
  },
  "nbd+tcp://[::1]:1234": {
    driver: "nbd",
    server: { type: "inet", host: "::1", port: "1234" },
  },
  "nbd+unix:///a%20b?socket=/run/nbd.sock": {
    driver: "nbd",
    server: { type: "unix", path: "/run/nbd.sock" },
    export: "a b",
  },
  "nbd:unix:/run/nbd.sock:exportname=x": {
    driver: "nbd",
    server: { type: "unix", path: "/run/nbd.sock" },
    export: "x",
  },
  "nbd:localhost:10809": {
    driver: "nbd",
    server: { type: "inet", host: "localhost", port: "10809" },
  },
  "iscsi://10.0.0.1/iqn.2026-11.example:disk/3": {
    driver: "iscsi",
    transport: "tcp",
    portal: "10.0.0.1:3260",
    target: "iqn.2026-11.example:disk",
    lun: 3,
  },
  "rbd:pool/image:id=me": {
    driver: "rbd",
    pool: "pool",
    image: "image",
    user: "me",
  },
  "gluster://10.0.0.1:24007/vol/dir/disk": {
    driver: "gluster",
    server: [{ type: "inet", host: "10.0.0.1", port: "24007" }],
    volume: "vol",
    path: "dir/disk",
  },
  "gluster+unix:///vol/dir/disk?socket=/run/glusterd.socket": {
    driver: "gluster",
    server: [{ type: "unix", path: "/run/glusterd.socket" }],
    volume: "vol",
    path: "dir/disk",
  },
};

for (const [uri, node] of Object.entries(NODES)) {
  Deno.test(`uriNode() of ${uri}`, () => assertEquals(uriNode(uri), node));
}

Deno.test("uriNode() takes nothing it does not understand whole", () => {
  const bad = [
    "nbd://",
    "nbd://user@host/x",
    "nbd://host/x?tls=1",
    "nbd+unix:///x",
    "nbd+unix:///x?socket=relative",
    "nbd+unix:///x?socket=/s&more=1",
    "nbd:unix:relative",
    "nbd:host",
    "iscsi://user%secret@host/t/1",
    "iscsi://host/t",
    "iscsi://host/t/x",
    "gluster+unix:///vol/disk",
    "gluster+unix:///vol?socket=/s",
    "gluster+unix://host/vol/disk?socket=/s",
    "rbd:pool",
    "rbd:a/b:conf=/etc/shadow",
    "json:{}",
    "http://host/x",
    "fat:rw:/tmp",
    "gluster+unix:///v/%zz?socket=/s",
    "gluster+unix:///%ff/d?socket=/s",
    "nbd://%zz/x",
    "nbd://host/%",
    "nbd+unix:///%e2%82?socket=/s",
    "iscsi://host/t%zz/1",
  ];
  for (const uri of bad) refusal("unsupported", () => uriNode(uri));
});

Deno.test("uriObject() is what Ganeti's start makes the same URI of", () => {
  assertEquals(uriObject("rbd:pool/disk.1"), {
    devType: "rbd",
    logicalId: ["rbd", "disk.1"],
    params: { pool: "pool", access: "userspace" },
    reproducible: true,
  });
  assertEquals(uriObject("gluster://10.0.0.1/vol/d1"), {
    devType: "gluster",
    logicalId: ["loop", "d1"],
    params: {
      host: "10.0.0.1",
      port: 24007,
      volume: "vol",
      access: "userspace",
    },
    reproducible: true,
  });
  const { params, reproducible, since } = uriObject("rbd:pool/x:id=me");
  assertEquals([params["user-id"], reproducible, since], ["me", true, "newer"]);
  const { params: named, ...told } = uriObject("gluster://store1:24008/v/d");
  assertEquals([named["host"], named["port"]], ["store1", 24008]);
  assertEquals(told.reproducible, true);
  const foreign = [
    "rbd:my-pool/x",
    "rbd:pool/x:id=ME",
    "gluster://[fe80::1]:24007/vol/d1",
    "nbd://10.0.0.1/x",
    "iscsi://10.0.0.1/t/1",
    "gluster+unix:///vol/d1?socket=/run/g",
  ];
  for (const uri of foreign) {
    assertEquals(uriObject(uri).reproducible, false, uri);
  }
});

Deno.test("uriNeeds() names what QEMU must reach", () => {
  const none = { files: [], sockets: [], names: [], module: undefined };
  assertEquals(uriNeeds("nbd://10.0.0.1/x"), none);
  assertEquals(uriNeeds("nbd://[fe80::1]/x"), none);
  assertEquals(uriNeeds("nbd://store/x"), { ...none, names: ["store"] });
  assertEquals(uriNeeds("nbd:unix:/run/s"), { ...none, sockets: ["/run/s"] });
  assertEquals(uriNeeds("iscsi://store/t/1"), {
    ...none,
    names: ["store"],
    module: "iscsi",
  });
  assertEquals(uriNeeds("gluster+unix:///v/d?socket=/run/g"), {
    ...none,
    sockets: ["/run/g"],
    module: "gluster",
  });
  assertEquals(uriNeeds("rbd:p/i"), {
    ...none,
    files: ["/etc/ceph/ceph.conf"],
    module: "rbd",
  });
});
