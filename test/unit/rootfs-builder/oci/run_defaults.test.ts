import { expect, test } from "bun:test";
import { parseImageConfig } from "../../../../rootfs-builder/oci/image_config.ts";
import { runDefaults } from "../../../../rootfs-builder/oci/run_defaults.ts";
import { encode, type Json } from "../../../fixtures/rootfs-builder/oci/image.ts";

function defaultsOf(config: Json) {
  const document = { os: "linux", architecture: "amd64", rootfs: { diff_ids: [] }, config };
  return runDefaults(parseImageConfig(encode(document), "x"), "registry.test/app:1");
}

test("all fields", () => {
  const defaults = defaultsOf({
    User: "web:33",
    Env: ["A=1", "B", "A=2=3"],
    Entrypoint: ["/entry", ""],
    Cmd: ["serve"],
    WorkingDir: "/srv//./www/",
    Volumes: { "/data": {}, cache: {} },
    ExposedPorts: { "80/tcp": {}, "53/UDP": {}, "443": {}, "8000-8010/sctp": {} },
    StopSignal: "quit",
    Labels: { a: "b" },
  });
  expect(defaults).toEqual({
    user: "web:33",
    env: ["A=2=3", "B="],
    entrypoint: ["/entry", ""],
    cmd: ["serve"],
    workingDir: "/srv/www",
    volumes: ["/data", "/cache"],
    exposedPorts: [
      { first: 443, last: 443, protocol: "tcp" },
      { first: 80, last: 80, protocol: "tcp" },
      { first: 53, last: 53, protocol: "udp" },
      { first: 8000, last: 8010, protocol: "sctp" },
    ],
    stopSignal: "SIGQUIT",
    labels: { a: "b" },
  });
});

test("nothing said is root in /, without words", () => {
  expect(defaultsOf(null)).toEqual({
    user: undefined,
    env: [],
    entrypoint: [],
    cmd: [],
    workingDir: "/",
    volumes: [],
    exposedPorts: [],
    stopSignal: undefined,
    labels: {},
  });
});

test.each([
  ["SIGRTMIN+3", "SIGRTMIN+3"],
  ["15", "15"],
  ["SIGTERM", "SIGTERM"],
])("the signal %s", (text, signal) => expect(defaultsOf({ StopSignal: text }).stopSignal).toBe(signal));

test.each(["root", "0", "1000:1000", "a.b-c_d:e", "machine$", "user:0"])("the user %s", (user) =>
  expect(defaultsOf({ User: user }).user).toBe(user),
);

test.each<[string, Json]>([
  ["User", ":1"],
  ["User", "a b"],
  ["User", "a:b:c"],
  ["User", "root\n"],
  ["User", "4294967295"],
  ["User", "../x"],
  ["WorkingDir", "/a/../b"],
  ["WorkingDir", "/a\0"],
  ["WorkingDir", `/${"a".repeat(4096)}`],
  ["Env", ["=x"]],
  ["Env", ["A=\0"]],
  ["Cmd", ["a\0b"]],
  ["Entrypoint", ["\0"]],
  ["Volumes", { "": {} }],
  ["Volumes", { "../x": {} }],
  ["ExposedPorts", { "0/tcp": {} }],
  ["ExposedPorts", { "70000": {} }],
  ["ExposedPorts", { "20-10": {} }],
  ["ExposedPorts", { "80/icmp": {} }],
  ["ExposedPorts", { http: {} }],
  ["StopSignal", "0"],
  ["StopSignal", "65"],
  ["StopSignal", "SIG TERM"],
  ["StopSignal", "9; rm"],
  ["Labels", { a: "\0" }],
])("%s %j is refused by name", (field, value) =>
  expect(() => defaultsOf({ [field]: value })).toThrow(`registry.test/app:1, the configuration's ${field}: `),
);
