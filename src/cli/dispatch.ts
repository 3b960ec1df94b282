import { usageFault } from "../base/fault.ts";

export async function dispatch(name: string | undefined, argv: readonly string[]): Promise<number> {
  void argv;
  throw usageFault(`Cannot run the command ${name}`, "there is no such command");
}
