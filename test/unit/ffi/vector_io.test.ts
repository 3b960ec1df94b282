import { describe, expect, test } from "bun:test";
import { ERRNO } from "../../../ffi/errno.ts";
import { address } from "../../../ffi/libc.ts";
import { PinnedBuffer } from "../../../ffi/pinned_buffer.ts";
import { pipe, socketPair } from "../../../ffi/pipe.ts";
import { IoVector } from "../../../ffi/vector_io.ts";

function text(...words: readonly string[]): readonly Uint8Array[] {
  return words.map((word) => new TextEncoder().encode(word));
}

describe("IoVector", () => {
  test("writes pieces in order by one call, and reads into pieces", () => {
    const { read, write } = pipe("test");
    using r = read;
    using w = write;
    const out = new IoVector(4);
    expect(out.addAll(text("head", "", "er", "payload"))).toBe(4);
    expect([out.count, out.length]).toEqual([3, 13]);
    expect(out.write(w.number)).toBe(13);
    const into = [new Uint8Array(5), new Uint8Array(2000), new Uint8Array(3)] as const;
    const back = new IoVector(3);
    back.addAll(into);
    expect(back.read(r.number)).toBe(13);
    expect(Buffer.concat([into[0], into[1].subarray(0, 8)]).toString()).toBe("headerpayload");
  });

  test("pinned memory goes by address and offset", () => {
    const { read, write } = pipe("test");
    using r = read;
    using w = write;
    const block = new PinnedBuffer(64);
    block.bytes.set(text("0123456789")[0] ?? []);
    const vector = new IoVector(2);
    vector.addAt(block.address + 2, 3);
    vector.addAt(block.address + 8, 2);
    expect(vector.write(w.number)).toBe(5);
    vector.clear();
    vector.addAt(block.address + 32, 16);
    expect(vector.read(r.number)).toBe(5);
    expect(Buffer.from(block.bytes.subarray(32, 37)).toString()).toBe("23489");
  });

  test("the address of a PinnedBuffer stays after its buffer was asked for, however small it is", () => {
    const block = new PinnedBuffer(8);
    const view = block.bytes.subarray(3);
    Bun.gc(true);
    expect([address(block.bytes), address(view)]).toEqual([block.address, block.address + 3]);
  });

  test("takes no more pieces than it has room for", () => {
    const vector = new IoVector(2);
    expect(vector.addAll(text("a", "b", "c"))).toBe(2);
    expect(vector.isFull).toBe(true);
    expect(() => vector.add(Uint8Array.of(1))).toThrow(RangeError);
    vector.clear();
    expect([vector.count, vector.length, vector.isFull]).toEqual([0, 0, false]);
  });

  test("on sockets nothing waits, and a peer that has gone is EPIPE and no signal", () => {
    const { ours, theirs } = socketPair("test");
    using socket = ours;
    const vector = new IoVector(2);
    vector.addAll(text("ab", "c"));
    expect(vector.receive(socket.number)).toBe(-ERRNO.EAGAIN);
    expect(vector.send(socket.number)).toBe(3);
    expect(new IoVector(1).receive(theirs.number)).toBe(0);
    theirs.close();
    expect(vector.send(socket.number)).toBe(-ERRNO.EPIPE);
  });
});
