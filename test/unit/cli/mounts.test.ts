import { describe, expect, test } from "bun:test";
import { parseDevice, parseFile, parseMount, parseTmpfs, parseVolume } from "../../../src/cli/parse/mounts.ts";
import { faultOf } from "./fault_of.ts";

const SAFE = ["nosuid", "nodev"];
const hostPath = (path: string) => (path.startsWith("/") ? path : `/cwd/${path}`);

function refuses(name: string, parse: (text: string) => unknown, cases: readonly (readonly [string, string])[]): void {
  test.each(cases)(`${name} refuses %j: %s`, (text, reason) => {
    const { exitCode, what, cause } = faultOf(() => parse(text));
    expect(exitCode).toBe(2);
    expect(what).toStartWith(`Cannot use ${name}`);
    expect(cause).toContain(reason);
  });
}

describe("parseVolume() reads SRC:DST[:OPT,...]", () => {
  test.each([
    ["/a:/b", "/a", "/b", []],
    ["/a:/b/", "/a", "/b", []],
    ["/a:/b:ro,noexec", "/a", "/b", ["ro", "noexec"]],
    ["data:/b", "/cwd/data", "/b", []],
    ["/a", "/a", "/a", []],
    ["/a:/b:", "/a", "/b", []],
  ])("%s", (text, source, destination, options) => {
    expect(parseVolume(text, hostPath)).toEqual({ type: "bind", source, destination, options: [...SAFE, ...options] });
  });
  refuses("--volume", (text) => parseVolume(text, hostPath), [
    ["", "SRC:DST"],
    [":/b", "SRC:DST"],
    ["/a:", "SRC:DST"],
    ["/a:/b:ro:rw", "SRC:DST"],
    ["/a:b", "an absolute path inside the sandbox"],
    ["a", "an absolute path inside the sandbox"],
    ["/a:/b/../c", "without `..`"],
    ["/a:/b:read-only", 'no mount option is called "read-only"'],
    ["/a:/b:ro,", 'no mount option is called ""'],
  ]);
});

describe("parseMount() reads fields as docker and podman write them", () => {
  const mount = (text: string) => parseMount(text, hostPath);

  test.each([
    ["type=bind,src=/a,dst=/b", { type: "bind", source: "/a", destination: "/b", options: SAFE }],
    ["source=a,target=/b,ro", { type: "bind", source: "/cwd/a", destination: "/b", options: [...SAFE, "ro"] }],
    ["src=/a=b,destination=/b", { type: "bind", source: "/a=b", destination: "/b", options: SAFE }],
    ["src=/a:b,dst=/b,try", { type: "bind", source: "/a:b", destination: "/b", options: [...SAFE, "try"] }],
    ["src=/a,dst=/b,readonly=true", { type: "bind", source: "/a", destination: "/b", options: [...SAFE, "readonly"] }],
    ["src=/a,dst=/b,ro=false", { type: "bind", source: "/a", destination: "/b", options: [...SAFE, "rw"] }],
    ["src=/a,dst=/b,rw=0", { type: "bind", source: "/a", destination: "/b", options: [...SAFE, "ro"] }],
    ["src=/a,dst=/b,nosuid=false", { type: "bind", source: "/a", destination: "/b", options: [...SAFE, "suid"] }],
    ["src=/a,dst=/b,try=false", { type: "bind", source: "/a", destination: "/b", options: SAFE }],
    [
      "src=/a,dst=/b,bind-propagation=rslave",
      { type: "bind", source: "/a", destination: "/b", options: [...SAFE, "rslave"] },
    ],
    ["type=tmpfs,dst=/t", { type: "tmpfs", destination: "/t", options: SAFE }],
    [
      "type=tmpfs,dst=/t,tmpfs-size=1m,tmpfs-mode=0700,uid=5",
      { type: "tmpfs", destination: "/t", options: [...SAFE, "size=1048576", "mode=0700", "uid=5"] },
    ],
    [
      "type=overlay,dst=/o,lowerdir=l1:/l2,upperdir=up:per,workdir=w",
      {
        type: "overlay",
        destination: "/o",
        options: [...SAFE, "userxattr", "lowerdir=/cwd/l1:/l2", "upperdir=/cwd/up:per", "workdir=/cwd/w"],
      },
    ],
    ["type=proc,dst=/proc", { type: "proc", destination: "/proc", options: SAFE }],
    [
      "type=devpts,dst=/dev/pts,ptmxmode=0666,gid=5",
      { type: "devpts", destination: "/dev/pts", options: [...SAFE, "ptmxmode=0666", "gid=5"] },
    ],
  ])("%s", (text, expected) => {
    expect(mount(text)).toEqual(expected as ReturnType<typeof mount>);
  });
  refuses("--mount", mount, [
    ["", 'fields that are known; "" is not'],
    ["type=bind,src=/a,dst=/b,", 'fields that are known; "" is not'],
    ["type=bind,src=/a,dst=/b,bogus", '"bogus" is not'],
    ["type=bind,src=/a,dst=/b,bogus=1", "no bogus= for type=bind"],
    ["src=/a,dst=/b,constructor=1", "no constructor= for type=bind"],
    ["type=nfs,dst=/b", "a type of bind, tmpfs"],
    ["type=symlink,dst=/b", "a type of bind, tmpfs"],
    ["type=bind,src=/a", "dst=PATH"],
    ["type=bind,dst=/b", "src=PATH for type=bind"],
    ["type=bind,src=,dst=/b", "src=PATH for type=bind"],
    ["type=bind,src=/a,dst=b", "an absolute path inside the sandbox"],
    ["type=bind,src=/a,dst=/b,ro=maybe", "ro=true or ro=false"],
    ["type=bind,src=/a,dst=/b,propagation=odd", "a propagation of"],
    ["type=bind,src=/a,dst=/b,size=1m", "no size= for type=bind"],
    ["type=tmpfs,src=/a,dst=/b", "no src= for type=tmpfs"],
    ["type=tmpfs,dst=/b,mode=999", "an octal mode such as 0755"],
    ["type=tmpfs,dst=/b,uid=root", "a whole number for uid"],
  ]);

  test("a size that is none is refused as a size", () => {
    expect(faultOf(() => mount("type=tmpfs,dst=/b,size=lots")).cause).toBe("it takes a size such as 64m, 1.5g or 4096");
  });
});

