import { expect, test } from "bun:test";
import { ERRNO } from "../../../ffi/errno.ts";
import { Fd } from "../../../ffi/fd.ts";
import { read, writeAll } from "../../../ffi/file.ts";
import { pipe, socketPair } from "../../../ffi/pipe.ts";
import { type Message, MOST_DESCRIPTORS, receiveMessage, sendMessage } from "../../../ffi/unix_message.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function came(message: Message) {
  if (message.kind !== "message") throw new Error(`${message.kind}`);
  return { ...message, text: new TextDecoder().decode(message.bytes) };
}

test("messages come one by one, with their descriptors, and then the end", () => {
  const { ours, theirs } = socketPair("messages");
  const { read: reader, write: writer } = pipe("pipe");
  expect(sendMessage(ours.number, bytes("one"))).toBe(0);
  expect(sendMessage(ours.number, bytes("two"), [writer.number, writer.number])).toBe(0);
  ours.close();
  expect(came(receiveMessage(theirs.number, 100))).toMatchObject({ text: "one", fds: [], isWhole: true });
  const { text, fds, isWhole } = came(receiveMessage(theirs.number, 100));
  expect({ text, count: fds.length, isWhole }).toEqual({ text: "two", count: 2, isWhole: true });
  for (const fd of fds) writeAll(fd.number, "pipe", bytes("x"));
  const into = new Uint8Array(9);
  expect(read(reader.number, "pipe", into)).toBe(2);
  expect(receiveMessage(theirs.number, 100)).toEqual({ kind: "end" });
  for (const fd of [theirs, reader, writer, ...fds]) fd.close();
});

test("what is cut off is said to be", () => {
  const { ours, theirs } = socketPair("messages");
  sendMessage(ours.number, bytes("too long"));
  expect(came(receiveMessage(theirs.number, 3))).toMatchObject({ text: "too", isWhole: false });
  expect(receiveMessage(theirs.number, 3)).toEqual({ kind: "failed", errno: ERRNO.EAGAIN });
  ours.close();
  theirs.close();
});

test("as many descriptors as a message takes", () => {
  const { ours, theirs } = socketPair("messages");
  const many = Array<number>(MOST_DESCRIPTORS).fill(0);
  expect(sendMessage(ours.number, bytes("x"), [...many, 0])).toBe(-ERRNO.EINVAL);
  expect(sendMessage(ours.number, bytes("x"), many)).toBe(0);
  const { fds, isWhole } = came(receiveMessage(theirs.number, 10));
  expect(fds.length).toBe(MOST_DESCRIPTORS);
  expect(isWhole).toBe(true);
  for (const fd of [...fds, ours, theirs]) fd.close();
  expect(sendMessage(new Fd(0).dup().number, bytes("x"))).toBe(-ERRNO.ENOTSOCK);
});
