import { describe, expect, test } from "bun:test";
import { ageText, countText, sizeText } from "../../../src/cli/amounts.ts";
import { fileName } from "../../../src/cli/file_name.ts";
import { type Column, tableText } from "../../../src/cli/table_text.ts";
import { visible } from "../../../src/cli/visible.ts";

describe("tableText", () => {
  const columns: readonly Column<{ readonly name: string; readonly size: string }>[] = [
    { title: "NAME", cell: ({ name }) => name },
    { title: "SIZE", cell: ({ size }) => size, right: true },
    { title: "NOTE", cell: () => "" },
  ];

  test("aligns, numbers to the right, and leaves no blanks at the end of a line", () => {
    const rows = [
      { name: "a", size: "1 B" },
      { name: "longer", size: "12.5 MB" },
    ];
    expect(tableText(columns, rows, false)).toBe("NAME       SIZE  NOTE\na           1 B\nlonger  12.5 MB\n");
    expect(tableText(columns, [], false)).toBe("NAME  SIZE  NOTE\n");
  });

  test("colours the titles alone, and nothing of a cell reaches the terminal as a command", () => {
    const shown = tableText(columns, [{ name: "\x1b[2J\n漢", size: "x" }], true);
    expect(shown).toBe("\x1b[1mNAME           SIZE  NOTE\x1b[0m\n\\u{1b}[2J\\n漢     x\n");
  });
});

test("visible() shows what a terminal would obey, and all else as it is", () => {
  expect(visible("a\tb\r\n\x1b]0;t\x07\u202e\u2028\u00adé漢\u0085\ud800")).toBe(
    "a\\tb\\r\\n\\u{1b}]0;t\\u{7}\\u{202e}\\u{2028}\\u{ad}é漢\\u{85}\\u{d800}",
  );
});

test.each([
  [0, "0 B"],
  [999, "999 B"],
  [1000, "1.0 kB"],
  [99_940, "99.9 kB"],
  [99_960, "100 kB"],
  [999_499, "999 kB"],
  [999_500, "1.0 MB"],
  [12_345_678, "12.3 MB"],
  [5e15, "5000 TB"],
])("%d bytes are %s", (bytes, text) => {
  expect(sizeText(bytes)).toBe(text);
});

test.each([
  [0, "just now"],
  [-5000, "just now"],
  [59_999, "just now"],
  [60_000, "1 minute ago"],
  [7_200_000, "2 hours ago"],
  [86_400_000 * 13, "1 week ago"],
  [86_400_000 * 800, "2 years ago"],
])("%d ms are %s", (age, text) => {
  expect(ageText(1e12 - age, 1e12)).toBe(text);
});

test("countText", () => {
  expect([countText(0, "layer"), countText(1, "layer"), countText(2, "layer")]).toEqual([
    "0 layers",
    "1 layer",
    "2 layers",
  ]);
});

test.each([
  ["/a/Base.tar.gz", "localhost/base"],
  ["rootfs.tar", "localhost/rootfs"],
  ["my app_v1.2.tgz", "localhost/my-app-v1-2"],
  ["-", "localhost/image"],
  [".tar", "localhost/image"],
])("an image of the file %s is %s", (path, name) => {
  expect(fileName(path)).toBe(name);
});
