import { assertEquals } from "@std/assert";
import { maskSecrets } from "../../lib/words/secrets.ts";
import { assert } from "../support/facts.ts";

/** `§` is the secret. */
const TEXTS: readonly (readonly [string, string?])[] = [
  // The user stays, the password does not.
  ["nbd://joe:§@host:10809/x"],
  ["Cannot open https://joe:§@host/a?b=c: refused"],
  ["ssh://:§@host/x"],
  ["iscsi://joe%§@10.0.0.1/iqn.2001-04.com:x/1"],
  ["a nbd://joe:§@h/x and http://eve:§@h/y"],
  // Parameters and options.
  ["gluster://h/v/p?key=§"],
  ["nbd://h/x?tls=on&password=§&b=1"],
  ["nbd://h/x?passwd=§#end"],
  ["rbd:pool/image:id=x:key=§"],
  ["rbd:pool/image:id=x:key=§:mon_host=10.0.0.1"],
  ["rbd:pool/image:key=§: No such file"],
  ["file=rbd:p/i:key=§,if=none,id=d"],
  ["file.password=§,file.user=joe"],
  ["KEY=§ token=§ SECRET=§ pwd=§ secret_key=§"],
  ["-object secret,id=s0,format=raw,data=§"],
  // JSON.
  ['{"password":"§","user":"joe"}'],
  ['{ "key" : "§" }'],
  ['{"driver":"https","url":"https://h/x","cookie":"§"}'],
  ['{"a":{"secret":"§"},"data":"§"}'],
  ['{"f":"json:{\\"password\\": \\"§\\", \\"user\\": \\"joe\\"}"}'],
  ['{"message":"rbd:p/i:key=§","code":1}'],
  ['{"message":"nbd://joe:§@h/x\\nmore"}'],
  // HMP: everything after the command.
  ['{"command-line":"drive_add§"}', " *** "],
  ['{"command-line":"set_password§"}', " *** "],
  ['{"command-line":"change§"}', " *** "],
];

/** Values that end too early, or break the JSON around them, if at all. */
const SECRETS = ["geheim", "AQ+/x==", "ge:heim", "a,b", "a%40b", "gé"];

Deno.test("maskSecrets() hides the secret and leaves all around it", () => {
  for (const [text, shown = "***"] of TEXTS) {
    for (const secret of SECRETS) {
      // A password with "/" is no URI's.
      if (text.includes("§@") && secret.includes("/")) continue;
      const from = shown === "***" ? secret : ` ${secret} x`;
      const wanted = text.replaceAll("§", shown.trimEnd());
      const masked = maskSecrets(text.replaceAll("§", from));
      assertEquals(masked, wanted);
      assertEquals(maskSecrets(masked), masked, "twice is once");
    }
  }
});

Deno.test("maskSecrets() hides escaped secrets; JSON stays valid", () => {
  for (const secret of ['ge"heim', "ge\\heim", "ge\\:heim", "\\", 'x\\"y']) {
    const inner = { driver: "rbd", password: secret, user: "joe" };
    const outer = { password: secret, file: `json:${JSON.stringify(inner)}` };
    const masked = JSON.parse(maskSecrets(JSON.stringify(outer)));
    assertEquals(masked.password, "***");
    assertEquals(JSON.parse(masked.file.slice("json:".length)), {
      ...inner,
      password: "***",
    });
    const log = JSON.parse(maskSecrets(JSON.stringify({
      message: maskSecrets(JSON.stringify(outer)),
    })));
    assertEquals(JSON.parse(log.message).password, "***");
    for (
      const text of [`rbd:p/i:key=${secret}`, `nbd://u:${secret}@h/x`, secret]
    ) {
      JSON.parse(maskSecrets(JSON.stringify({ a: text, b: [text, "c"] })));
    }
  }
  const rbd = JSON.stringify({ uri: "rbd:p/i:key=a\\:b\\,c:id=x" });
  assertEquals(maskSecrets(rbd), '{"uri":"rbd:p/i:key=***:id=x"}');
});

Deno.test("maskSecrets() leaves what is no secret", () => {
  for (
    const text of [
      "nbd://host:10809/x",
      "iscsi://[2001:db8::1]:3260/iqn.2001-04.com.example:x%20y/1",
      "rbd:pool/image:id=ganeti",
      "monkey=1",
      "qmp INSTANCE COMMAND [KEY=VALUE|JSON|-|@fd:PATH...]",
      "-drive file=x,password-secret=sec0,key-secret=sec1",
      '{"key-secret":"sec0","name":"data","data":{"a":1},"key":null}',
      '{"command-line":"info block"}',
      "qmp://a mail@host: x",
      "",
    ]
  ) assertEquals(maskSecrets(text), text);
});

Deno.test("maskSecrets() takes megabytes, and not long for them", () => {
  const size = 4 << 20;
  const begin = performance.now();
  const pieces = [
    "a",
    "://",
    "://a:",
    "key=",
    '\\"',
    "\\",
    "\\:",
    ":a",
    "iscsi://",
  ];
  for (const piece of [...pieces, "secret,a=", "key=\\:", "://a:\\:"]) {
    const text = piece.repeat(size / piece.length / 4);
    maskSecrets(text);
    const document = JSON.stringify({ password: text });
    assertEquals(maskSecrets(document), '{"password":"***"}');
  }
  assert(performance.now() - begin < 20_000);
});
