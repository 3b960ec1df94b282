import { describe, expect, test } from "bun:test";
import { formatIpAddress } from "../../../../src/net/wire/ip_address.ts";
import { idOf, query, response } from "../../../fixtures/net/dns.ts";
import { Transcript, tableOf } from "../../../fixtures/net/transcript.ts";

const OWN = "10.0.2.2 host.sandbox.internal\n10.0.2.100 box box.sandbox.internal\nfd00::100 box\n";

describe("what the resolver answers itself", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["A box", "< NOERROR, 10 A 10.0.2.100"],
    ["A BOX.Sandbox.Internal", "< NOERROR, 10 A 10.0.2.100"],
    ["AAAA box", "< NOERROR, 10 AAAA fd00:0:0:0:0:0:0:100"],
    ["AAAA host.sandbox.internal", "< NOERROR"],
    ["TXT box", "< NOERROR"],
    ["ANY box", "< NOERROR, 10 A 10.0.2.100, 10 AAAA fd00:0:0:0:0:0:0:100"],
    ["A other.sandbox.internal", "< NXDOMAIN"],
    ["A localhost", "< NOERROR, 10 A 127.0.0.1"],
    ["AAAA a.localhost", "< NOERROR, 10 AAAA 0:0:0:0:0:0:0:1"],
    ["A _dns.resolver.arpa", "< NOERROR"],
    ["PTR 100.2.0.10.in-addr.arpa", "< NOERROR, 10 PTR box"],
    ["A 100.2.0.10.in-addr.arpa", "< NOERROR"],
    [`PTR 0.0.1.0.${"0.".repeat(24)}0.0.d.f.ip6.arpa`, "< NOERROR, 10 PTR box"],
    ["A printer", "< NOERROR, 10 A 192.168.1.9"],
    ["PTR 9.1.168.192.in-addr.arpa", "< NOERROR, 10 PTR printer.home"],
    ["AXFR box", "< REFUSED"],
  ];
  test.each(cases)("%s: %s", (words, expected) => {
    const transcript = new Transcript({ own: OWN, hosts: "192.168.1.9 printer.home printer\n10.9.9.9 box\n" });
    expect(transcript.ask(words)).toEqual([expected]);
  });

  test("binds its own names to their addresses", () => {
    const transcript = new Transcript({ own: OWN });
    transcript.ask("AAAA Host.Sandbox.Internal");
    expect(transcript.bound).toEqual(["host.sandbox.internal 10.0.2.2 10"]);
  });

  test("what is not IN, not a query, or no message", () => {
    const transcript = new Transcript();
    expect(transcript.ask(query("A a.example", { klass: 3 }))).toEqual(["< REFUSED"]);
    expect(transcript.ask(query("A a.example", { flags: 0x2800 }))).toEqual(["< NOTIMP"]);
    expect(transcript.ask(query("A a.example", { flags: 0x8000 }))).toEqual([]);
    expect(transcript.ask(query("A a.example", { edns: 4096 }).with(-5, 1))).toEqual(["< NOERROR, OPT"]);
    expect(transcript.ask(query("A a.example").subarray(0, 20))).toEqual(["< FORMERR"]);
    expect(transcript.ask(query("A a.example").subarray(0, 11))).toEqual([]);
    expect(transcript.ask(new Uint8Array())).toEqual([]);
  });

  test("an answer has the query's id, question and EDNS", () => {
    const { resolver } = new Transcript({ own: OWN });
    const [plain] = resolver.query(query("A Box", { id: 0xabcd }), "c", "udp", 0);
    const [edns] = resolver.query(query("A Box", { edns: 4096 }), "c", "udp", 0);
    if (plain?.kind !== "answer" || edns?.kind !== "answer") throw new Error("no answer");
    expect(idOf(plain.bytes)).toBe(0xabcd);
    expect(new TextDecoder("latin1").decode(plain.bytes)).toContain("\x03Box\0");
    expect(edns.bytes.length - plain.bytes.length).toBe(11);
  });

  test("what does not fit a datagram has the client come by TCP", () => {
    const own = Array.from({ length: 200 }, (_, at) => `10.1.0.${at} many`).join("\n");
    const transcript = new Transcript({ own });
    expect(transcript.ask("A many")[0]).toStartWith("< NOERROR tc, 10 A 10.1.0.0, ");
    expect(transcript.ask("A many", "tcp")[0]?.split(", ")).toHaveLength(201);
    expect(transcript.ask(query("A many", { edns: 8192 }))[0]?.split(", ")).toHaveLength(202);
  });

  test("learns of new names while it runs", () => {
    const transcript = new Transcript();
    expect(transcript.ask("A peer")).toEqual(["> 192.0.2.53 udp"]);
    transcript.resolver.setOwnNames(tableOf("10.0.2.101 peer"));
    transcript.resolver.setHosts(tableOf("192.168.1.9 printer"));
    expect(transcript.ask("A peer")).toEqual(["< NOERROR, 10 A 10.0.2.101"]);
    expect(transcript.ask("A printer")).toEqual(["< NOERROR, 10 A 192.168.1.9"]);
  });
});

