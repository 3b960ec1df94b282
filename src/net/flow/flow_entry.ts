// What a log says of a flow, when it has ended or was stopped: a line of JSON.
import type { Flow } from "../policy/decide.ts";
import { formatIpAddress, type IpAddress } from "../wire/ip_address.ts";

export type FlowEntry = {
  /** When it began, RFC 3339. */
  readonly time: string;
  /** `in`: by a published port; address and port are the client's. */
  readonly direction: "out" | "in";
  readonly protocol: Flow["protocol"];
  /** What our own name server has called the address; `null` where it has not. */
  readonly name: string | null;
  readonly address: string;
  /** `null` for echo requests. */
  readonly port: number | null;
  /** Of a flow that came in: where it led. */
  readonly sandboxPort?: number;
  readonly verdict: "allowed" | "denied";
  /** Why it was denied. */
  readonly reason?: string;
  /** `null` for connections that bypass the stack (src/net/fast), which have an entry when they begin and none when they end. */
  readonly bytesOut: number | null;
  readonly bytesIn: number | null;
  /** Milliseconds. */
  readonly duration: number | null;
};

export type Traffic = {
  readonly bytesOut: number;
  readonly bytesIn: number;
  /** On the stack's clock, in milliseconds. */
  readonly began: number;
};

export type Target = {
  readonly protocol: Flow["protocol"];
  readonly address: IpAddress;
  readonly port: number;
  readonly names: readonly string[];
  /** Of a flow that came in. */
  readonly sandboxPort?: number;
};

/** `time`: when it began, in milliseconds since 1970. */
export function flowEntry(
  { protocol, address, port, names, sandboxPort }: Target,
  time: number,
  { bytesOut, bytesIn, duration }: Pick<FlowEntry, "bytesOut" | "bytesIn" | "duration">,
  denial?: string,
): FlowEntry {
  return {
    time: new Date(time).toISOString(),
    direction: sandboxPort === undefined ? "out" : "in",
    protocol,
    name: names[0] ?? null,
    address: formatIpAddress(address),
    port: protocol === "icmp" ? null : port,
    ...(sandboxPort === undefined ? {} : { sandboxPort }),
    verdict: denial === undefined ? "allowed" : "denied",
    ...(denial === undefined ? {} : { reason: denial }),
    bytesOut,
    bytesIn,
    duration: duration === null ? null : Math.round(duration),
  };
}
