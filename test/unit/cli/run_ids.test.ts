import { describe, expect, test } from "bun:test";
import { type IdRequest, idMaps, isMapped, spread } from "../../../src/cli/run_ids.ts";

const RANGES = { uids: [{ start: 100000, count: 65536 }], gids: [{ start: 200000, count: 65536 }] };
const caller = { uid: 1000, gid: 1000 };

function request(changes: Partial<IdRequest>): IdRequest {
  return {
    mode: "auto",
    caller,
    target: { uid: 0, gid: 0 },
    self: { uid: 0, gid: 0 },
    hostView: false,
    uidmap: [],
    gidmap: [],
    ranges: () => RANGES,
    ...changes,
  };
}

describe("spread() lays ranges out around the caller's own id", () => {
  test("root inside is the caller, the range follows", () => {
    expect(spread(0, 1000, RANGES.uids)).toEqual([
      { containerID: 0, hostID: 1000, size: 1 },
      { containerID: 1, hostID: 100000, size: 65536 },
    ]);
  });

  test("the caller's own id inside splits the range", () => {
    expect(spread(1000, 1000, RANGES.uids)).toEqual([
      { containerID: 0, hostID: 100000, size: 1000 },
      { containerID: 1000, hostID: 1000, size: 1 },
      { containerID: 1001, hostID: 101000, size: 64536 },
    ]);
  });

  test("a range that ends just before the own id is not split, and the next one skips it", () => {
    const maps = spread(3, 7, [
      { start: 100, count: 3 },
      { start: 200, count: 2 },
    ]);
    expect(maps).toEqual([
      { containerID: 0, hostID: 100, size: 3 },
      { containerID: 3, hostID: 7, size: 1 },
      { containerID: 4, hostID: 200, size: 2 },
    ]);
  });

  test("no two mappings overlap, inside or outside, whatever the ranges", () => {
    for (let self = 0; self < 12; self++) {
      const maps = spread(self, 5000, [
        { start: 100, count: 4 },
        { start: 300, count: 1 },
        { start: 200, count: 6 },
      ]);
      const inside = maps.flatMap(({ containerID, size }) => Array.from({ length: size }, (_, i) => containerID + i));
      expect(new Set(inside).size).toBe(12);
      expect(isMapped(self, maps)).toBe(true);
    }
  });
});

describe("idMaps()", () => {
  test("auto takes the range where there is one", () => {
    expect(idMaps(request({})).writer).toBe("helper");
  });

  test("auto falls back to the single id where there is none", () => {
    expect(idMaps(request({ ranges: () => "newuidmap is not installed" }))).toEqual({
      writer: "self",
      uid: [{ containerID: 0, hostID: 1000, size: 1 }],
      gid: [{ containerID: 0, hostID: 1000, size: 1 }],
    });
  });

  test("range without a range is refused with the reason", () => {
    expect(() => idMaps(request({ mode: "range", ranges: () => "newuidmap is not installed" }))).toThrow(
      "newuidmap is not installed",
    );
  });

  test("auto on the host's view never looks for ranges: no helper is run", () => {
    const maps = idMaps(
      request({
        hostView: true,
        target: caller,
        ranges: () => {
          throw new Error("looked");
        },
      }),
    );
    expect(maps.uid).toEqual([{ containerID: 1000, hostID: 1000, size: 1 }]);
  });

  test("single maps the id that the command runs as", () => {
    const maps = idMaps(request({ mode: "single", target: { uid: 33, gid: 44 } }));
    expect([maps.uid[0]?.containerID, maps.gid[0]?.containerID]).toEqual([33, 44]);
  });

  test("one explicit list stands for both, and one own id needs no helper", () => {
    const own = [{ containerID: 5, hostID: 1000, size: 1 }];
    expect(idMaps(request({ uidmap: own }))).toEqual({ writer: "self", uid: own, gid: own });
    expect(idMaps(request({ uidmap: [{ containerID: 0, hostID: 100000, size: 10 }] })).writer).toBe("helper");
  });
});
