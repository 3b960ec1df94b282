import { expect, test } from "bun:test";
import { runtimePlaces } from "../../../src/cli/runtime_places.ts";
import type { Mount } from "../../../src/spec/spec.ts";
import { lookupsOf } from "../support_spec.ts";

const bind = (source: string, destination: string): Mount => ({ destination, type: "bind", source, options: [] });
const THERE = ["/run/user/1000/sandbox", "/tmp/sandbox-1000"];

/** Of a host that has all of `folders`. */
function places(mounts: readonly Mount[], env: Readonly<Record<string, string>> = {}, folders = THERE) {
  return runtimePlaces(mounts, lookupsOf({ env, folders }));
}

test("wherever it may be is hidden where it is shown, whatever this environment says", () => {
  expect(places([bind("/tmp", "/mnt")])).toEqual(["/mnt/sandbox-1000"]);
  expect(places([bind("/tmp", "/mnt")], { XDG_RUNTIME_DIR: "/elsewhere" })).toEqual(["/mnt/sandbox-1000"]);
  expect(places([bind("/", "/mnt")], { XDG_RUNTIME_DIR: "/run/user/1000" })).toEqual([
    "/mnt/run/user/1000/sandbox",
    "/mnt/tmp/sandbox-1000",
  ]);
});

test("also where it is shown itself, or a part of it", () => {
  expect(places([bind("/tmp/sandbox-1000", "/a"), bind("/tmp/sandbox-1000/networks/web", "/b")])).toEqual(["/a", "/b"]);
});

test("nothing is hidden that is not there, or is covered", () => {
  expect(places([bind("/tmp", "/mnt")], {}, [])).toEqual([]);
  expect(places([bind("/tmp", "/mnt"), bind("/srv", "/mnt/sandbox-1000")])).toEqual([]);
  expect(places([bind("/srv", "/mnt")])).toEqual([]);
});
