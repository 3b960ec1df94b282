import { describe, expect, test } from "bun:test";
import { takeImageWord } from "../../../src/cli/image_word.ts";
import { parse } from "../support_spec.ts";

describe("takeImageWord()", () => {
  test.each(["docker://debian:12", "oci:./image:tag", "oci-archive:a.tar", "docker-archive:a.tar", "dir:/x"])(
    "%s is the root file system",
    (word) => {
      const { values, positionals } = takeImageWord(parse("-e", "A=1", word, "sh", "-c", "x"));
      expect(values.get("--rootfs")).toEqual([word]);
      expect(values.get("--env")).toEqual(["A=1"]);
      expect(positionals).toEqual(["sh", "-c", "x"]);
    },
  );

  test.each([["make"], ["./a:b"], ["docker:"], ["docker:dind"], ["oci:"]])("%s is a command", (word) => {
    const parsed = parse(word, "x");
    expect(takeImageWord(parsed)).toBe(parsed);
  });

  test("a root file system that is named wins", () => {
    const parsed = parse("--rootfs", "alpine", "oci:x", "y");
    expect(takeImageWord(parsed)).toBe(parsed);
  });
});
