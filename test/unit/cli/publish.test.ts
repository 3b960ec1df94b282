import { describe, expect, test } from "bun:test";
import { localEndpoint } from "../../../ffi/socket.ts";
import type { ExposedPort, RunDefaults } from "../../../rootfs-builder/oci/run_defaults.ts";
import { runCommand } from "../../../src/cli/commands/run.table.ts";
import { parseArguments } from "../../../src/cli/parse/arguments.ts";
import { parsePublish } from "../../../src/cli/parse/publish.ts";
import { bindPorts, chosenPorts, publishedPorts } from "../../../src/cli/run_ports.ts";
import { bindPort } from "../../../src/net/outbound/bind_port.ts";
import { formatIpAddress } from "../../../src/net/wire/ip_address.ts";
import { mutate, random } from "../host/random.ts";
import { faultOf } from "./fault_of.ts";

const shown = (text: string): readonly string[] =>
  parsePublish(text).map(
    ({ address, hostPort, sandboxPort, protocol }) =>
      `${formatIpAddress(address)} ${hostPort} ${sandboxPort}/${protocol}`,
  );

describe("parsePublish()", () => {
  test.each([
    ["8080:80", ["127.0.0.1 8080 80/tcp"]],
    ["8080:80/tcp", ["127.0.0.1 8080 80/tcp"]],
    ["5353:53/udp", ["127.0.0.1 5353 53/udp"]],
    ["80", ["127.0.0.1 0 80/tcp"]],
    ["80/udp", ["127.0.0.1 0 80/udp"]],
    [":80", ["127.0.0.1 0 80/tcp"]],
    ["0:80", ["127.0.0.1 0 80/tcp"]],
    ["127.0.0.2::80", ["127.0.0.2 0 80/tcp"]],
    ["0.0.0.0:8080:80", ["0.0.0.0 8080 80/tcp"]],
    ["[::1]:8080:80", ["::1 8080 80/tcp"]],
    ["[::]::80/udp", [":: 0 80/udp"]],
    ["[2001:DB8::1]:1:2", ["2001:db8::1 1 2/tcp"]],
    ["8000-8002:9000-9002", ["127.0.0.1 8000 9000/tcp", "127.0.0.1 8001 9001/tcp", "127.0.0.1 8002 9002/tcp"]],
    ["80-81", ["127.0.0.1 0 80/tcp", "127.0.0.1 0 81/tcp"]],
    ["65535:65535", ["127.0.0.1 65535 65535/tcp"]],
  ])("reads %s", (text, ports) => {
    expect(shown(text)).toEqual(ports);
  });

  test.each([
    ["", "not how it is written"],
    [":", "not how it is written"],
    ["8080:", "not how it is written"],
    ["8080:80:", "not how it is written"],
    ["::80", "no IP address"],
    ["::1:8080:80", "brackets"],
    ["fe80::1:8080:80", "brackets"],
    ["[fe80::1%eth0]:8080:80", "no IP address"],
    ["[127.0.0.1]:8080:80", "no IP address"],
    ["[::ffff:1.2.3.4]:8080:80", "is written as one"],
    ["localhost:8080:80", '"localhost" is no IP address'],
    ["127.0.0.1:80", '"127.0.0.1" is no port'],
    ["1.2.3.256:8080:80", "no IP address"],
    ["0", "no port"],
    ["8080:0", "no port"],
    ["65536:80", "no port"],
    ["80-79", "no port"],
    ["8080:80/sctp", '"sctp" is neither'],
    ["8080:80/", '"" is neither'],
    ["8000-8001:80", "not equally many"],
    ["8000:80-81", "not equally many"],
    ["0-1:80-81", "no neighbours"],
    ["-1:80", "no port"],
    ["8080:http", "no port"],
    [" 8080:80", "no port"],
  ])("refuses %j: %s", (text, cause) => {
    const fault = faultOf(() => parsePublish(text));
    expect(fault.exitCode).toBe(2);
    expect(fault.what).toBe(`Cannot use --publish ${JSON.stringify(text)}`);
    expect(fault.cause).toContain(cause);
    expect(fault.hint).toContain("8080:80");
  });

  test("10,000 mutated texts: ports in range, or a usage fault", () => {
    const seeds = ["8080:80", "127.0.0.1:8080:80/udp", "[::1]:8000-8010:9000-9010/tcp", "80", "0.0.0.0::53/udp"];
    const next = random(7);
    const texts = Array.from({ length: 10_000 }, (_, i) => mutate(seeds[i % seeds.length] ?? "", next));
    const read = texts.filter(isRead).length;
    expect(read).toBeGreaterThan(100);
    expect(read).toBeLessThan(9000);
  });
});

