/**
 * The C library; each function is bound when it is first called.
 *
 * Nothing is opened at import. `Deno.dlopen` compiles a fast path for every
 * symbol, about 0.3 ms each. So one `dlsym` is opened (0.4 ms) and every other
 * function is called through its address: 0.02 ms to bind, and some 5 µs more
 * for each call. After many calls, as in `rpc`, a function is opened anyway.
 *
 * @module
 */

import { HotplugError, messageOf } from "../errors.ts";
import { SIGNATURES } from "./signatures.ts";

type Signatures = typeof SIGNATURES;
type Name = keyof Signatures;

/**
 * The functions of {@linkcode SIGNATURES}, with the results of the C library; a
 * function with `InThread` after its name is called in another thread.
 */
export type Libc =
  & { readonly [N in Name]: Deno.StaticForeignSymbol<Signatures[N]> }
  & {
    readonly [N in Name as `${N}InThread`]: Deno.StaticForeignSymbol<
      Signatures[N] & { readonly nonblocking: true }
    >;
  };

/**
 * `dlsym(RTLD_DEFAULT, name)`. The handle is declared as a struct of one
 * pointer. It travels in the same register as a plain pointer (psABI x86_64
 * 3.2.3, AAPCS64 6.8.2), and Deno compiles no fast path for a function with a
 * struct, which saves 0.8 ms of each start.
 */
const DLSYM = {
  dlsym: { parameters: [{ struct: ["pointer"] }, "buffer"], result: "pointer" },
} as const;

/** Hotplug needs the C library: without it no fd could be passed. */
function noLibc(why: string, cause?: unknown): HotplugError {
  return new HotplugError(
    "unsupported",
    `Hotplug does not work on this node: ${why}`,
    {
      cause,
      hint:
        "hotplug needs Linux on x86_64 or aarch64 with glibc 2.28 or newer; list and state show work without it, from the runtime file",
    },
  );
}

/** Finds the address of a function, null if there is no such function. */
type Finder = (name: string) => Deno.PointerObject | null;

let dlsym: Finder | undefined;

/**
 * Opens the library that has dlsym on every glibc: libc.so.6 exports it only
 * since 2.34. Deno itself is linked to libdl.so.2, so this library is there and
 * loaded.
 */
function openLibrary() {
  try {
    return Deno.dlopen("libdl.so.2", DLSYM);
  } catch (error) {
    const why = messageOf(error).split("\n")[0];
    throw noLibc(`the C library cannot be called (${why})`, error);
  }
}

function openDlsym(): Finder {
  const library = openLibrary();
  const rtldDefault = new Uint8Array(new ArrayBuffer(8));
  return (name) =>
    // SAFETY: both buffers live through this synchronous call; the name ends
    // with a NUL; the caller checks for null. The library is never closed, so
    // the addresses stay valid.
    library.symbols.dlsym(
      rtldDefault,
      new TextEncoder().encode(`${name}\0`),
    );
}

const GLIBC_VERSION = "gnu_get_libc_version";

/** e.g. `glibc 2.27` */
function libraryName(find: Finder): string {
  const address = find(GLIBC_VERSION);
  if (address === null) return "the C library";
  const definition = { parameters: [], result: "pointer" } as const;
  const version = new Deno.UnsafeFnPointer(
    address as Deno.PointerObject<typeof definition>,
    definition,
  );
  // SAFETY: no arguments; glibc returns a constant string (gnu/libc-version.h);
  // still checked for null.
  const text = version.call();
  return text === null
    ? "glibc"
    : `glibc ${new Deno.UnsafePointerView(text).getCString()}`;
}

/**
 * Refuses libraries for which this program was not made: another C library,
 * because its structs may differ (musl), and a glibc without the newest
 * function that is called.
 */
function checkLibrary(find: Finder): Finder {
  if (find(GLIBC_VERSION) === null) {
    throw noLibc(`the C library is not glibc: it has no ${GLIBC_VERSION}`);
  }
  if (find("statx") === null) throw noLibc(`${libraryName(find)} has no statx`);
  return find;
}

