// What is said at a sandbox's control socket: one JSON object a message, an answer for each request. Pure.
import { formatIpAddress, type IpAddress, parseIpAddress } from "../net/wire/ip_address.ts";
import { Fields, readJson } from "./fields.ts";

export type PortProtocol = "tcp" | "udp";

/** A port of the host's. */
export type HostEnd = { readonly protocol: PortProtocol; readonly address: IpAddress; readonly hostPort: number };
export type PortPair = HostEnd & { readonly sandboxPort: number };

export type ControlRequest =
  /** Those from the `from`th on. */
  | { readonly kind: "ports"; readonly from: number }
  /** A descriptor goes along for each: a socket that listens, or is bound, at a port of the host's. */
  | { readonly kind: "publish"; readonly ports: readonly Inside[] }
  /** What is not there any more is no mistake. */
  | { readonly kind: "unpublish"; readonly ports: readonly HostEnd[] };
export type Inside = { readonly protocol: PortProtocol; readonly sandboxPort: number };

export type ControlAnswer =
  /** `next`: where to go on, when there are more. */
  | { readonly kind: "ports"; readonly ports: readonly PortPair[]; readonly next: number | undefined }
  | { readonly kind: "done" }
  | { readonly kind: "refused"; readonly cause: string };

/** What one message is about, at most: no more than a message takes descriptors. */
export const MOST_PORTS = 250;
export const LARGEST_MESSAGE = 1 << 16;
const LARGEST_PORT = 65_535;
const PROTOCOLS = ["tcp", "udp"] as const;
const ADDRESS = /^[0-9a-f.:]{2,45}$/;
const CAUSE = /^[^\p{Cc}]{0,1000}$/u;

export function formatRequest(request: ControlRequest): Uint8Array {
  return bytesOf(request.kind === "unpublish" ? { ...request, ports: request.ports.map(written) } : request);
}

export function formatAnswer(answer: ControlAnswer): Uint8Array {
  return bytesOf(answer.kind === "ports" ? { ...answer, ports: answer.ports.map(written) } : answer);
}

/** `undefined` for what is none. */
export function parseRequest(bytes: Uint8Array): ControlRequest | undefined {
  return readJson(new TextDecoder().decode(bytes), (fields): ControlRequest => {
    const kind = fields.oneOf("kind", ["ports", "publish", "unpublish"]);
    switch (kind) {
      case "ports":
        return { kind, from: fields.number("from", 0, Number.MAX_SAFE_INTEGER) };
      case "publish":
        return { kind, ports: fields.list("ports", MOST_PORTS, (port) => insideOf(new Fields(port))) };
      case "unpublish":
        return { kind, ports: fields.list("ports", MOST_PORTS, (port) => hostEndOf(new Fields(port))) };
    }
  });
}

/** `undefined` for what is none. */
export function parseAnswer(bytes: Uint8Array): ControlAnswer | undefined {
  return readJson(new TextDecoder().decode(bytes), (fields): ControlAnswer => {
    const kind = fields.oneOf("kind", ["ports", "done", "refused"]);
    switch (kind) {
      case "ports":
        return {
          kind,
          ports: fields.list("ports", MOST_PORTS, (port) => pairOf(new Fields(port))),
          next: fields.has("next") ? fields.number("next", 1, Number.MAX_SAFE_INTEGER) : undefined,
        };
      case "done":
        return { kind };
      case "refused":
        return { kind, cause: fields.text("cause", CAUSE) };
    }
  });
}

export function sameHostEnd(a: HostEnd, b: HostEnd): boolean {
  return (
    a.protocol === b.protocol && a.hostPort === b.hostPort && formatIpAddress(a.address) === formatIpAddress(b.address)
  );
}

function written({ address, ...port }: HostEnd): object {
  return { ...port, address: formatIpAddress(address) };
}

function insideOf(fields: Fields): Inside {
  return {
    protocol: fields.oneOf("protocol", PROTOCOLS),
    sandboxPort: fields.number("sandboxPort", 1, LARGEST_PORT),
  };
}

function hostEndOf(fields: Fields): HostEnd {
  const address = parseIpAddress(fields.text("address", ADDRESS));
  return {
    protocol: fields.oneOf("protocol", PROTOCOLS),
    address: address ?? fields.refuse("address"),
    hostPort: fields.number("hostPort", 1, LARGEST_PORT),
  };
}

function pairOf(fields: Fields): PortPair {
  return { ...hostEndOf(fields), ...insideOf(fields) };
}

function bytesOf(value: object): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
