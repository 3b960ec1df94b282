import { describe, expect, test } from "bun:test";
import { parseIdMap, translateMaps } from "../../../src/launch/translate_maps.ts";
import { random } from "../host/random.ts";

const map = (...lines: readonly (readonly [number, number, number])[]) =>
  lines.map(([containerID, hostID, size]) => ({ containerID, hostID, size }));
const RANGE = map([0, 1000, 1], [1, 100_000, 65_536]);

describe("a map of the kernel's", () => {
  test("is read line by line", () => {
    expect(parseIdMap("         0       1000          1\n         1     100000      65536\n")).toEqual(RANGE);
    expect(parseIdMap("         0          0 4294967295\n")).toEqual(map([0, 0, 4_294_967_295]));
    expect(parseIdMap("")).toEqual([]);
    expect(parseIdMap("0 1\n-1 2 3\n1 2 3 4\n99999999999 1 1\n")).toEqual([]);
  });
});

describe("a map below another user namespace", () => {
  test("has ids of that one", () => {
    expect(translateMaps(map([1000, 1000, 1]), map([0, 1000, 1]))).toEqual(map([1000, 0, 1]));
    expect(translateMaps(RANGE, RANGE)).toEqual(map([0, 0, 1], [1, 1, 65_536]));
    expect(translateMaps(RANGE, map([1000, 1000, 1], [100_000, 100_000, 65_536]))).toEqual(RANGE);
  });

  test("is cut where that one's lines end", () => {
    expect(translateMaps(map([0, 100, 10]), map([5, 100, 4], [50, 104, 6]))).toEqual(map([0, 5, 4], [4, 50, 6]));
  });

  test("is none where an id is missing there", () => {
    expect(translateMaps(RANGE, map([0, 1000, 1]))).toBeUndefined();
    expect(translateMaps(map([0, 100, 10]), map([0, 100, 9]))).toBeUndefined();
    expect(translateMaps(map([0, 100, 10]), map([0, 99, 5], [5, 105, 9]))).toBeUndefined();
    expect(translateMaps(map([0, 1, 1]), [])).toBeUndefined();
  });

  test("means what it says, id by id: 2000 of chance", () => {
    const next = random(0x1d);
    const lines = (count: number): ReturnType<typeof map> => {
      let [inside, outside] = [0, 0];
      return Array.from({ length: count }, () => {
        const line = { containerID: inside + next(4), hostID: outside + next(4), size: 1 + next(6) };
        inside = line.containerID + line.size;
        outside = line.hostID + line.size;
        return line;
      });
    };
    const outsideOf = (maps: ReturnType<typeof map>, id: number): number | undefined => {
      const line = maps.find(({ containerID, size }) => id >= containerID && id < containerID + size);
      return line && line.hostID + id - line.containerID;
    };
    let translated = 0;
    for (let round = 0; round < 2000; round++) {
      const [maps, parent] = [lines(1 + next(3)), lines(1 + next(4))];
      const found = translateMaps(maps, parent);
      const ids = Array.from({ length: 40 }, (_, id) => id).filter((id) => outsideOf(maps, id) !== undefined);
      const isThere = (id: number): boolean => parent.some(({ hostID, size }) => id >= hostID && id < hostID + size);
      expect(found !== undefined).toBe(ids.every((id) => isThere(outsideOf(maps, id) ?? -1)));
      if (found === undefined) continue;
      translated++;
      for (const id of ids) expect(outsideOf(parent, outsideOf([...found], id) ?? -1)).toBe(outsideOf(maps, id));
    }
    expect(translated).toBeGreaterThan(100);
  });
});
