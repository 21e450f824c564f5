import { assertEquals } from "@std/assert";
import { ImageFault, isQcow2, parseQcow2 } from "../../lib/host/qcow2.ts";
import { qcow2Header, type Qcow2Spec } from "../support/qcow2_image.ts";
import { assert } from "../support/facts.ts";

function fault(spec: Qcow2Spec | Uint8Array): string {
  try {
    parseQcow2(spec instanceof Uint8Array ? spec : qcow2Header(spec));
  } catch (error) {
    assert(error instanceof ImageFault, `${error}`);
    return error.message;
  }
  throw new Error("the header was taken");
}

Deno.test("parseQcow2() reads size and backing file", () => {
  assertEquals(parseQcow2(qcow2Header({ sizeBytes: 4096 })), {
    sizeBytes: 4096,
    backing: undefined,
  });
  const backing = { name: "base.img", format: "raw" };
  for (const version of [2, 3]) {
    assertEquals(
      parseQcow2(qcow2Header({ version, backing })).backing,
      backing,
    );
  }
  const unsaid = { name: "base.img", format: undefined };
  const image = qcow2Header({ backing: unsaid });
  assertEquals(parseQcow2(image).backing, unsaid);
});

Deno.test("isQcow2() needs the first four bytes", () => {
  const image = qcow2Header({});
  const lengths = [0, 3, 4, 5].map((length) => isQcow2(image.slice(0, length)));
  assertEquals(lengths, [false, false, true, true]);
  assertEquals(isQcow2(new Uint8Array(512)), false);
});

Deno.test("parseQcow2() takes a dirty image, zstd and extended L2", () => {
  for (const features of [1n, 8n, 16n, 25n]) {
    parseQcow2(qcow2Header({ features }));
  }
});

Deno.test("parseQcow2() refuses what would be more than one image", () => {
  assertEquals(/external/.test(fault({ features: 4n })), true);
  assertEquals(/corrupt/.test(fault({ features: 2n })), true);
  assertEquals(/0x20/.test(fault({ features: 32n })), true);
  assertEquals(/encrypted/.test(fault({ crypt: 1 })), true);
  const extensions = [{ kind: 0x44415441, text: "/etc/shadow" }];
  assertEquals(/data file/.test(fault({ extensions })), true);
});

Deno.test("parseQcow2() refuses headers of any other make", () => {
  const raw = new Uint8Array(4096);
  assertEquals(isQcow2(raw), false);
  assertEquals(/not a qcow2/.test(fault(raw)), true);
  assertEquals(/not a qcow2/.test(fault(qcow2Header({}).slice(0, 50))), true);
  assertEquals(/version/.test(fault({ version: 4 })), true);
  assertEquals(/cluster size/.test(fault({ clusterBits: 31 })), true);
  assertEquals(/cluster size/.test(fault({ clusterBits: 0 })), true);
  assertEquals(/size/.test(fault({ sizeBytes: 0 })), true);
  const most = 2 ** 53 - 512;
  assertEquals(parseQcow2(qcow2Header({ sizeBytes: most })).sizeBytes, most);
  assertEquals(/^it has 8 PiB/.test(fault({ sizeBytes: most + 1 })), true);
});

Deno.test("parseQcow2() bears any bytes", () => {
  const backing = { name: "base.img", format: "qcow2" };
  const good = qcow2Header({ backing });
  for (let at = 4; at < 200; at++) {
    for (const value of [0, 1, 0x7f, 0xff]) {
      const bytes = good.slice();
      bytes[at] = value;
      try {
        parseQcow2(bytes);
      } catch (error) {
        assert(error instanceof ImageFault, `byte ${at} = ${value}: ${error}`);
      }
    }
  }
});
