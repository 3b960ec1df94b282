import { describe, expect, test } from "bun:test";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";
import { established, PLAIN } from "./support/transcript.ts";

const SACK = { maximumSegmentSize: 100, sackPermitted: true };

describe("acknowledgments", () => {
  test("wait for 40 ms after one segment that is not pushed", () => {
    established().send(". 1:51(50) ack 1").expect().waitForTimer(40).expect(". 1:1(0) ack 51").expect();
  });

  test("come at once after two full segments", () => {
    established().send(". 1:101(100) ack 1").expect().send(". 101:201(100) ack 1").expect(". 1:1(0) ack 201");
  });

  test("come at once after a super-segment", () => {
    established().send(". 1:301(300) ack 1").expect(". 1:1(0) ack 301");
  });

  test("come at once for what is pushed, until the host is seen to answer", () => {
    const transcript = established().send("P. 1:2(1) ack 1").expect(". 1:1(0) ack 2");
    transcript.send("P. 2:3(1) ack 1").write(1).expect("P. 1:2(1) ack 3");
    transcript.send("P. 3:4(1) ack 2").expect().write(1).expect("P. 2:3(1) ack 4");
    transcript.send("P. 4:5(1) ack 3").expect().waitForTimer(40).expect(". 3:3(0) ack 5");
    transcript.send("P. 5:6(1) ack 3").expect(". 3:3(0) ack 6");
  });

  test("ride on data", () => {
    const transcript = established().send(". 1:51(50) ack 1").write(3).expect("P. 1:4(3) ack 51");
    expect(transcript.wait(40).expect().connection.pollAt).toBe(1200);
  });
});

describe("reassembly", () => {
  test("bytes ahead are kept and told, the latest first", () => {
    const transcript = established({}, SACK).send(". 11:21(10) ack 1").expect(". 1:1(0) ack 1 sack 11:21");
    transcript.send(". 31:41(10) ack 1").expect(". 1:1(0) ack 1 sack 31:41 sack 11:21");
    transcript.send(". 51:61(10) ack 1").send(". 71:81(10) ack 1");
    transcript.expect(". 1:1(0) ack 1 sack 71:81 sack 51:61 sack 31:41 sack 11:21");
    transcript.send(". 16:36(20) ack 1").expect(". 1:1(0) ack 1 sack 11:41 sack 71:81 sack 51:61");
    transcript.send(". 1:11(10) ack 1").expect(". 1:1(0) ack 41 sack 71:81 sack 51:61").read(30);
    transcript.send(". 1:101(100) ack 1").expect(". 1:1(0) ack 101");
    expect(transcript.received).toBe(100);
  });

  test("without the option nothing is told, but all is kept", () => {
    const transcript = established().send(". 11:21(10) ack 1").expect(". 1:1(0) ack 1");
    transcript.send(". 1:11(10) ack 1").expect(". 1:1(0) ack 21").read(10);
    expect(transcript.received).toBe(20);
  });

  test("what has come before is cut off", () => {
    const transcript = established().send("P. 1:6(5) ack 1").send("P. 3:9(6) ack 1").expect(". 1:1(0) ack 9");
    transcript.send("P. 1:9(8) ack 1").expect(". 1:1(0) ack 9");
    expect(transcript.received).toBe(8);
  });

  test("more ranges than are kept have to come again", () => {
    const transcript = established();
    for (let at = 11; at < 11 + 200 * 2; at += 2) transcript.send(`. ${at}:${at + 1}(1) ack 1`);
    transcript.send(". 1:11(10) ack 1").expect(". 1:1(0) ack 12");
    for (let at = 12; at < 500; at += 4) transcript.send(`. ${at}:${at + 4}(4) ack 1`);
    transcript.read(transcript.connection.readableLength);
    expect(transcript.received).toBe(499);
  });
});

