import { expect, test } from "bun:test";
import type { Attributes } from "../../../rootfs-builder/tar/attributes.ts";
import { FolderList } from "../../../rootfs-builder/tar/folder_list.ts";

function attributes(name: string, mode: number, more: Partial<Attributes> = {}): Attributes {
  const bytes = new TextEncoder().encode(name);
  return { name: bytes, mode, uid: 0xfffffffe, gid: 7, mtime: -1n, xattrs: new Map(), offset: 2 ** 40, ...more };
}

const paths = (list: FolderList): readonly string[] => [...list.deepestFirst()].map(({ path }) => path);

test("a folder comes before the one that it lies in", () => {
  const list = new FolderList();
  for (const [i, path] of ["", "/a", "/a/b", "/c", "/a/b/deep"].entries()) list.register(path, `0:0:${i}`, undefined);
  expect(paths(list)).toEqual(["/a/b/deep", "/a/b", "/a", "/c", ""]);
});

test("attributes come back as they were, for a hundred folders as for one", () => {
  const list = new FolderList();
  const xattrs = new Map([["user.k", new Uint8Array([1, 2])]]);
  for (let i = 0; i < 100; i++)
    list.register(`/f${i}`, `id ${i}`, attributes(`f${i}`, 0o1700 + i, i === 41 ? { xattrs, mtime: 1n << 62n } : {}));
  const found = new Map([...list.deepestFirst()].map((folder) => [folder.path, folder.attributes]));
  expect(found.get("/f41")).toEqual(attributes("f41", 0o1700 + 41, { xattrs, mtime: 1n << 62n }));
  expect(found.get("/f99")).toEqual(attributes("f99", 0o1700 + 99));
  expect(found.size).toBe(100);
});

test("the last entry of a folder counts, and none where no entry names it", () => {
  const list = new FolderList();
  list.register("/a", "1", undefined);
  expect([...list.deepestFirst()]).toEqual([{ path: "/a", attributes: undefined }]);
  const xattrs = new Map([["user.k", new Uint8Array(1)]]);
  list.register("/a", "1", attributes("a", 0o700, { xattrs }));
  list.register("/a", "1", attributes("a", 0o711));
  expect([...list.deepestFirst()]).toEqual([{ path: "/a", attributes: attributes("a", 0o711) }]);
});

test("a folder that is gone is not told, and its identity may be another's", () => {
  const list = new FolderList();
  list.register("/a", "1", attributes("a", 0o700));
  list.remove("1");
  list.remove("never seen");
  expect(list.pathOf("1")).toBeUndefined();
  expect(paths(list)).toEqual([]);
  list.register("/other", "1", undefined);
  expect(list.pathOf("1")).toBe("/other");
  expect([...list.deepestFirst()]).toEqual([{ path: "/other", attributes: undefined }]);
});
