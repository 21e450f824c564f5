/**
 * The program in pieces that are compiled only when a command needs them.
 *
 * V8 reads every function of a text it compiles, called or not: 4 ms for the
 * whole program. So esbuild splits it where the sources say `import()`, and
 * each chunk stays a string until it is asked for. Not a string of the code,
 * which three parsers would go through, 4 ms for 250 kB, but one beside it.
 *
 * @module
 */

/** A module of esbuild's, as `--code-splitting` writes it. */
export interface Chunk {
  /** `run-RE35VYYF.js` */
  readonly name: string;
  /** A minified ES module. */
  readonly code: string;
}

/**
 * Whether a program can be joined: what it imports statically must be its own.
 * A node: module may be imported when it is needed.
 */
export function canJoin(chunks: readonly Chunk[]): boolean {
  return !chunks.some(({ code }) =>
    /\b(?:from|import)\s*["']node:|\bimport\.meta\b/.test(code)
  );
}

const STATIC_IMPORT = /^import(?:\{([^}]*)\}from)?"\.\/([^"]+)";/;
const EXPORTS = /export\{([^}]*)\};\s*$/;
const DYNAMIC_IMPORT = /\bimport\("\.\/([^"]+)"\)/g;

/** `a as b, c` as the members of a pattern or of an object. */
function members(list: string, order: "import" | "export"): string {
  return list.split(",").filter((one) => one !== "").map((one) => {
    const [from = "", to = from] = one.trim().split(" as ");
    return order === "import" ? `${from}:${to}` : `${to}:${from}`;
  }).join(",");
}

/**
 * A chunk as the body of a function of `importChunk`, which is `import()`, and
 * `loadedChunks`, all that are there: what it imports are constants, what it exports it
 * returns. Nothing of the program exports a variable that changes later.
 */
function functionBody({ code, name }: Chunk): {
  dependencies: string[];
  body: string;
} {
  const dependencies: string[] = [];
  let body = "";
  let rest = code;
  for (;;) {
    const found = STATIC_IMPORT.exec(rest);
    if (found === null) break;
    const [statement, list, from = ""] = found;
    dependencies.push(from);
    if (list !== undefined) {
      body += `const{${members(list, "import")}}=loadedChunks[${
        JSON.stringify(from)
      }];`;
    }
    rest = rest.slice(statement.length);
  }
  rest = rest
    .replace(EXPORTS, (_, list) => `return{${members(list, "export")}};`)
    .replaceAll(
      DYNAMIC_IMPORT,
      (_, to) => `importChunk(${JSON.stringify(to)})`,
    );
  if (/(?:^|[;}\n])(?:import|export)\b/.test(rest)) {
    throw new Error(
      `Cannot split the program: ${name} imports or exports oddly`,
    );
  }
  return { dependencies, body: `"use strict";${body}${rest}` };
}

/** A program in pieces. */
export interface Joined {
  /** An ES module that finds the texts in `chunkTexts`. */
  readonly code: string;
  /** Of the chunks, in order. */
  readonly texts: readonly string[];
}

/** The program that runs the first of the chunks. */
export function joinChunks(chunks: readonly [Chunk, ...Chunk[]]): Joined {
  const [main] = chunks;
  const bodies = chunks.map(functionBody);
  const table = chunks.map(({ name }, i) =>
    [name, [bodies[i]?.dependencies, i]] as const
  );
  // Names longer than any that esbuild makes up.
  const code = `const chunkTable=` +
    `${JSON.stringify(Object.fromEntries(table))},loadedChunks={},` +
    `loadChunk=(name,make)=>{if(loadedChunks[name])return;` +
    `const[names,index]=chunkTable[name];for(const one of names)` +
    `loadChunk(one,Function);return loadedChunks[name]=` +
    `make("importChunk","loadedChunks",chunkTexts[index])` +
    `(importChunk,loadedChunks)},` +
    `importChunk=async name=>(loadChunk(name,Function),loadedChunks[name]);` +
    `await loadChunk(${JSON.stringify(main.name)},(async()=>{}).constructor)`;
  return { code, texts: bodies.map(({ body }) => body) };
}
