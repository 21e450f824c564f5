import { assertEquals, assertRejects } from "@std/assert";
import { withoutPath } from "../../lib/disk/by_path.ts";
import type { DiskRemove, DiskRequest } from "../../lib/disk/request.ts";
import { HotplugError } from "../../lib/errors.ts";
import { identityAt } from "../../lib/host/identity.ts";
import {
  disk,
  diskAdd,
  facts,
  type FactsSpec,
  idOf,
  type PlainObject,
  uuidOf,
} from "../support/facts.ts";

function remove(device: string): DiskRemove {
  return { kind: "disk-remove", instance: "vm1", device } as DiskRemove;
}

/** What the request names then. */
async function meant(device: string, spec: FactsSpec): Promise<string> {
  return (await withoutPath(remove(device), facts(spec))).device;
}

/** Two disks; the first one has no uuid. */
const TWO: FactsSpec = {
  disks: [
    disk(0, 12, { uuid: undefined } as unknown as PlainObject),
    disk(1, 13),
  ],
};

const URI = "rbd:pool/one";

Deno.test("withoutPath() means the disk that is recorded with the path", async () => {
  // Where there is no such file, nothing has its inode.
  assertEquals(await meant("/srv/d1.img", TWO), uuidOf("disk", 1));
  assertEquals(await meant("/srv/d0.img", TWO), "0");
});

Deno.test("withoutPath() means the disk with the same inode", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const [image, link] = [`${folder}/one.img`, `${folder}/link`];
    await Deno.writeTextFile(image, "one");
    await Deno.symlink(image, link);
    const spec = { ...TWO, diskIdentities: ["other", await identityAt(image)] };
    assertEquals(await meant(link, spec), uuidOf("disk", 1));
    await Deno.remove(image);
    // No file has no inode, like the disks of which none is known.
    const unknown = { ...TWO, diskIdentities: [undefined, undefined] };
    assertEquals(await meant(link, unknown), link);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("withoutPath() means the disk with the URI", async () => {
  const [node] = disk(1, 13);
  const disks = [disk(0, 12), [node, null, URI]];
  assertEquals(await meant(URI, { disks }), uuidOf("disk", 1));
  assertEquals(await meant(`${URI}2`, { disks }), `${URI}2`);
});

Deno.test("withoutPath() means the drive of the start with the medium", async () => {
  const spec = facts(TWO);
  const { runtime } = spec.content;
  const words = ["-drive", "file=/srv/one.iso,media=cdrom,format=raw,if=ide"];
  const content = {
    ...spec.content,
    runtime: { ...runtime, kvmCmd: ["kvm", ...words] },
  };
  const { device } = await withoutPath(remove("/srv/one.iso"), {
    ...spec,
    content,
  });
  assertEquals(device, "ide0-cd0");
});

Deno.test("withoutPath() leaves a request alone that gives no path", async () => {
  const requests: DiskRequest[] = [
    ...["1", "-1", uuidOf("disk", 1), idOf("disk", 1), "data"].map(remove),
    remove("/srv/none.img"),
    diskAdd({ source: "/srv/d1.img" }),
  ];
  for (const request of requests) {
    assertEquals(await withoutPath(request, facts(TWO)), request);
  }
});

Deno.test("withoutPath() chooses none of two disks with one path", async () => {
  const [node] = disk(1, 13);
  const disks = [disk(0, 12), [node, "/srv/d0.img", null]];
  const error = await assertRejects(
    () => meant("/srv/d0.img", { disks }),
    HotplugError,
  );
  assertEquals(error.code, "ambiguous-device");
});
