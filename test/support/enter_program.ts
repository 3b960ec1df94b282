// Run by enter_namespaces.test.ts: enters namespaces and goes on as another program there. Words: a JSON object.
import { openSync } from "node:fs";
import { enterNamespaces } from "../../src/launch/enter_namespaces.ts";

export type EnterOrder = {
  readonly program: string;
  readonly argv: readonly string[];
  readonly namespaces: readonly { readonly file: string; readonly type: "user" | "network" }[];
  readonly env: readonly string[];
};

if (import.meta.main) {
  const order: EnterOrder = JSON.parse(process.argv[2] ?? "");
  const open = (file: string): number => openSync(file, "r");
  enterNamespaces({
    program: open(order.program),
    namespaces: order.namespaces.map(({ file, type }) => ({ fd: open(file), type })),
    argv: order.argv,
    env: order.env,
    keep: [],
  });
}
