/**
 * The texts for people in a source file, found in its syntax tree.
 *
 * @module
 */

import ts from "typescript";

/** A text that may be printed. */
export interface Message {
  /** Counted from 1. */
  readonly line: number;
  /** `{}` stands for a value. */
  readonly text: string;
}

/** A value in a text. */
const VALUE = "{}";

/** Two words, or one beside a value. */
const PROSE =
  /(?:^|[\s("'{}])[A-Za-z][a-z'’-]*[,;:.)]* +(?:\S*[a-z]|\{\}|--)|\{\},? +[a-z]{2}/;

/** Patterns, arguments and paths are nothing to read. */
const CODE = /^(?:-\w|[a-z_]+=|\/|\S*[\\^|]\S*[\\^|])/;

function isIgnored(node: ts.Node): boolean {
  return ts.isImportDeclaration(node) || ts.isTypeNode(node) ||
    ts.isExportDeclaration(node);
}

/** The text of an expression of texts alone. */
function textOf(node: ts.Expression): string | undefined {
  if (ts.isStringLiteralLike(node)) return node.text;
  if (ts.isTemplateExpression(node)) {
    return node.head.text +
      node.templateSpans.map(({ expression, literal }) =>
        (textOf(expression) ?? VALUE) + literal.text
      ).join("");
  }
  if (
    ts.isBinaryExpression(node) &&
    node.operatorToken.kind === ts.SyntaxKind.PlusToken
  ) {
    const parts = [textOf(node.left), textOf(node.right)];
    if (parts.every((part) => part === undefined)) return undefined;
    return parts.map((part) => part ?? VALUE).join("");
  }
  return ts.isParenthesizedExpression(node)
    ? textOf(node.expression)
    : undefined;
}

/** Whether this becomes a part of the text around it. */
function isTextPart(node: ts.Node): boolean {
  return ts.isTemplateSpan(node) || ts.isStringLiteralLike(node) ||
    ts.isTemplateExpression(node) || ts.isBinaryExpression(node) ||
    ts.isParenthesizedExpression(node);
}

/** Whether a text is something that a person reads. */
function isProse(text: string): boolean {
  return PROSE.test(text) && !CODE.test(text);
}

/** Every text for people in a source file, from top to bottom. */
export function messagesOf(source: string): Message[] {
  const file = ts.createSourceFile("x.ts", source, ts.ScriptTarget.Latest);
  const found: Message[] = [];
  const visit = (node: ts.Node, isPart: boolean): void => {
    if (isIgnored(node)) return;
    const text = isPart ? undefined : textOf(node as ts.Expression);
    if (text !== undefined && isProse(text)) {
      const at = file.getLineAndCharacterOfPosition(node.getStart(file));
      found.push({ line: at.line + 1, text });
    }
    const isWhole = isPart || text !== undefined;
    ts.forEachChild(node, (one) => visit(one, isWhole && isTextPart(one)));
  };
  visit(file, false);
  return found;
}
