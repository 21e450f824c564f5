/**
 * The program in pieces that are compiled only when a command needs them.
 *
 * V8 reads every function of a text it compiles, called or not: 4 ms for the
 * whole program. So esbuild splits it where the sources say `import()`. What
 * is needed together is put together again, into one text: each text is looked
 * up and read for itself.
 *
 * @module
 */

/** A module of esbuild's, as `--code-splitting` writes it. */
export interface Chunk {
  /** `lib/commands/list.js`, `chunk-RE35VYYF.js` */
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

const IMPORT_NODE = /\bimport\("(node:[^"]+)"\)/g;

/** The parameters of a chunk's function. */
const PARAMETERS = "importChunk,loadedChunks,importNode";

/** A chunk that has become a function. */
interface Member {
  readonly name: string;
  /** Names of the chunks it imports statically. */
  readonly dependencies: readonly string[];
  /** Names that it exports. */
  readonly exports: readonly string[];
  /** An expression. */
  readonly code: string;
}

/**
 * A chunk as a function of `importChunk`, which is `import()` of the program's
 * own, `loadedChunks`, all that are there, and `importNode`, `import()` of
 * what Deno has: what it imports are constants, what it exports it returns.
 * Nothing of the program exports a variable that changes later.
 *
 * @param numbers of the chunks, which stand for their names.
 */
function memberOf(
  { code, name }: Chunk,
  { kind, numbers }: {
    kind: "" | "async ";
    numbers: ReadonlyMap<string, number>;
  },
): Member {
  const dependencies: string[] = [];
  let body = "";
  let rest = code;
  for (;;) {
    const found = STATIC_IMPORT.exec(rest);
    if (found === null) break;
    const [statement, list, from = ""] = found;
    dependencies.push(from);
    if (list !== undefined) {
      const there = `loadedChunks[${numbers.get(from)}]`;
      body += `const{${members(list, "import")}}=${there};`;
    }
    rest = rest.slice(statement.length);
  }
  const [, exported = ""] = EXPORTS.exec(rest) ?? [];
  const exports = exported.split(",").map((one) =>
    one.trim().split(" as ").at(-1) ?? ""
  );
  rest = rest
    .replace(EXPORTS, (_, list) => `return{${members(list, "export")}};`)
    .replaceAll(DYNAMIC_IMPORT, (_, to) => `importChunk(${numbers.get(to)})`)
    .replaceAll(IMPORT_NODE, (_, to) => `importNode(${JSON.stringify(to)})`);
  if (/(?:^|[;}\n])(?:import|export)\b/.test(rest)) {
    throw new Error(
      `Cannot split the program: ${name} imports or exports oddly`,
    );
  }
  const whole = `${kind}function(${PARAMETERS}){"use strict";${body}${rest}\n}`;
  return { name, dependencies, exports, code: whole };
}

/** A member and all that it needs. */
function closureOf(name: string, all: ReadonlyMap<string, Member>): Member[] {
  const found = new Set<Member>();
  const visit = (one: string) => {
    const member = all.get(one);
    if (member === undefined) {
      throw new Error(`Cannot join the program: no chunk is ${one}`);
    }
    if (found.has(member)) return;
    found.add(member);
    member.dependencies.forEach(visit);
  };
  visit(name);
  return [...found];
}

/**
 * Which members are one text: for each list of modules all that they need and
 * no list before it had, then each of the others for itself.
 */
function grouped(
  members: readonly Member[],
  together: readonly (readonly string[])[],
): Member[][] {
  const all = new Map(members.map((one) => [one.name, one]));
  const taken = new Set<Member>();
  const take = (wanted: readonly Member[]) => {
    const group = [...new Set(wanted)].filter((one) => !taken.has(one));
    group.forEach((one) => taken.add(one));
    return group;
  };
  const groups = together.map((modules) =>
    take(modules.flatMap((name) => closureOf(name, all)))
  );
  const others = members.map((one) => take([one]));
  return [...groups, ...others].filter(({ length }) => length > 0);
}

/**
 * JavaScript of a function that runs the first chunk.
 *
 * @param table of each chunk those it needs, and its text.
 */
function starter(table: readonly (readonly [readonly number[], number])[]) {
  // Names longer than any that esbuild makes up.
  return `async function(evaluateText,importNode){` +
    `const chunkTable=${JSON.stringify(table)},loadedChunks=[],` +
    `chunkTexts=[this],` +
    `loadChunk=number=>{if(loadedChunks[number])return loadedChunks[number];` +
    `const[needed,index]=chunkTable[number];needed.forEach(loadChunk);` +
    `return loadedChunks[number]=` +
    `(chunkTexts[index]??=evaluateText(index))[number](${PARAMETERS})},` +
    `importChunk=async number=>loadChunk(number);` +
    `await loadChunk(0)}`;
}

/** A program in pieces. */
export interface Joined {
  /**
   * An ES module. It calls `evaluateText` with the index of a text, and gets
   * the value of the text.
   */
  readonly code: string;
  /** Each is an expression: an object of functions. */
  readonly texts: readonly string[];
}

/**
 * The program that runs the first of the chunks.
 *
 * @param together names of chunks that are imported when they are needed; the
 * chunks of one list are needed together. The first list has the main chunk.
 * @throws {Error} if a chunk imports or exports in an unknown form, or is
 * missing
 */
export function joinChunks(
  chunks: readonly [Chunk, ...Chunk[]],
  together: readonly (readonly string[])[] = [],
): Joined {
  const [main] = chunks;
  const numbers = new Map(chunks.map(({ name }, number) => [name, number]));
  const members = chunks.map((chunk) =>
    memberOf(chunk, { kind: chunk === main ? "async " : "", numbers })
  );
  const groups = grouped(members, together);
  const table = members.map((member) =>
    [
      member.dependencies.map((name) => numbers.get(name) ?? 0),
      groups.findIndex((group) => group.includes(member)),
    ] as const
  );
  const texts = groups.map((group, i) => {
    const start = i === 0 ? [`start:${starter(table)}`] : [];
    const own = group.map(({ name, code }) => `${numbers.get(name)}:${code}`);
    return `({${[...start, ...own].join(",")}})`;
  });
  const code = `await evaluateText(0).start(evaluateText,name=>import(name))`;
  return { code, texts };
}
