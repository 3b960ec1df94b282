// Programs that people use, inside of a sandbox's own network, with servers on the test's own loopback.
import { describe, expect } from "bun:test";
import { createHash, randomBytes } from "node:crypto";
import { existsSync, mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { makePackage } from "../support/apk_package.ts";
import { HANG, NO_NETWORK, printed, SLIRP } from "../support/network_inside.ts";
import { absent, noIdRange, testWhere } from "../support/test_where.ts";
import { workspace } from "../support/workspace.ts";

const here = workspace();
const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64";
const TARBALL =
  process.env.ALPINE_MINIROOTFS ??
  resolve(import.meta.dir, `../../../shared/alpine/alpine-minirootfs-3.20.3-${MACHINE}.tar.gz`);
const NO_TARBALL = existsSync(TARBALL) ? undefined : "no Alpine tarball: set ALPINE_MINIROOTFS";
const ALPINE = [...SLIRP, "--userns", "single", "--rootfs", TARBALL] as const;

const where = (...programs: readonly string[]) => testWhere(NO_NETWORK, absent(...programs));
const withAlpine = testWhere(NO_NETWORK, NO_TARBALL);

/** The files of a folder, over HTTP. */
function fileServer(folder: string) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const file = Bun.file(join(folder, new URL(request.url).pathname));
      return (await file.exists()) ? new Response(file) : new Response("no such file", { status: 404 });
    },
  });
}

/** Takes what is put, and says its hash. */
function hashServer() {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) =>
      new Response(
        createHash("sha256")
          .update(await request.bytes())
          .digest("hex"),
      ),
  });
}

const sha256 = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");
const DATA = randomBytes(5_000_000);

describe("programs of the host's", () => {
  where("curl")("curl gets and puts", async () => {
    await Bun.write(join(here.dir, "www/data"), DATA);
    using files = fileServer(join(here.dir, "www"));
    using hashes = hashServer();
    const script = `
curl -sSf http://host.sandbox.internal:${files.port}/data | sha256sum
curl -sSf -T www/data http://host.sandbox.internal:${hashes.port}/`;
    expect(await here.inside(script, SLIRP)).toBe(`${sha256(DATA)}  -\n${sha256(DATA)}`);
  });

  where("curl")("curl is told when a body ends before its length", async () => {
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          socket.end("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nnot all of it");
        },
      },
    });
    const { code } = await here.run([...SLIRP, "--", "curl", "-sS", `http://10.0.2.2:${server.port}/`]);
    expect(code).toBe(18);
  });

  where("wget")("wget", async () => {
    await Bun.write(join(here.dir, "www/data"), DATA);
    using files = fileServer(join(here.dir, "www"));
    const script = `wget -qO- http://10.0.2.2:${files.port}/data | sha256sum`;
    expect(await here.inside(script, SLIRP)).toBe(`${sha256(DATA)}  -\n`);
  });

  where("node")("node, with requests side by side on connections that are kept", async () => {
    await Bun.write(join(here.dir, "www/data"), DATA);
    using files = fileServer(join(here.dir, "www"));
    const program = `
const { createHash } = require("node:crypto");
const get = async () => createHash("sha256").update(await (await fetch(process.argv[1])).bytes()).digest("hex");
const rounds = async () => { for (let i = 0; i < 3; i++) seen.add(await get()); };
const seen = new Set();
Promise.all(Array.from({ length: 8 }, rounds)).then(() => console.log([...seen].join()));`;
    const url = `http://10.0.2.2:${files.port}/data`;
    const out = await here.run([
      ...SLIRP,
      "--",
      "node",
      "-e",
      program.replace(".bytes()", ".arrayBuffer().then(Buffer.from)"),
      url,
    ]);
    expect(printed(out)).toBe(`${sha256(DATA)}\n`);
  });

  where("python3")("Python's urllib, with a body both ways", async () => {
    using hashes = hashServer();
    const program = `
import sys, urllib.request
print(urllib.request.urlopen(urllib.request.Request(sys.argv[1], data=b"x" * 5_000_000, method="PUT")).read().decode())`;
    const out = await here.run([...SLIRP, "--", "python3", "-c", program, `http://10.0.2.2:${hashes.port}/`]);
    expect(printed(out)).toBe(`${sha256(Buffer.alloc(5_000_000, "x"))}\n`);
  });

  where("git")(
    "git clones and pushes over HTTP",
    async () => {
      await makeRepository();
      using server = gitServer(join(here.dir, "served"));
      const script = `
export HOME=/tmp GIT_CONFIG_NOSYSTEM=1
cd /tmp && git clone -q http://10.0.2.2:${server.port}/project.git && cd project
sha256sum <data; git log --format=%s
git -c user.name=a -c user.email=a@b commit -q --allow-empty -m "from inside" && git push -q origin HEAD`;
      expect(await here.inside(script, SLIRP)).toBe(`${sha256(DATA)}  -\nfirst\n`);
      const log = await here.host(["git", "-C", "served/project.git", "log", "--format=%s"]);
      expect(printed(log)).toBe("from inside\nfirst\n");
    },
    HANG,
  );

  where("nc")("nc: what is piped in comes back, and the end with it", async () => {
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      allowHalfOpen: true,
      socket: {
        data(socket, bytes) {
          socket.write(bytes);
        },
        end(socket) {
          socket.end();
        },
      },
    });
    expect(await here.inside(`echo hello | nc -N 10.0.2.2 ${server.port}`, SLIRP)).toBe("hello\n");
  });
});