describe("the window", () => {
  test("closes as the host stops, and opens when half of it is free", () => {
    const transcript = established({ receiveLimit: 400 });
    transcript.appetite = 0;
    transcript.send(". 1:301(300) ack 1");
    expect(transcript.segments()).toMatchObject([{ window: 100 }]);
    transcript.send(". 301:501(200) ack 1");
    expect(transcript.segments()).toMatchObject([{ window: 0 }]);
    expect(transcript.connection.readableLength).toBe(400);
    transcript.read(99).expect().read(1);
    expect(transcript.segments()).toMatchObject([{ window: 100, payloadLength: 0 }]);
  });

  test("is not narrowed from the right", () => {
    const transcript = established({ receiveLimit: 400 });
    transcript.appetite = 0;
    for (let at = 1; at < 400; at += 50) {
      transcript.send(`. ${at}:${at + 50}(50) ack 1`).wait(40);
      for (const { window } of transcript.segments()) expect(window).toBe(Math.max(0, 400 - (at + 50 - 1)));
    }
    expect(transcript.connection.readableLength).toBe(400);
  });

  test("all that was told is taken, though the scale is coarse", () => {
    const transcript = established({ receiveLimit: 1 << 20 }, { ...PLAIN, windowScale: 0 });
    transcript.appetite = 0;
    let nxt = 1;
    for (let told = 65_535; told > 0; ) {
      const length = Math.min(told, 9973);
      transcript.send(`. ${nxt}:${nxt + length}(${length}) ack 1`).wait(40);
      nxt += length;
      told -= length;
      for (const { window } of transcript.segments()) told = window << 5;
      expect(transcript.connection.readableLength).toBe(nxt - 1);
    }
    expect(nxt).toBeGreaterThan((1 << 20) - 32);
    transcript.read(1 << 19);
    expect(transcript.segments()).toMatchObject([{ payloadLength: 0, window: 1 << 14 }]);
  });

  test("a probe of a closed window is answered, with data or without", () => {
    const transcript = established({ receiveLimit: 100 });
    transcript.appetite = 0;
    transcript.send(". 1:101(100) ack 1").expect(". 1:1(0) ack 101");
    transcript.send(". 101:102(1) ack 1").expect(". 1:1(0) ack 101");
    transcript.send(". 100:100(0) ack 1").expect(". 1:1(0) ack 101").read(100).expect(". 1:1(0) ack 101");
  });

  test("an acknowledgment with a closed window still counts", () => {
    const transcript = established({ receiveLimit: 100 }).write(5).expect("P. 1:6(5) ack 1");
    transcript.appetite = 0;
    transcript.send(". 1:101(100) ack 1").send(". 101:151(50) ack 6");
    expect(transcript.connection.unacknowledgedLength).toBe(0);
  });

  test("is no larger than what the pool has, and a block in any case", () => {
    const pool = new BlockPool({ blockSize: 1000, limit: 3 });
    const transcript = established({ pool, receiveLimit: 10_000 });
    pool.take();
    transcript.send("P. 1:2(1) ack 1");
    // Told in the handshake, so not taken back.
    expect(transcript.segments()).toMatchObject([{ window: 9999 }]);
    expect(established({ pool, receiveLimit: 10_000 }).send("P. 1:2(1) ack 1").segments()).toMatchObject([
      { window: 9999 },
    ]);
  });

  test("bytes ahead share the block of those before them, and are not kept beyond what the pool has", () => {
    const pool = new BlockPool({ blockSize: 100, limit: 1 });
    const transcript = established({ pool }, SACK);
    transcript.appetite = 0;
    transcript.send(". 91:121(30) ack 1").expect(". 1:1(0) ack 1");
    transcript.send(". 51:91(40) ack 1").expect(". 1:1(0) ack 1 sack 51:91");
    transcript.send(". 1:51(50) ack 1").expect(". 1:1(0) ack 91");
    transcript.send(". 91:121(30) ack 1").expect(". 1:1(0) ack 101").read(100);
    expect(pool.blocksTaken).toBe(0);
  });

  test("with the pool empty, bytes ahead go for those that come next", () => {
    const pool = new BlockPool({ blockSize: 100, limit: 1 });
    const transcript = established({ pool }, SACK);
    transcript.appetite = 0;
    transcript.send(". 151:161(10) ack 1").expect(". 1:1(0) ack 1 sack 151:161");
    transcript.send("P. 1:51(50) ack 1").expect(". 1:1(0) ack 51").read(50);
    expect(pool.blocksTaken).toBe(0);
  });
});

describe("the host", () => {
  test("is offered nothing while something waits", () => {
    const transcript = established();
    transcript.appetite = 3;
    transcript.send("P. 1:11(10) ack 1").send("P. 11:21(10) ack 1");
    expect(transcript.received).toBe(3);
    transcript.read(17).send("P. 21:24(3) ack 1");
    expect(transcript.received).toBe(23);
  });

  test("cannot take more than there is", () => {
    expect(() => established().connection.consume(1)).toThrow(RangeError);
    expect(() => established({ deliver: () => 6 }).send("P. 1:6(5) ack 1")).toThrow(RangeError);
  });

  test("without deliver everything waits", () => {
    const pool = new BlockPool({ blockSize: 8 });
    const transcript = established({ pool, deliver: () => 0 }).send("P. 1:21(20) ack 1");
    expect(pool.blocksTaken).toBe(3);
    transcript.read(9);
    expect(pool.blocksTaken).toBe(2);
    transcript.read(11);
    expect(pool.blocksTaken).toBe(0);
  });
});