describe("what the resolver forwards", () => {
  test("the first answer goes to the client, under the client's id", () => {
    const transcript = new Transcript();
    expect(transcript.ask("A a.example")).toEqual(["> 192.0.2.53 udp"]);
    expect(transcript.resolver.outstanding).toBe(1);
    expect(idOf(transcript.open[0]?.bytes ?? new Uint8Array())).toBe(transcript.open[0]?.id ?? -1);
    const [send] = transcript.open;
    if (!send) throw new Error("nothing was sent");
    const actions = transcript.resolver.response(send.id, response(send.bytes, ["a.example 60 A 192.0.2.1"]), 1001);
    expect(actions[0]?.kind === "answer" && idOf(actions[0].bytes)).toBe(0x1234);
    expect(transcript.told(actions)).toEqual(["< NOERROR, 60 A 192.0.2.1", "x 192.0.2.53"]);
    expect(transcript.resolver.outstanding).toBe(0);
    expect(transcript.resolver.pollAt).toBeUndefined();
  });

  test("a message is passed on but for its id, EDNS and all", () => {
    const transcript = new Transcript();
    const bytes = query("A a.example", { edns: 1400 });
    transcript.ask(bytes);
    expect(transcript.open[0]?.bytes.subarray(2)).toEqual(bytes.subarray(2));
  });

  test("a silent server: the next is asked, and the first may still answer", () => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    expect(transcript.resolver.pollAt).toBe(2500);
    expect(transcript.wait()).toEqual(["> 192.0.2.54 udp"]);
    expect(transcript.reply(["a.example 60 A 192.0.2.1"])).toEqual([
      "< NOERROR, 60 A 192.0.2.1",
      "x 192.0.2.53",
      "x 192.0.2.54",
    ]);
  });

  test("a server that was silent is asked last for a while", () => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    transcript.wait();
    transcript.reply([], { to: transcript.open[1] });
    expect(transcript.ask("A b.example")).toEqual(["> 192.0.2.54 udp"]);
    transcript.now += 30_000;
    expect(transcript.ask("A c.example")).toEqual(["> 192.0.2.53 udp"]);
  });

  test("nobody answers: each server twice, then SERVFAIL", () => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    expect(transcript.wait()).toEqual(["> 192.0.2.54 udp"]);
    expect(transcript.wait()).toEqual(["> 192.0.2.53 udp"]);
    expect(transcript.wait()).toEqual(["> 192.0.2.54 udp"]);
    expect(transcript.wait()).toEqual(["< SERVFAIL", "x 192.0.2.53", "x 192.0.2.54", "x 192.0.2.53", "x 192.0.2.54"]);
    expect(transcript.now).toBe(1000 + 3 * 1500 + 5000);
  });

  test("options of resolv.conf: one attempt of two seconds", () => {
    const transcript = new Transcript({ resolvConf: "nameserver 192.0.2.53\noptions attempts:1 timeout:2\n" });
    transcript.ask("A a.example");
    expect(transcript.wait()).toEqual(["< SERVFAIL", "x 192.0.2.53"]);
    expect(transcript.now).toBe(3000);
  });

  test("options rotate and use-vc", () => {
    const transcript = new Transcript({
      resolvConf: "nameserver 192.0.2.53\nnameserver 192.0.2.54\noptions rotate use-vc\n",
    });
    expect(transcript.ask("A a.example")).toEqual(["> 192.0.2.53 tcp"]);
    expect(transcript.ask("A b.example")).toEqual(["> 192.0.2.54 tcp"]);
    const many = Array.from({ length: 100 }, (_, at) => `a.example 60 A 192.0.2.${at}`);
    expect(transcript.reply(many)).toEqual(["< NOERROR tc", "x 192.0.2.53"]);
  });

  test.each([
    ["FORMERR", 1],
    ["SERVFAIL", 2],
    ["NOTIMP", 4],
    ["REFUSED", 5],
  ])("%s: the next server is asked at once, and the error told when all say so", (name, rcode) => {
    const transcript = new Transcript({
      resolvConf: "nameserver 192.0.2.53\nnameserver 192.0.2.54\noptions attempts:1\n",
    });
    transcript.ask("A a.example");
    expect(transcript.reply([], { rcode })).toEqual(["x 192.0.2.53", "> 192.0.2.54 udp"]);
    expect(transcript.reply([], { rcode })).toEqual(["x 192.0.2.54", `< ${name}`]);
  });

  test("NXDOMAIN is an answer", () => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    expect(transcript.reply([], { rcode: 3 })).toEqual(["< NXDOMAIN", "x 192.0.2.53"]);
  });

  test("a server that is not there: the next at once", () => {
    const transcript = new Transcript({
      resolvConf: "nameserver 192.0.2.53\nnameserver 192.0.2.54\noptions attempts:1\n",
    });
    transcript.ask("A a.example");
    expect(transcript.fail()).toEqual(["x 192.0.2.53", "> 192.0.2.54 udp"]);
    expect(transcript.fail()).toEqual(["x 192.0.2.54", "< SERVFAIL"]);
  });

  test("the last try failed, an earlier one is still waited for", () => {
    const transcript = new Transcript({
      resolvConf: "nameserver 192.0.2.53\nnameserver 192.0.2.54\noptions attempts:1\n",
    });
    transcript.ask("A a.example");
    transcript.wait();
    expect(transcript.fail(transcript.open[1])).toEqual(["x 192.0.2.54"]);
    expect(transcript.reply(["a.example 60 A 192.0.2.1"])).toEqual(["< NOERROR, 60 A 192.0.2.1", "x 192.0.2.53"]);
  });

  test("without servers: SERVFAIL", () => {
    expect(new Transcript({ resolvConf: "" }).ask("A a.example")).toEqual(["< SERVFAIL"]);
  });

  test("a truncated answer is passed on, and the client comes by TCP", () => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    expect(transcript.reply([], { truncated: true })).toEqual(["< NOERROR tc", "x 192.0.2.53"]);
    expect(transcript.ask("A a.example", "tcp")).toEqual(["> 192.0.2.53 tcp"]);
    expect(transcript.reply(["a.example 60 A 192.0.2.1"])).toEqual(["< NOERROR, 60 A 192.0.2.1", "x 192.0.2.53"]);
  });

  test("an answer cut in the middle of a record is a truncated one", () => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    const [send] = transcript.open;
    const cut = response(send?.bytes ?? new Uint8Array(), ["a.example 60 A 192.0.2.1"], { truncated: true }).slice(
      0,
      -2,
    );
    expect(transcript.told(transcript.resolver.response(send?.id ?? 0, cut, 0))).toEqual([
      "< NOERROR tc",
      "x 192.0.2.53",
    ]);
  });

  test("no server takes TCP: UDP, unless that is truncated again", () => {
    const transcript = new Transcript({ resolvConf: "nameserver 192.0.2.53\n" });
    transcript.ask("A a.example", "tcp");
    expect(transcript.fail()).toEqual(["x 192.0.2.53", "> 192.0.2.53 udp"]);
    expect(transcript.reply([], { truncated: true })).toEqual(["x 192.0.2.53", "< SERVFAIL"]);
  });

  test("a query that is sent again while it waits is not asked twice", () => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    expect(transcript.ask("A a.example")).toEqual([]);
    expect(transcript.ask("AAAA a.example")).toEqual(["> 192.0.2.53 udp"]);
    expect(transcript.ask("A a.example", "udp", "another client")).toEqual(["> 192.0.2.53 udp"]);
  });

  test("more than 512 queries at a time are not taken", () => {
    const transcript = new Transcript();
    for (let at = 0; at < 512; at++) expect(transcript.ask(`A ${at}.example`)).toEqual(["> 192.0.2.53 udp"]);
    expect(transcript.ask("A a.example")).toEqual(["< SERVFAIL"]);
    expect(new Set(transcript.open.map(({ id }) => id)).size).toBe(512);
  });

  test("other resolvers: what waits is asked of them", () => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    const [old] = transcript.open;
    expect(transcript.setServers("nameserver 198.51.100.1\n")).toEqual(["x 192.0.2.53", "> 198.51.100.1 udp"]);
    expect(old && transcript.resolver.response(old.id, response(old.bytes, []), 0)).toEqual([]);
    expect(transcript.reply(["a.example 60 A 192.0.2.1"])).toEqual(["< NOERROR, 60 A 192.0.2.1", "x 198.51.100.1"]);
    expect(transcript.ask("A b.example")).toEqual(["> 198.51.100.1 udp"]);
    expect(transcript.setServers("")).toEqual(["x 198.51.100.1", "< SERVFAIL"]);
  });
});