/** They stay where they are. */
const addresses = new Map<string, Deno.PointerObject>();

function addressOf(name: string): Deno.PointerObject {
  const known = addresses.get(name);
  if (known !== undefined) return known;
  dlsym ??= checkLibrary(openDlsym());
  const address = dlsym(name);
  if (address === null) throw noLibc(`${libraryName(dlsym)} has no ${name}`);
  addresses.set(name, address);
  return address;
}

/**
 * Why these functions cannot be called on this node.
 *
 * @returns an `unsupported` to throw or tell, undefined if they can
 */
export function libcFault(
  ...functions: readonly Name[]
): HotplugError | undefined {
  try {
    for (const name of ["__errno_location", ...functions]) addressOf(name);
    return undefined;
  } catch (error) {
    if (error instanceof HotplugError) return error;
    throw error;
  }
}

/**
 * This thread's errno. Its address is constant for a thread, and a Deno worker
 * loads its own copy of this module. So the address is looked up once; a later
 * read is a plain memory read, which cannot itself change errno.
 */
let errnoView: Deno.UnsafePointerView | undefined;

function openErrno(): Deno.UnsafePointerView {
  // SAFETY: no arguments; glibc never returns null here; still checked.
  const location = libc.__errno_location();
  if (location === null) throw new Error("The C library has no errno");
  return new Deno.UnsafePointerView(location);
}

/**
 * The errno of the last libc call of this thread. Read it directly after the
 * call that returned -1, before any other call and without `await`. Other
 * threads, also the threads of the pool, do not change it. Deno and V8 do not
 * change it on this thread when the call returns (tests/sys/errno_test.ts).
 *
 * @returns A Linux errno, 0 if no libc function was called yet.
 */
export function lastErrno(): number {
  // SAFETY: the view covers the thread's own int, alive as long as the thread.
  return errnoView?.getInt32() ?? 0;
}

function bindFunction(key: string, replace: (call: Call) => void): unknown {
  if (key === "__errno_location") return functionAt(key, false);
  errnoView ??= openErrno();
  const name = key.replace(/InThread$/, "") as Name;
  return key === name ? counted(name, replace) : functionAt(name, true);
}

/** A function by its address. */
function functionAt(name: Name, nonblocking: boolean): unknown {
  const signature: Deno.ForeignFunction = SIGNATURES[name];
  const pointer = new Deno.UnsafeFnPointer(
    addressOf(signature.name ?? name) as Deno.PointerObject<
      Omit<Deno.ForeignFunction, "nonblocking">
    >,
    { ...signature, nonblocking },
  );
  return pointer.call.bind(pointer);
}

/** A function is opened at this call: earlier, it may never pay off. */
const OFTEN = 64;

/** A function by its address at first; then opened, and put in its place. */
function counted(name: Name, replace: (call: Call) => void): Call {
  const byAddress = functionAt(name, false) as Call;
  let left = OFTEN;
  return (...args) => {
    if (--left === 0) replace(opened(name) ?? byAddress);
    return byAddress(...args);
  };
}

type Call = (...args: unknown[]) => unknown;

/** A function of the same library, as fast as can be; undefined: it fails. */
function opened(name: Name): Call | undefined {
  try {
    return Deno.dlopen("libc.so.6", { [name]: SIGNATURES[name] })
      .symbols[name] as Call;
  } catch {
    return undefined;
  }
}

/**
 * The C functions this program uses. Only for the files of lib/sys: they return
 * -1 and set errno, and do not check the memory that they are given.
 *
 * Each function is bound at its first call, by the prototype. A getter for
 * every function would take 0.3 ms of each start.
 */
export const libc: Libc = Object.create(
  new Proxy({}, {
    get(_, key, target) {
      const put = (value: unknown) => {
        Object.defineProperty(target, key, { value, configurable: true });
        return value;
      };
      return put(bindFunction(String(key), put));
    },
  }),
);
