import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ERRNO } from "../../../ffi/errno.ts";
import { Fd } from "../../../ffi/fd.ts";
import { read, writeAll } from "../../../ffi/file.ts";
import { pipe, socketPair } from "../../../ffi/pipe.ts";
import { listen } from "../../../ffi/socket.ts";
import { MOST_DESCRIPTORS, type Received, receiveFd, receiveMessage, sendMessage } from "../../../ffi/unix_message.ts";
import { bindUnix, connectUnix, openPacketSocket } from "../../../ffi/unix_socket.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function came(message: Received) {
  if (message.kind !== "message") throw new Error(`${message.kind}`);
  return { ...message, text: new TextDecoder().decode(message.bytes) };
}

test("messages come one by one, with their descriptors, and then the end", () => {
  const { ours, theirs } = socketPair("messages");
  const { read: reader, write: writer } = pipe("pipe");
  expect(sendMessage(ours.number, bytes("one"))).toBe(0);
  expect(sendMessage(ours.number, bytes("two"), [writer.number, writer.number])).toBe(0);
  ours.close();
  expect(came(receiveMessage(theirs.number, 100))).toMatchObject({ text: "one", fds: [] });
  const { text, fds } = came(receiveMessage(theirs.number, 100));
  expect({ text, count: fds.length }).toEqual({ text: "two", count: 2 });
  for (const fd of fds) writeAll(fd.number, "pipe", bytes("x"));
  const into = new Uint8Array(9);
  expect(read(reader.number, "pipe", into)).toBe(2);
  expect(receiveMessage(theirs.number, 100)).toEqual({ kind: "end" });
  for (const fd of [theirs, reader, writer, ...fds]) fd.close();
});

test("what is larger is gone, and none of its descriptors stays", () => {
  const { ours, theirs } = socketPair("messages");
  const { read: reader, write: writer } = pipe("pipe");
  sendMessage(ours.number, bytes("too long"), [writer.number]);
  sendMessage(ours.number, bytes("too"), [writer.number, writer.number, writer.number]);
  sendMessage(ours.number, bytes("not"), [writer.number]);
  writer.close();
  const tooLarge = { kind: "failed", errno: ERRNO.EMSGSIZE } as const;
  expect(receiveMessage(theirs.number, 3)).toEqual(tooLarge);
  expect(receiveMessage(theirs.number, 3, 2)).toEqual(tooLarge);
  const { text, fds } = came(receiveMessage(theirs.number, 3, 1));
  expect({ text, count: fds.length }).toEqual({ text: "not", count: 1 });
  for (const fd of [...fds, ours, theirs]) fd.close();
  // The last writer has gone.
  expect(read(reader.number, "pipe", new Uint8Array(1))).toBe(0);
  reader.close();
});

test("where none waits, one that does not wait says so", () => {
  using socket = openPacketSocket("returns");
  using listener = openPacketSocket();
  const folder = mkdtempSync(join(tmpdir(), "sandbox-message-"));
  const path = join(folder, "socket");
  expect([bindUnix(listener.number, path), listen(listener.number, 1)]).toEqual([0, 0]);
  expect(connectUnix(socket.number, path)).toBe(0);
  rmSync(folder, { recursive: true });
  expect(receiveMessage(socket.number, 3)).toEqual({ kind: "failed", errno: ERRNO.EAGAIN });
});

test("one descriptor, or it is said for what there is none", () => {
  const { ours, theirs } = socketPair("messages");
  const { read: reader, write: writer } = pipe("pipe");
  sendMessage(ours.number, bytes("x"), [writer.number]);
  sendMessage(ours.number, bytes("x"));
  const came = receiveFd(theirs, "pipe's end");
  writeAll(came.number, "pipe", bytes("x"));
  expect(read(reader.number, "pipe", new Uint8Array(9))).toBe(1);
  expect(() => receiveFd(theirs, "pipe's end")).toThrow("no descriptor came for the pipe's end");
  ours.close();
  expect(() => receiveFd(theirs, "pipe's end")).toThrow("no descriptor came for the pipe's end");
  expect(() => receiveFd(reader, "pipe's end")).toThrow("recvmsg pipe's end: ENOTSOCK");
  for (const fd of [theirs, reader, writer, came]) fd.close();
});

test("as many descriptors as a message takes", () => {
  const { ours, theirs } = socketPair("messages");
  const many = Array<number>(MOST_DESCRIPTORS).fill(0);
  expect(sendMessage(ours.number, bytes("x"), [...many, 0])).toBe(-ERRNO.EINVAL);
  expect(sendMessage(ours.number, bytes("x"), many)).toBe(0);
  const { fds } = came(receiveMessage(theirs.number, 10));
  expect(fds.length).toBe(MOST_DESCRIPTORS);
  for (const fd of [...fds, ours, theirs]) fd.close();
  expect(sendMessage(new Fd(0).dup().number, bytes("x"))).toBe(-ERRNO.ENOTSOCK);
});