describe("what is no answer", () => {
  const forged: readonly (readonly [string, (sent: Uint8Array) => Uint8Array])[] = [
    ["another id inside", (sent) => response(sent, []).with(0, (sent[0] ?? 0) ^ 1)],
    ["another name", (sent) => response(query("A b.example", { id: idOf(sent) }), [])],
    ["another type", (sent) => response(query("AAAA a.example", { id: idOf(sent) }), [])],
    ["another class", (sent) => response(query("A a.example", { id: idOf(sent), klass: 3 }), [])],
    ["a query", (sent) => sent],
    ["an opcode", (sent) => response(sent, []).with(2, 0x91)],
    ["half a message", (sent) => response(sent, ["a.example 60 A 192.0.2.1"]).slice(0, -2)],
    ["nothing", () => new Uint8Array()],
  ];
  test.each(forged)("%s: the true one is still waited for", (_what, forge) => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    const [send] = transcript.open;
    if (!send) throw new Error("nothing was sent");
    expect(transcript.resolver.response(send.id, forge(send.bytes), 1001)).toEqual([]);
    expect(transcript.resolver.response((send.id + 1) % 65536, response(send.bytes, []), 1001)).toEqual([]);
    expect(transcript.reply(["a.example 60 A 192.0.2.1"])).toEqual(["< NOERROR, 60 A 192.0.2.1", "x 192.0.2.53"]);
  });

  test("letters of another case are the same name", () => {
    const transcript = new Transcript();
    transcript.ask("A A.Example");
    const [send] = transcript.open;
    const lower = response(query("A a.example", { id: send?.id ?? 0 }), []);
    expect(transcript.told(transcript.resolver.response(send?.id ?? 0, lower, 0))).toEqual([
      "< NOERROR",
      "x 192.0.2.53",
    ]);
  });
});

