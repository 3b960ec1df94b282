import { describe, expect, test } from "bun:test";
import { BlockPool } from "../../../../src/net/tcp/block_pool.ts";
import { established } from "./support/transcript.ts";

const SACK = { maximumSegmentSize: 100, sackPermitted: true };
const sizes = (segments: readonly { payloadLength: number }[]) => segments.map(({ payloadLength }) => payloadLength);

describe("segments", () => {
  test("are as large as the burst, in whole segments", () => {
    const transcript = established({ maximumBurst: 1050 }).write(2345);
    expect(sizes(transcript.segments())).toEqual([1000, 1000, 345]);
  });

  test("are slices of the queue, and no copy", () => {
    const transcript = established({ pool: new BlockPool({ blockSize: 64 }) }).write(150);
    const [sent] = transcript.segments();
    expect(sent?.payload.map((slice) => slice.length)).toEqual([64, 64, 22]);
  });

  test("small ones go at once", () => {
    established().write(1).expect("P. 1:2(1) ack 1").write(1).expect("P. 2:3(1) ack 1");
  });

  test("the queue is bounded, and its blocks come back with the acknowledgments", () => {
    const pool = new BlockPool({ blockSize: 100 });
    const transcript = established({ pool, sendLimit: 1000 }).write(1000);
    expect(transcript.connection.writable(1)).toEqual([]);
    transcript.connection.produce(0);
    transcript.segments();
    expect(pool.blocksTaken).toBe(10);
    transcript.send(". 1:1(0) ack 551");
    expect(pool.blocksTaken).toBe(5);
    expect(transcript.connection.writableLength).toBe(550);
    transcript.send(". 1:1(0) ack 1001");
    expect(pool.blocksTaken).toBe(0);
  });

  test("space that is not filled goes back", () => {
    const pool = new BlockPool({ blockSize: 100 });
    const { connection } = established({ pool });
    expect(connection.writable(250)).toHaveLength(3);
    connection.produce(120);
    expect(pool.blocksTaken).toBe(2);
    connection.writable(250);
    connection.produce(0);
    expect(pool.blocksTaken).toBe(2);
    expect(() => connection.produce(1 << 21)).toThrow(RangeError);
  });
});

describe("the peer's window", () => {
  test("is not passed, and whole segments are waited for while something is under way", () => {
    const transcript = established().send(". 1:1(0) ack 1 win 250").write(1000).expect(". 1:201(200) ack 1");
    transcript.send(". 1:1(0) ack 101 win 250").expect(". 201:301(100) ack 1");
    transcript.send(". 1:1(0) ack 301 win 30").expect(". 301:331(30) ack 1");
  });

  test("narrowed by the peer, nothing is sent until it is open again", () => {
    const transcript = established()
      .write(500)
      .expect("P. 1:501(500) ack 1")
      .send(". 1:1(0) ack 101 win 100")
      .write(100);
    transcript.expect().send(". 1:1(0) ack 501 win 200").expect("P. 501:601(100) ack 1");
  });

  test("an acknowledgment that was overtaken does not change it", () => {
    const transcript = established().write(500).expect("P. 1:501(500) ack 1").send(". 1:1(0) ack 501 win 0").write(10);
    transcript.expect().send(". 1:1(0) ack 401 win 5000").expect();
    transcript.send(". 1:1(0) ack 501 win 9").expect(". 501:510(9) ack 1");
  });
});

describe("a closed window", () => {
  const closed = () => established().send(". 1:1(0) ack 1 win 0").write(10).expect();

  test("is probed with growing patience, as long as the peer answers", () => {
    const transcript = closed();
    for (let time = 200, probes = 0; probes < 30; time = Math.min(60_000, time * 2), probes++) {
      transcript.waitForTimer(time).expect(". 0:0(0) ack 1").send(". 1:1(0) ack 1 win 0").expect();
    }
    transcript.send(". 1:1(0) ack 1 win 5").expect(". 1:6(5) ack 1");
    expect(transcript.connection.pollAt).toBe(transcript.now + 200);
  });

  test("of a peer that does not answer is given up", () => {
    const transcript = established({ retries: 2 }).send(". 1:1(0) ack 1 win 0").write(1).expect();
    transcript.waitForTimer(200).expect(". 0:0(0) ack 1").waitForTimer(400).expect(". 0:0(0) ack 1");
    transcript.waitForTimer(800).expect("R. 1:1(0) ack 1").state("CLOSED");
    expect(transcript.connection.closeReason).toBe("timeout");
  });

  test("whose opening was lost is found open by the probe", () => {
    closed().waitForTimer(200).expect(". 0:0(0) ack 1").send(". 1:1(0) ack 1 win 100").expect("P. 1:11(10) ack 1");
  });

  test("with something under way, retransmission takes the probe's place", () => {
    const transcript = established().write(10).expect("P. 1:11(10) ack 1").send(". 1:1(0) ack 1 win 0").write(5);
    transcript.expect().waitForTimer(200).expect(". 1:11(10) ack 1");
  });
});

