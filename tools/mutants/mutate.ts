/**
 * Small faults that can be put into a source file, one at a time.
 *
 * @module
 */

import ts from "typescript";

/** The kinds of changes of a mutant. */
export type MutantKind =
  | "condition"
  | "statement"
  | "element"
  | "flag"
  | "close"
  | "swap"
  | "bound";

/** One fault: the text between two offsets is replaced. */
export interface Mutant {
  /** From the project's folder. */
  readonly path: string;
  readonly kind: MutantKind;
  /** Line of the first character, from 1. */
  readonly line: number;
  /** That line, without the blanks around it. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
  readonly was: string;
  readonly now: string;
}

type Replacement = Omit<Mutant, "path" | "line" | "text" | "was">;

/** The same comparison with its end moved, and its opposite. */
const MOVED: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
};
const OPPOSITE: Readonly<Record<string, string>> = {
  "===": "!==",
  "!==": "===",
  "&&": "||",
  "||": "&&",
};

/** The source with a mutant's fault. */
export function applyMutant(source: string, { start, end, now }: Mutant) {
  return source.slice(0, start) + now + source.slice(end);
}

/** All faults that can be put into a file, in the order of the text. */
export function mutantsOf(path: string, source: string): Mutant[] {
  const file = ts.createSourceFile(path, source, ts.ScriptTarget.Latest, true);
  const found: Mutant[] = [];
  const lines = source.split("\n");
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node) || ts.isImportDeclaration(node)) return;
    if (ts.isInterfaceDeclaration(node)) return;
    for (const one of faultsOf(node, file)) {
      const { line } = file.getLineAndCharacterOfPosition(one.start);
      const was = source.slice(one.start, one.end);
      const text = lines[line]?.trim() ?? "";
      found.push({ path, line: line + 1, text, was, ...one });
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found.sort((a, b) => a.start - b.start || a.end - b.end);
}

function faultsOf(node: ts.Node, file: ts.SourceFile): Replacement[] {
  const at = (
    one: ts.Node,
    kind: MutantKind,
    now: string,
  ): Replacement => ({
    kind,
    start: one.getStart(file),
    end: one.getEnd(),
    now,
  });
  if (ts.isIfStatement(node) || ts.isWhileStatement(node)) {
    return [
      at(node.expression, "condition", `!(${node.expression.getText(file)})`),
    ];
  }
  if (ts.isConditionalExpression(node)) {
    const { condition } = node;
    return [at(condition, "condition", `!(${condition.getText(file)})`)];
  }
  if (ts.isExpressionStatement(node) || ts.isThrowStatement(node)) {
    // The compiler takes no empty statement behind an `if`: TS1313.
    return [at(node, kindOf(node), ts.isBlock(node.parent) ? ";" : "{}")];
  }
  if (ts.isVariableDeclarationList(node)) return keptOpen(node, file);
  if (ts.isArrayLiteralExpression(node)) return dropped(node.elements, file);
  if (ts.isBinaryExpression(node)) return operator(node, at);
  if (ts.isNumericLiteral(node)) return moved(node, at);
  if (ts.isBlock(node)) return swapped(node, file);
  return [];
}

type At = (one: ts.Node, kind: MutantKind, now: string) => Replacement;

function kindOf(node: ts.Statement): MutantKind {
  return /\.close\(\)|\[Symbol\.(?:async)?[dD]ispose\]\(\)/.test(node.getText())
    ? "close"
    : "statement";
}

/** `using` made `const`: what it owns is never given back. */
function keptOpen(
  node: ts.VariableDeclarationList,
  file: ts.SourceFile,
): Replacement[] {
  const word = /^(?:await\s+)?using\b/.exec(node.getText(file))?.[0];
  if (word === undefined) return [];
  const start = node.getStart(file);
  return [{ kind: "close", start, end: start + word.length, now: "const" }];
}

/** The list without each of its elements. */
function dropped(
  elements: ts.NodeArray<ts.Expression>,
  file: ts.SourceFile,
): Replacement[] {
  return elements.map((element, k) => {
    const next = elements[k + 1];
    const start = element.getStart(file);
    const end = next ? next.getStart(file) : element.getEnd();
    return { kind: "element", start, end, now: "" };
  });
}

function operator(node: ts.BinaryExpression, at: At): Replacement[] {
  const { left, operatorToken, right } = node;
  const word = operatorToken.getText();
  if (word === "|") {
    const dropped = at(node, "flag", right.getText());
    return [
      at(node, "flag", left.getText()),
      // It is 0: fcntl.h.
      ...left.getText() === "O.RDONLY" ? [] : [dropped],
    ];
  }
  const opposite = OPPOSITE[word];
  if (opposite) return [at(operatorToken, "condition", opposite)];
  const end = MOVED[word];
  return end ? [at(operatorToken, "bound", end)] : [];
}

function moved(node: ts.NumericLiteral, at: At): Replacement[] {
  const { parent } = node;
  // A deadline that is a millisecond later: no test is that exact.
  const isDeadline = ts.isVariableDeclaration(parent) &&
    /_MS$/.test(parent.name.getText());
  if (isDeadline) return [];
  const value = Number(node.text);
  return [at(node, "bound", String(value + 1))];
}

/** Two steps next to each other, the other way round. */
function swapped({ statements }: ts.Block, file: ts.SourceFile): Replacement[] {
  return statements.flatMap((first, k) => {
    const second = statements[k + 1];
    if (!second || !isStep(first) || !isStep(second)) return [];
    return [{
      kind: "swap",
      start: first.getStart(file),
      end: second.getEnd(),
      now: `${second.getText(file)} ${first.getText(file)}`,
    }];
  });
}

function isStep(node: ts.Statement): boolean {
  if (!ts.isExpressionStatement(node)) return false;
  const { expression } = node;
  return ts.isCallExpression(expression) || ts.isAwaitExpression(expression);
}
