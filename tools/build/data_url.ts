/**
 * A program as an address: `deno run` takes it, and asks no file system.
 *
 * @module
 */

/** An ES module as a data: URL (RFC 2397). */
export function dataUrl(code: string): string {
  // Characters that a URL parser drops or interprets.
  const escaped = code.replace(/[^!-~]|[%#?]/gu, encodeURIComponent);
  return `data:text/javascript;charset=utf-8,${escaped}`;
}