describe("with a policy", () => {
  test("a name that may not be asked for is refused, one of our own never", () => {
    const transcript = new Transcript({
      own: OWN,
      hosts: "192.168.1.9 printer",
      hooks: { allowsQuery: (name) => name === "a.example" },
    });
    expect(transcript.ask("A b.example")).toEqual(["< REFUSED"]);
    expect(transcript.ask("A printer")).toEqual(["< REFUSED"]);
    expect(transcript.ask("A box")).toEqual(["< NOERROR, 10 A 10.0.2.100"]);
    expect(transcript.ask("A A.EXAMPLE")).toEqual(["> 192.0.2.53 udp"]);
  });

  test("what is told is bound, along CNAMEs, to the name that was asked for", () => {
    const transcript = new Transcript();
    transcript.ask("A A.Example");
    transcript.reply([
      "c.example 30 A 192.0.2.3",
      "A.example 60 CNAME b.example",
      "B.example 60 CNAME c.example",
      "stranger.example 60 A 192.0.2.66",
    ]);
    expect(transcript.bound).toEqual(["a.example 192.0.2.3 30"]);
  });

  test("CNAMEs in a circle bind nothing", () => {
    const transcript = new Transcript();
    transcript.ask("A a.example");
    transcript.reply(["a.example 60 CNAME b.example", "b.example 60 CNAME a.example"]);
    expect(transcript.bound).toEqual([]);
  });

  const hooks = {
    admitsAddress: (_name: string, address: Parameters<typeof formatIpAddress>[0]) =>
      formatIpAddress(address) !== "127.0.0.1",
  };

  test("an address that may not be told is left out", () => {
    const transcript = new Transcript({ hooks });
    transcript.ask("A a.example");
    const records = ["a.example 60 CNAME b.example", "b.example 60 A 127.0.0.1", "b.example 60 A 192.0.2.1"];
    expect(transcript.reply(records)).toEqual(["< NOERROR, 60 CNAME b.example, 60 A 192.0.2.1", "x 192.0.2.53"]);
    expect(transcript.bound).toEqual(["a.example 192.0.2.1 60"]);
  });

  test("without an address that may be told, the name is refused", () => {
    const transcript = new Transcript({ hooks });
    transcript.ask("A a.example");
    expect(transcript.reply(["a.example 60 A 127.0.0.1"])).toEqual(["< REFUSED", "x 192.0.2.53"]);
    expect(transcript.bound).toEqual([]);
  });

  test("nor under another owner, for clients that do not look at it", () => {
    const transcript = new Transcript({ hooks });
    transcript.ask("A a.example");
    expect(transcript.reply(["b.example 60 A 127.0.0.1"])).toEqual(["< REFUSED", "x 192.0.2.53"]);
  });

  test("records of services are withheld where names are watched", () => {
    expect(new Transcript({ withholdServiceBindings: true }).ask("HTTPS a.example")).toEqual(["< NOERROR"]);
    expect(new Transcript().ask("HTTPS a.example")).toEqual(["> 192.0.2.53 udp"]);
  });
});