describe("parseTmpfs() reads DST[:OPT,...]", () => {
  test.each([
    ["/t", []],
    ["/t:", []],
    ["/t:size=1m,mode=0755,ro", ["size=1048576", "mode=0755", "ro"]],
  ])("%s", (text, options) => {
    const all = [...SAFE, "mode=1777", ...options];
    expect(parseTmpfs(text)).toEqual({ type: "tmpfs", destination: "/t", options: all });
  });
  refuses("--tmpfs", parseTmpfs, [
    ["", "an absolute path"],
    ["t", "an absolute path"],
    ["/t:mode=8", "DST[:size="],
    ["/t:bogus", "DST[:size="],
    ["/t:size", "DST[:size="],
    ["/t:uid=0", "DST[:size="],
    ["/t:size=0", "a size"],
  ]);
});

describe("parseDevice() reads PATH[:DST]", () => {
  test.each([
    ["/dev/fuse", "/dev/fuse", "/dev/fuse"],
    ["/dev//fuse:/dev/x", "/dev/fuse", "/dev/x"],
  ])("%s", (text, source, destination) => {
    const options = ["nosuid", "noexec", "dev"];
    expect(parseDevice(text)).toEqual({ type: "bind", source, destination, options });
  });
  refuses("--device", parseDevice, [
    ["", "an absolute path"],
    ["fuse", "an absolute path"],
    ["/etc/passwd", "a path below /dev"],
    ["/dev", "a path below /dev"],
    ["/dev/", "a path below /dev"],
    ["/dev/./", "a path below /dev"],
    ["/dev/../etc/passwd", "without `..`"],
    ["/dev/fuse:/dev/fuse:rwm", "PATH[:DST]"],
    ["/dev/fuse:", "an absolute path"],
  ]);
});

describe("parseFile() reads SRC:DST", () => {
  test("and makes the source absolute", () => {
    expect(parseFile("a:/etc/b:c", hostPath)).toEqual({ source: "/cwd/a", destination: "/etc/b:c" });
  });
  refuses("--file", (text) => parseFile(text, hostPath), [
    ["", "SRC:DST"],
    ["/a", "SRC:DST"],
    [":/b", "SRC:DST"],
    ["/a:b", "an absolute path"],
  ]);
});
