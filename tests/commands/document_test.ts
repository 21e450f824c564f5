import { assertEquals } from "@std/assert";
import { documentLine } from "../../lib/commands/document.ts";

Deno.test("documentLine() gives every document schema and instance", () => {
  const of = (document: Record<string, unknown>) =>
    JSON.parse(documentLine(document));
  assertEquals(of({ ok: true }), { schema: 1, ok: true, instance: null });
  const instance = "vm1.example.com";
  assertEquals(of({ ok: true, instance }), { schema: 1, ok: true, instance });
});

Deno.test("documentLine() hides secrets unless they are to be used", () => {
  const document = { ok: true, source: "nbd://u:hunter2@host/x" };
  assertEquals(documentLine(document).includes("hunter2"), false);
  assertEquals(documentLine(document, true).includes("hunter2"), true);
});