describe("retransmission (RFC 6298)", () => {
  test("one segment after the timeout, doubled each time; the rest when it is acknowledged", () => {
    const transcript = established().write(300).expect("P. 1:301(300) ack 1");
    transcript.waitForTimer(200).expect(". 1:101(100) ack 1").waitForTimer(400).expect(". 1:101(100) ack 1");
    transcript.waitForTimer(800).expect(". 1:101(100) ack 1");
    transcript.send(". 1:1(0) ack 101").expect("P. 101:301(200) ack 1").send(". 1:1(0) ack 301").expect();
    expect(transcript.connection.unacknowledgedLength).toBe(0);
  });

  test("gives up", () => {
    const transcript = established({ retries: 1 }).write(1).expect("P. 1:2(1) ack 1");
    transcript.waitForTimer(200).expect("P. 1:2(1) ack 1").waitForTimer(400).expect("R. 2:2(0) ack 1").state("CLOSED");
    expect(transcript.connection.closeReason).toBe("timeout");
  });

  test("the timeout follows the round trip, but not that of what was sent twice", () => {
    // Of a handshake of no time at all and 190 ms: 190 / 8, and four times 190 / 4.
    const timeout = 213.75;
    const transcript = established().write(1).expect("P. 1:2(1) ack 1").wait(190).send(". 1:1(0) ack 2").write(1);
    transcript.expect("P. 2:3(1) ack 1").waitForTimer(timeout).expect("P. 2:3(1) ack 1");
    transcript.wait(300).send(". 1:1(0) ack 3").write(1).expect("P. 3:4(1) ack 1").waitForTimer(timeout);
  });
});

describe("fast recovery", () => {
  test("NewReno: three duplicates, then hole after hole", () => {
    const transcript = established().write(1000).expect("P. 1:1001(1000) ack 1");
    transcript
      .send(". 1:1(0) ack 1")
      .send(". 1:1(0) ack 1")
      .expect()
      .send(". 1:1(0) ack 1")
      .expect(". 1:101(100) ack 1");
    transcript.send(". 1:1(0) ack 1").expect().send(". 1:1(0) ack 301").expect(". 301:401(100) ack 1");
    transcript.send(". 1:1(0) ack 1001").expect();
  });

  test("the round trip of what was sent again is not measured", () => {
    const transcript = established().write(500).expect("P. 1:501(500) ack 1").wait(10);
    for (let count = 0; count < 3; count++) transcript.send(". 1:1(0) ack 1");
    transcript.expect(". 1:101(100) ack 1").wait(190).send(". 1:1(0) ack 501").write(1).expect("P. 501:502(1) ack 1");
    expect(transcript.connection.pollAt).toBe(transcript.now + 200);
  });

  test("new windows and data of the peer are no duplicates", () => {
    const transcript = established().write(1000).expect("P. 1:1001(1000) ack 1");
    for (let count = 1; count < 6; count++) transcript.send(`. 1:1(0) ack 1 win ${5000 + count}`);
    for (let at = 1; at < 6; at++) transcript.send(`. ${at}:${at + 1}(1) ack 1 win 5005`);
    transcript.wait(40).expect(". 1001:1001(0) ack 6");
  });

  test("SACK: every hole that enough was reported behind, once", () => {
    const transcript = established({}, SACK).write(1000).expect("P. 1:1001(1000) ack 1");
    transcript.send(". 1:1(0) ack 1", { sack: [[101, 201]] }).expect();
    // 500 may be under way now: not counted are what was reported and what is lost until it is sent again.
    const reported = (right: number) =>
      ({
        sack: [
          [401, right],
          [101, 201],
        ],
      }) as const;
    transcript.send(". 1:1(0) ack 1", reported(701)).expect(". 1:101(100) ack 1", ". 201:301(100) ack 1");
    transcript.send(". 1:1(0) ack 1", reported(801)).expect(". 301:401(100) ack 1");
    transcript.send(". 1:1(0) ack 1", reported(901)).expect().send(". 1:1(0) ack 901").expect();
    transcript.send(". 1:1(0) ack 1001").expect();
  });

  test("a hole that is filled in vain waits for the timeout, and then everything is sent again", () => {
    const transcript = established({}, SACK).write(500).expect("P. 1:501(500) ack 1");
    transcript.send(". 1:1(0) ack 1", { sack: [[101, 401]] }).expect(". 1:101(100) ack 1");
    transcript.waitForTimer(200).expect(". 1:101(100) ack 1").send(". 1:1(0) ack 101").expect(". 101:301(200) ack 1");
  });

  test("reports of what was never sent are ignored", () => {
    const transcript = established({}, SACK).write(500).expect("P. 1:501(500) ack 1");
    for (const sack of [
      [600, 900],
      [900, 600],
      [0, 400],
      [1, 1],
      [2 ** 31, 2 ** 31 + 5],
    ] as const)
      transcript.send(". 1:1(0) ack 1", { sack: [sack] }).expect();
  });
});
