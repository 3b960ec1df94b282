import { describe, expect, test } from "bun:test";
import { parseGetsubids, subidsFromNameService, userFromNameService } from "../../../src/host/name_service.ts";
import { findGroup, findUser, groupsOf, parseId } from "../../../src/host/passwd.ts";
import {
  foreignOverlaps,
  freeStart,
  selfOverlapping,
  subidRanges,
  subidService,
  totalIds,
} from "../../../src/host/subids.ts";
import { GROUP, PASSWD } from "./texts.ts";

describe("passwd", () => {
  test("a name finds the first account that has it", () => {
    expect(findUser(PASSWD, "alice")).toEqual({
      name: "alice",
      uid: 1000,
      gid: 1000,
      home: "/home/alice",
      shell: "/bin/bash",
    });
  });
  test("a number is a uid, a string of digits is a name", () => {
    expect(findUser(PASSWD, 2000)?.name).toBe("1234");
    expect(findUser(PASSWD, "1234")?.uid).toBe(2000);
    expect(findUser(PASSWD, 1234)).toBeUndefined();
  });
  test("malformed lines, remarks and NIS references are passed over", () => {
    for (const name of ["broken", "short", "toobig", "+nisuser", "# a remark"])
      expect(findUser(PASSWD, name)).toBeUndefined();
  });
  test("an empty shell stays empty", () => {
    expect(findUser(PASSWD, "noshell")?.shell).toBe("");
  });
  test("an id is decimal and below (uid_t)-1", () => {
    expect(parseId("4294967294")).toBe(4294967294);
    for (const text of ["4294967295", "-1", "0x10", "", "1 ", undefined]) expect(parseId(text)).toBeUndefined();
  });
  test("a group is found by name and by number, with its members", () => {
    expect(findGroup(GROUP, "audio")).toEqual({ name: "audio", gid: 29, members: ["pulse", "alice"] });
    expect(findGroup(GROUP, 44)?.name).toBe("video");
  });
  test("supplementary groups are those that list the whole name", () => {
    expect(groupsOf(GROUP, "alice")).toEqual([29, 44]);
  });
});

describe("subordinate ids", () => {
  const alice = { name: "alice", uid: 1000 };
  const text = "bob:100000:65536\nalice:165536:65536\n1000:300000:1000\n1001:400000:1000\nalice:1:0\nalice:bad:1\n";
  test("lines count by name and by uid", () => {
    expect(subidRanges(text, alice)).toEqual([
      { start: 165536, count: 65536 },
      { start: 300000, count: 1000 },
    ]);
  });
  test("a user without a name has the lines of the uid", () => {
    expect(subidRanges(text, { name: undefined, uid: 1001 })).toEqual([{ start: 400000, count: 1000 }]);
  });
  test("a range beyond the last id is no range", () => {
    expect(subidRanges("alice:4294967295:2\n", alice)).toEqual([]);
    expect(subidRanges("alice:4294967295:1\n", alice)).toHaveLength(1);
  });
  test("another user's line that shares one id is an overlap", () => {
    expect(
      foreignOverlaps("alice:100000:65536\nbob:165535:10\ncarol:165536:10\n", alice).map(({ owner }) => owner),
    ).toEqual(["bob"]);
  });
  test("own ranges that share an id are noticed", () => {
    expect(
      selfOverlapping([
        { start: 1, count: 10 },
        { start: 10, count: 1 },
      ]),
    ).toBe(true);
    expect(
      selfOverlapping([
        { start: 1, count: 10 },
        { start: 11, count: 1 },
      ]),
    ).toBe(false);
  });
  test("a new range begins behind all that are taken", () => {
    expect(freeStart(text, "zoe:500000:65536\n")).toBe(565536);
    expect(freeStart("")).toBe(100000);
  });
  test("counts add up", () => {
    expect(
      totalIds([
        { start: 1, count: 2 },
        { start: 9, count: 3 },
      ]),
    ).toBe(5);
  });
  test("nsswitch.conf may send the question elsewhere", () => {
    expect(subidService("passwd: files sss\nsubid:  sss\n")).toBe("sss");
    expect(subidService("# subid: sss\npasswd: files\n")).toBe("files");
  });
});

describe("name service", () => {
  test("getsubids prints an index, the name, start and count", () => {
    expect(parseGetsubids("0: alice 100000 65536\n1: alice 300000 10\n")).toEqual([
      { start: 100000, count: 65536 },
      { start: 300000, count: 10 },
    ]);
    expect(parseGetsubids("Error fetching ranges\n")).toEqual([]);
  });
  test("an account of a directory is asked for by uid", () => {
    const asked: string[][] = [];
    const run = (argv: readonly string[]) => {
      asked.push([...argv]);
      return "ad\\alice:*:187600123:187600513:Alice:/home/alice:/bin/bash\n";
    };
    expect(userFromNameService(187600123, run)?.name).toBe("ad\\alice");
    expect(asked).toEqual([["getent", "passwd", "187600123"]]);
  });
  test("a tool that is missing finds nothing, and a name with a hyphen is never an option", () => {
    expect(userFromNameService(1, () => undefined)).toBeUndefined();
    expect(
      subidsFromNameService("-g", false, () => {
        throw new Error("was run");
      }),
    ).toEqual([]);
  });
});
