import { expect, test } from "bun:test";
import { ERRNO } from "../../../ffi/errno.ts";
import { enterFailed, enterFault } from "../../../src/cli/commands/enter_failed.ts";
import { faultOf } from "./fault_of.ts";

test("every step that can fail is explained, with what to do where something can be done", () => {
  const foreign = enterFault("user", ERRNO.EPERM);
  expect(foreign.what).toBe("Cannot enter the user namespace");
  expect(foreign.hint).not.toBe("");
  expect(enterFault("network", ERRNO.EPERM).cause).toContain("does not belong to the user namespace");
  expect(enterFault("network", ERRNO.EINVAL).cause).toContain("no network namespace");
  expect(enterFault("capabilities", ERRNO.EINVAL).cause).toBe("the kernel refused with EINVAL");
});

test("whoever calls it by hand is told that it is not for them", () => {
  for (const words of [[], ["user"], ["mount", "1"], ["user", "-1"], ["__proto__", "1"]])
    expect(faultOf(() => enterFailed(words)).exitCode).toBe(2);
});