function isRead(text: string): boolean {
  try {
    for (const { hostPort, sandboxPort } of parsePublish(text)) {
      expect(hostPort).toBeWithin(0, 65_536);
      expect(sandboxPort).toBeWithin(1, 65_536);
    }
    return true;
  } catch (error) {
    expect((error as { readonly fault: { readonly exitCode: number } }).fault.exitCode).toBe(2);
    return false;
  }
}

describe("publishedPorts()", () => {
  const parsed = (...words: readonly string[]) => parseArguments(runCommand, [...words, "true"]);
  const image = (...exposedPorts: readonly ExposedPort[]): RunDefaults => ({
    ...{ env: [], entrypoint: [], cmd: [], user: undefined, workingDir: "/", volumes: [] },
    ...{ exposedPorts, stopSignal: undefined, labels: {} },
  });
  const port = (first: number, protocol: ExposedPort["protocol"] = "tcp", last = first) => ({ first, last, protocol });

  test("all that an image names, but what is named and what cannot be", () => {
    const exposed = image(port(80), port(53, "udp"), port(9000, "tcp", 9001), port(5000, "sctp"));
    const { ports, notes } = publishedPorts(parsed("-P", "-p", "8080:80"), exposed, true);
    expect(ports.map((one) => `${one.hostPort} ${one.sandboxPort}/${one.protocol}`)).toEqual([
      "8080 80/tcp",
      "0 53/udp",
      "0 9000/tcp",
      "0 9001/tcp",
    ]);
    expect(notes).toEqual(["not published: 5000/sctp"]);
  });

  test("nothing named is said", () => {
    expect(publishedPorts(parsed("-P"), undefined, true)).toEqual({
      ports: [],
      notes: ["nothing to publish (--publish-all): the root file system names no ports"],
    });
  });

  test.each([
    ["none", ["-p", "80", "--net", "none"]],
    ["host", ["-P", "--net", "host"]],
  ])("with --net %s it is a mistake that names the mend", (mode, words) => {
    const fault = faultOf(() => publishedPorts(parsed(...words), undefined, false));
    expect(fault.exitCode).toBe(2);
    expect(fault.cause).toContain(`--net ${mode}`);
    expect(fault.hint).toBe("run it without --net: the network that a sandbox has then is our own");
  });
});

describe("bindPorts()", () => {
  test("a port that the kernel chooses is told, and its descriptor is none of those handed on", () => {
    const [port] = bindPorts(parsePublish("80"), 40);
    if (port === undefined) throw new Error("nothing bound");
    using socket = port.socket;
    expect(socket.number).toBeGreaterThanOrEqual(43);
    expect(chosenPorts([port])).toEqual([`published 127.0.0.1:${localEndpoint(socket.number).port} -> 80/tcp`]);
  });

  test.each(["tcp", "udp"] as const)("a busy %s port is named, and those before it are given back", (protocol) => {
    const taken = bindPort(protocol, { address: { family: 4, bytes: Uint8Array.of(127, 0, 0, 1) }, port: 0 });
    if (taken.kind === "failed") throw new Error(`errno ${taken.errno}`);
    using socket = taken.socket;
    const { port } = localEndpoint(socket.number);
    const [free] = bindPorts(parsePublish(`80/${protocol}`), 0);
    const freePort = localEndpoint(free?.socket.number ?? -1).port;
    free?.socket.close();
    const wanted = [...parsePublish(`${freePort}:80/${protocol}`), ...parsePublish(`${port}:80/${protocol}`)];
    const fault = faultOf(() => bindPorts(wanted, 0));
    expect(fault).toMatchObject({
      exitCode: 125,
      what: `Cannot publish 80/${protocol} at 127.0.0.1:${port}`,
      cause: "the port is in use",
    });
    const [again] = bindPorts(parsePublish(`${freePort}:80/${protocol}`), 0);
    again?.socket.close();
    expect(localEndpoint(socket.number).port).toBe(port);
  });

  test("an address that the host has not is named", () => {
    const fault = faultOf(() => bindPorts(parsePublish("192.0.2.1:8080:80"), 0));
    expect(fault.exitCode).toBe(125);
    expect(fault.cause).toBe("no interface of this host has the address 192.0.2.1");
  });
});
