import { expect, test } from "bun:test";
import { FrameWriter } from "../../../../src/net/flow/frame_writer.ts";
import { type Quoted, sendTooBig } from "../../../../src/net/flow/unreachable.ts";
import { parseEthernet } from "../../../../src/net/wire/ethernet.ts";
import { ICMPV4_UNREACHABLE, parseIcmpv4 } from "../../../../src/net/wire/icmpv4.ts";
import { parseIcmpv6 } from "../../../../src/net/wire/icmpv6.ts";
import { parseIp, parseQuotedIp } from "../../../../src/net/wire/ip.ts";
import { IP_PROTOCOL, type IpPacket } from "../../../../src/net/wire/ip_packet.ts";
import { parseUdp } from "../../../../src/net/wire/udp.ts";
import { FakeDevice } from "../../../support/fake_device.ts";
import { OURS, THEIRS, udp } from "./sandbox_frames.ts";
import { ipAddress } from "./stack_bench.ts";

/** What goes out that says so of a datagram from `source` to `destination`. */
function tooBig(source: string, destination: string, mtu: number): IpPacket {
  const device = new FakeDevice();
  const route = { source: ipAddress(source), destination: ipAddress(destination) };
  const quoted: Quoted = { route, protocol: IP_PROTOCOL.UDP, payload: udp(53, new Uint8Array(), 4000) };
  sendTooBig(new FrameWriter(device, OURS, THEIRS), quoted, mtu);
  device.close();
  const packet = parseIp(parseEthernet(device.written[0] ?? new Uint8Array())?.payload ?? new Uint8Array());
  if (packet === undefined) throw new Error("no packet");
  return packet;
}

function portsIn(invokingPacket: Uint8Array): readonly unknown[] {
  const quoted = parseQuotedIp(invokingPacket);
  const datagram = quoted && parseUdp(quoted.payload);
  return [datagram?.sourcePort, datagram?.destinationPort];
}

test("IPv4: fragmentation needed, with the MTU of the way, to who sent what was too big", () => {
  const packet = tooBig("10.0.2.100", "192.0.2.9", 1280);
  expect([packet.source, packet.destination]).toEqual([ipAddress("192.0.2.9"), ipAddress("10.0.2.100")]);
  const message = parseIcmpv4(packet.payload);
  if (message?.kind !== "destination-unreachable") throw new Error("another message");
  expect([message.code, message.nextHopMtu]).toEqual([ICMPV4_UNREACHABLE.FRAGMENTATION_NEEDED, 1280]);
  expect(portsIn(message.invokingPacket)).toEqual([4000, 53]);
});

test("IPv6: packet too big", () => {
  const packet = tooBig("fd00::100", "2001:db8::9", 1400);
  expect([packet.source, packet.destination]).toEqual([ipAddress("2001:db8::9"), ipAddress("fd00::100")]);
  const message = parseIcmpv6(packet.payload, packet);
  if (message?.kind !== "packet-too-big") throw new Error("another message");
  expect(message.mtu).toBe(1400);
  expect(portsIn(message.invokingPacket)).toEqual([4000, 53]);
});
