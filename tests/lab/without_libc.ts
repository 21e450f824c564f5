/**
 * The program on a platform whose C library cannot be called, or has no
 * function of this name: `deno run without_libc.ts dlopen|NAME ARGUMENTS…`.
 * With `dlsym` it is a glibc before 2.34, whose libc.so.6 does not export that.
 *
 * @module
 */

const [missing = "", ...args] = Deno.args;
const { dlopen } = Deno;

/** The library, with a dlsym() that does not find that function. */
function partialLibrary(path: string | URL) {
  const loaded = dlopen(path, {
    dlsym: {
      parameters: [{ struct: ["pointer"] }, "buffer"],
      result: "pointer",
    },
  });
  const { dlsym } = loaded.symbols;
  const find: typeof dlsym = (handle, name) => {
    const text = new TextDecoder().decode(name as Uint8Array);
    return text === `${missing}\0` ? null : dlsym(handle, name);
  };
  return { ...loaded, symbols: { dlsym: find } };
}

Deno.dlopen = ((path: string | URL) => {
  if (missing === "dlopen") throw new Error("there is none");
  if (missing === "dlsym" && String(path) === "libc.so.6") {
    throw new TypeError("Failed to register symbol dlsym");
  }
  return partialLibrary(path);
}) as typeof Deno.dlopen;
Object.defineProperty(Deno, "args", { value: args });
await import("../../main.ts");
