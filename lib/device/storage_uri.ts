/**
 * Disks that QEMU reaches over the network by itself: `uri` of an entry, SPEC
 * 5.8 and 7.2. Ganeti writes rbd and gluster; nbd and iscsi have the forms of
 * qemu(1), "Device URL syntax".
 *
 * @module
 */

import { orNone, unsupported } from "../errors.ts";
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

/** `gluster+unix:///VOLUME/PATH?socket=PATH` */
function glusterUnix(url: URL | undefined): Json | undefined {
  const [, volume, path] = /^\/([^/]+)\/(.+)$/.exec(url?.pathname ?? "") ?? [];
  const socket = url && socketOf(url);
  if (volume === undefined || path === undefined || !socket) return undefined;
  const server = [{ type: "unix", path: socket }];
  return {
    driver: "gluster",
    volume: decodeURIComponent(volume),
    path: decodeURIComponent(path),
    server,
  };
}

/** `gluster://HOST[:PORT]/VOLUME/PATH`, IPv6 in brackets. */
function gluster(uri: string): Json | undefined {
  if (uri.startsWith("gluster+unix:")) return glusterUnix(urlOf(uri));
  const [, host, port = "24007", volume, path] = GLUSTER.exec(uri) ?? [];
  if (host === undefined) return undefined;
  const bare = host.replace(/^\[|\]$/g, "");
  const server = [{ type: "inet", host: bare, port }];
  return { driver: "gluster", volume, path, server };
}

/** `host[:port]` of a URL, IPv6 without its brackets. */
function inet(url: URL, port: string): { host: string; port: string } {
  const host = decodeURIComponent(url.hostname).replace(/^\[|\]$/g, "");
  return { host, port: url.port || port };
}

/** The socket of a URL with a socket and without a host. */
function socketOf({ searchParams, hostname }: URL): string | undefined {
  const path = searchParams.get("socket") ?? "";
  const alone = [...searchParams.keys()].join() === "socket";
  return alone && hostname === "" && path.startsWith("/") ? path : undefined;
}

function nbdNode(server: Json, name: string): Json {
  return {
    driver: "nbd",
    server,
    ...(name === "" ? {} : { export: name }),
  };
}

/** QEMU's old form: `nbd:unix:PATH` or `nbd:HOST:PORT`, `:exportname=X`. */
function oldNbd(rest: string): Json | undefined {
  const [, where = "", name = ""] = /^(.*?)(?::exportname=(.*))?$/.exec(rest) ??
    [];
  if (where.startsWith("unix:/")) {
    return nbdNode({ type: "unix", path: where.slice("unix:".length) }, name);
  }
  const [, host, port] =
    /^(\[[0-9a-fA-F:.]+\]|[^:/]+):(\d{1,5})$/.exec(where) ??
      [];
  if (host === undefined) return undefined;
  const bare = host.replace(/^\[|\]$/g, "");
  return nbdNode({ type: "inet", host: bare, port }, name);
}

/** `nbd://HOST[:PORT]/EXPORT` and `nbd+unix:///EXPORT?socket=PATH`. */
function nbd(url: URL): Json | undefined {
  const name = decodeURIComponent(url.pathname.replace(/^\//, ""));
  if (url.username !== "" || url.hash !== "") return undefined;
  if (url.protocol !== "nbd+unix:") {
    if (url.hostname === "" || url.search !== "") return undefined;
    return nbdNode({ type: "inet", ...inet(url, "10809") }, name);
  }
  const path = socketOf(url);
  return path === undefined ? undefined : nbdNode({ type: "unix", path }, name);
}

/** `iscsi://HOST[:PORT]/TARGET/LUN`; a password would need a secret. */
function iscsi(url: URL): Json | undefined {
  const [, target, lun] = /^\/([^/]+)\/(\d{1,5})$/.exec(url.pathname) ?? [];
  const bare = url.username === "" && url.search === "" && url.hash === "";
  if (target === undefined || url.hostname === "" || !bare) return undefined;
  return {
    driver: "iscsi",
    transport: "tcp",
    portal: `${url.hostname}:${url.port || "3260"}`,
    target: decodeURIComponent(target),
    lun: Number(lun),
  };
}

/** A URI: a scheme of two letters or more, then a colon. */
const URI = /^[a-z][a-z0-9+.-]+:/i;

/** Whether a source is a URI, not a path. */
export function isUri(source: string): boolean {
  return URI.test(source);
}

function urlOf(uri: string): URL | undefined {
  try {
    return new URL(uri);
  } catch {
    return undefined;
  }
}

/** @throws {URIError} if a `%` does not begin a byte */
function parse(uri: string): Json | undefined {
  if (uri.startsWith("rbd:")) return rbd(uri.slice("rbd:".length));
  if (uri.startsWith("gluster")) return gluster(uri);
  const isUrl = /^[a-z+]+:\/\//.test(uri);
  if (uri.startsWith("nbd:") && !isUrl) return oldNbd(uri.slice("nbd:".length));
  const url = urlOf(uri);
  switch (url?.protocol) {
    case "nbd:":
    case "nbd+tcp:":
    case "nbd+unix:":
      return nbd(url);
    case "iscsi:":
      return iscsi(url);
  }
  return undefined;
}

function nodeOf(uri: string): Json | undefined {
  return orNone(() => parse(uri), (error) => error instanceof URIError);
}

/**
 * The block node of a storage URI.
 *
 * @throws {HotplugError} `unsupported`
 */
export function uriNode(uri: string): Json {
  const node = nodeOf(uri);
  if (node !== undefined) return node;
  throw unsupported(
    `Storage URI ${JSON.stringify(uri)} is not supported or not complete`,
    "supported: rbd:POOL/IMAGE, gluster://HOST:PORT/VOLUME/PATH, gluster+unix:///VOLUME/PATH?socket=PATH, nbd://HOST:PORT/EXPORT, nbd+unix:///EXPORT?socket=PATH, iscsi://HOST:PORT/TARGET/LUN",
  );
}
