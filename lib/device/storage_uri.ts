/**
 * Disks that QEMU reaches over the network by itself, as Ganeti writes them:
 * `uri` of an entry, SPEC 5.8 and 7.2.
 *
 * @module
 */

import { unsupported } from "../errors.ts";
import type { Json } from "../qmp/message.ts";

/** `rbd:POOL/IMAGE[:id=USER]`; a colon in a value is escaped. */
function rbd(rest: string): Json | undefined {
  const [image = "", ...options] = rest.split(/(?<!\\):/);
  const [pool, name, ...more] = image.split("/");
  if (!pool || !name || more.length > 0) return undefined;
  const user = options.find((one) => one.startsWith("id="))?.slice(3);
  if (options.length > (user === undefined ? 0 : 1)) return undefined;
  const plain = (text: string) => text.replaceAll("\\", "");
  return {
    driver: "rbd",
    pool: plain(pool),
    image: plain(name),
    ...(user ? { user: plain(user) } : {}),
  };
}

const GLUSTER =
  /^gluster(?:\+tcp)?:\/\/(\[[0-9a-fA-F:.]+\]|[^/:]+)(?::(\d{1,5}))?\/([^/]+)\/(.+)$/;

/** `gluster://HOST[:PORT]/VOLUME/PATH`, IPv6 in brackets. */
function gluster(uri: string): Json | undefined {
  const [, host, port = "24007", volume, path] = GLUSTER.exec(uri) ?? [];
  if (host === undefined) return undefined;
  const bare = host.replace(/^\[|\]$/g, "");
  const server = [{ type: "inet", host: bare, port }];
  return { driver: "gluster", volume, path, server };
}

/**
 * The block node of a storage URI.
 *
 * @throws {HotplugError} `unsupported`
 */
export function uriNode(uri: string): Json {
  const node = uri.startsWith("rbd:") ? rbd(uri.slice(4)) : gluster(uri);
  if (node !== undefined) return node;
  throw unsupported(
    `Storage URI ${JSON.stringify(uri)} is not supported`,
    "rbd:POOL/IMAGE and gluster://HOST:PORT/VOLUME/PATH are",
  );
}
