/**
 * QEMU options that Ganeti wrote once and QEMU has given up: SPEC 2.4, items 4
 * and 5.
 *
 * @module
 */

import { formatJson, type JsonArray, type JsonNode } from "./json.ts";
import { jsonNode } from "./json_node.ts";
import { splice } from "./json_splice.ts";

/** An option word, its value, and what comes in their place. */
interface Rewrite {
  readonly option: string;
  /** How many words it has with its value. */
  readonly words: 1 | 2;
  /** Undefined: it stays. */
  readonly become: (value: string) => readonly string[] | undefined;
}

/** Keeps what follows the first word: `virtio,id=b` → `virtio-balloon,id=b`. */
function balloon(value: string): string[] | undefined {
  const [model, ...options] = value.split(",");
  return model === "virtio"
    ? ["-device", ["virtio-balloon", ...options].join(",")]
    : undefined;
}

/** TLS became an object of its own, which must stand before its user. */
function vnc(value: string): string[] | undefined {
  const words = value.split(",");
  const path = (key: string) =>
    words.find((word) => word.startsWith(`${key}=`))?.slice(key.length + 1);
  const [verified, unverified] = [path("x509verify"), path("x509")];
  if (!words.includes("tls")) return undefined;
  const folder = verified ?? unverified;
  const kind = folder === undefined ? "tls-creds-anon" : "tls-creds-x509";
  const object = [
    kind,
    "id=vnctls0",
    "endpoint=server",
    ...(folder === undefined ? [] : [
      `dir=${folder}`,
      `verify-peer=${verified === undefined ? "no" : "yes"}`,
    ]),
  ];
  const rest = words.filter((word) => !/^x509(?:verify)?=/.test(word))
    .map((word) => word === "tls" ? "tls-creds=vnctls0" : word);
  return ["-object", object.join(","), "-vnc", rest.join(",")];
}

const REWRITES: readonly Rewrite[] = [
  {
    option: "-localtime",
    words: 1,
    become: () => ["-rtc", "base=localtime"],
  },
  { option: "-balloon", words: 2, become: balloon },
  { option: "-vnc", words: 2, become: vnc },
  // Ganeti 3.1 adds it at each start instead.
  { option: "-chroot", words: 2, become: () => [] },
];

function wordOf(node: JsonNode | undefined): string | undefined {
  return node?.type === "string" ? node.value : undefined;
}

/** Options whose value may be any text, even one that looks like an option. */
const FREE_TEXT = ["-append", "-name"];

function rewriteAt(list: JsonArray, at: number): JsonArray {
  const rewrite = REWRITES.find(({ option }) =>
    option === wordOf(list.items[at])
  );
  if (rewrite === undefined) return list;
  const value = rewrite.words === 1 ? "" : wordOf(list.items[at + 1]);
  const words = value === undefined ? undefined : rewrite.become(value);
  if (words === undefined) return list;
  const insert = words.map((word) => formatJson(jsonNode(word)));
  return splice(list, { at, remove: rewrite.words, insert });
}

/** The fixed part of QEMU's command line in today's words. */
export function upgradeCommand(node: JsonNode): JsonNode {
  if (node.type !== "array") return node;
  let after = node;
  // Backwards: what is rewritten moves only what was looked at already.
  for (let at = node.items.length - 1; at >= 0; at--) {
    if (FREE_TEXT.includes(wordOf(node.items[at - 1]) ?? "")) continue;
    after = rewriteAt(after, at);
  }
  return after;
}