/** served/project.git, which may be pushed to, with one commit of one large file. */
async function makeRepository(): Promise<void> {
  mkdirSync(join(here.dir, "served"));
  await Bun.write(join(here.dir, "work/data"), DATA);
  const identity = "-c user.name=a -c user.email=a@b";
  const script = `
git init -q work && git -C work add data && git -C work ${identity} commit -q -m first
git clone -q --bare work served/project.git && git -C served/project.git config http.receivepack true`;
  printed(await here.host(["sh", "-ec", script]));
}

/** git-http-backend(1), as a CGI program (RFC 3875). */
function gitServer(folder: string) {
  return Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: async (request) => {
      const { pathname, search } = new URL(request.url);
      const child = Bun.spawn(["git", "http-backend"], {
        env: {
          ...here.env,
          GIT_PROJECT_ROOT: folder,
          GIT_HTTP_EXPORT_ALL: "1",
          PATH_INFO: pathname,
          QUERY_STRING: search.slice(1),
          REQUEST_METHOD: request.method,
          CONTENT_TYPE: request.headers.get("content-type") ?? "",
          HTTP_CONTENT_ENCODING: request.headers.get("content-encoding") ?? "",
          GIT_PROTOCOL: request.headers.get("git-protocol") ?? "",
          REMOTE_USER: "tester",
        },
        stdin: await request.bytes(),
      });
      const output = Buffer.from(await new Response(child.stdout).arrayBuffer());
      const end = output.indexOf("\r\n\r\n");
      const fields = output.toString("latin1", 0, end).split("\r\n");
      const headers = fields.map((field) => field.split(": ", 2) as [string, string]);
      const status = Number(headers.find(([name]) => name === "Status")?.[1].slice(0, 3) ?? 200);
      return new Response(output.subarray(end + 4), { status, headers });
    },
  });
}

describe("Alpine's", () => {
  withAlpine("wget of BusyBox, by address and by name", async () => {
    await Bun.write(join(here.dir, "www/data"), DATA);
    using files = fileServer(join(here.dir, "www"));
    const names = ["10.0.2.2", "host.sandbox.internal"];
    const script = names.map((name) => `wget -qO- http://${name}:${files.port}/data | sha256sum`).join(";");
    const { code, stdout } = await here.run([...ALPINE, "--", "sh", "-c", script]);
    expect([code, stdout]).toEqual([0, `${sha256(DATA)}  -\n`.repeat(2)]);
  });

  withAlpine("wget of BusyBox is refused where nothing listens", async () => {
    const { code, stderr } = await here.run([...ALPINE, "--", "wget", "-qO-", "http://10.0.2.2:9/"]);
    expect(code).toBe(1);
    expect(stderr).toContain("Connection refused");
  });

  withAlpine("ping of BusyBox", async () => {
    const { stdout } = await here.run([...ALPINE, "--", "ping", "-c", "1", "-W", "20", "10.0.2.2"]);
    expect(stdout).toContain("1 packets transmitted, 1 packets received");
  });

  for (const [ids, reason] of [
    ["single", undefined],
    ["range", noIdRange()],
  ] as const)
    testWhere(NO_NETWORK, NO_TARBALL, reason)(
      `apk adds a package of a mirror, --userns ${ids}`,
      async () => {
        const mirror = here.folder(`mirror-${ids}/${MACHINE}`);
        const apk = await makePackage(here, "1.0", "the tool works");
        await Bun.write(join(mirror, "tool-1.0-r0.apk"), Bun.file(apk));
        const index = `cd /m && apk index --allow-untrusted -o APKINDEX.tar.gz *.apk`;
        const args = ["--userns", "single", "--rootfs", TARBALL, "-v", `${mirror}:/m`, "--", "sh", "-c", index];
        expect((await here.run(args)).code).toBe(0);
        using files = fileServer(join(here.dir, `mirror-${ids}`));
        const script = `
echo http://10.0.2.2:${files.port} >/etc/apk/repositories
apk add --allow-untrusted tool >&2 && tool && apk info -e tool`;
        const net = [...SLIRP, "--userns", ids, "--rootfs", TARBALL];
        const { code, stdout, stderr } = await here.run([...net, "--", "sh", "-c", script]);
        expect([code, stdout, stderr]).toEqual([0, "the tool works\ntool\n", expect.stringContaining("OK: ")]);
      },
      HANG,
    );
});
