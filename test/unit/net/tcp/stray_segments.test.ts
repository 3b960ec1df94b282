import { describe, expect, test } from "bun:test";
import { closeWait, closing, established, finWait1, finWait2, lastAck, timeWait } from "./support/transcript.ts";

const SYNCHRONIZED = { established, closeWait, finWait1, finWait2, closing, lastAck, timeWait };

describe("resets (RFC 5961, 3)", () => {
  test("the very next number ends the connection, without an answer", () => {
    const transcript = established().write(10).send("R 1:1(0)").state("CLOSED").expect();
    expect(transcript.connection).toMatchObject({ closeReason: "reset", isClosed: true });
  });

  test("another in the window is challenged", () => {
    established().send("R 2:2(0)").state("ESTABLISHED").expect(". 1:1(0) ack 1").send("R 1:1(0)").state("CLOSED");
  });

  test("one outside is ignored", () => {
    established().send("R 0:0(0)").expect().send("R 2000000:2000000(0)").expect().state("ESTABLISHED");
  });

  test("bytes that wait for the host go", () => {
    const transcript = established();
    transcript.appetite = 0;
    transcript.send(". 1:11(10) ack 1").send("R 11:11(0)").state("CLOSED");
    expect(transcript.connection.readable()).toEqual([]);
  });
});

describe("SYNs (RFC 5961, 4)", () => {
  for (const [name, make] of Object.entries(SYNCHRONIZED))
    test(`${name}: challenged, in the window or not`, () => {
      const transcript = make();
      const { state } = transcript.connection;
      for (const line of ["S 0:0(0)", "S. 5:5(0) ack 1", "S 123456789:123456789(0)"])
        expect(transcript.send(line).lines()).toHaveLength(1);
      transcript.state(state);
    });
});

describe("acknowledgments (RFC 5961, 5)", () => {
  test("of what was not sent is challenged, and its data not taken", () => {
    const transcript = established().send("P. 1:6(5) ack 2").expect(". 1:1(0) ack 1");
    expect(transcript.received).toBe(0);
  });

  test("of long ago is challenged, of a window ago is taken", () => {
    const transcript = established().write(10_000);
    transcript.segments();
    transcript.send(". 1:1(0) ack 10001").write(5000);
    transcript.segments();
    transcript.send(". 1:1(0) ack 15001").send("P. 1:6(5) ack 5001");
    expect(transcript.received).toBe(5);
    transcript.expect(". 15001:15001(0) ack 6").send("P. 6:11(5) ack 5000").expect(". 15001:15001(0) ack 6");
    expect(transcript.received).toBe(5);
  });

  test("a segment without one is ignored", () => {
    expect(established().send("P 1:6(5)").expect().received).toBe(0);
  });
});

describe("challenges", () => {
  test("are ten a second", () => {
    const transcript = established();
    for (let index = 0; index < 10; index++) transcript.send("R 2:2(0)").expect(". 1:1(0) ack 1");
    transcript.send("R 2:2(0)").expect().wait(1000).send("R 2:2(0)").expect(". 1:1(0) ack 1");
  });
});

describe("PAWS (RFC 7323, 5)", () => {
  const stamped = (value: number) => ({ timestamps: { value, echoReply: 1000 } });
  const start = (value: number) => established({}, { maximumSegmentSize: 100, timestamps: { value, echoReply: 0 } });

  test("a segment older than the last is acknowledged and not taken", () => {
    const transcript = start(100).send("P. 1:6(5) ack 1", stamped(99)).expect(". 1:1(0) ack 1");
    expect(transcript.received).toBe(0);
    expect(transcript.send("P. 1:6(5) ack 1", stamped(100)).received).toBe(5);
  });

  test("timestamps wrap", () => {
    const transcript = start(0xffff_ffff).send("P. 1:6(5) ack 1", stamped(3));
    expect(transcript.received).toBe(5);
    expect(transcript.segments()[0]?.options.timestamps).toEqual({ value: 1000, echoReply: 3 });
    expect(transcript.send("P. 6:11(5) ack 1", stamped(0xffff_fff0)).received).toBe(5);
  });

  test("a connection that slept for 25 days believes anything again", () => {
    const transcript = start(100).wait(25 * 86_400_000);
    expect(transcript.send("P. 1:6(5) ack 1", stamped(1)).received).toBe(5);
  });

  test("once agreed on they must be there, but not in a reset", () => {
    const transcript = start(100);
    expect(transcript.send("P. 1:6(5) ack 1").received).toBe(0);
    transcript.send("R 1:1(0)").state("CLOSED");
  });

  test("the one echoed is of the segment that reaches back to the last acknowledgment", () => {
    const transcript = start(100).send(". 1:51(50) ack 1", stamped(101)).send(". 51:101(50) ack 1", stamped(105));
    expect(transcript.wait(40).segments()).toMatchObject([
      { options: { timestamps: { value: 1040, echoReply: 101 } } },
    ]);
  });
});

describe("urgent data", () => {
  test("is data", () => expect(established().send("PU. 1:6(5) ack 1").received).toBe(5));
});

describe("keep-alive", () => {
  const keepAlive = { idle: 1000, interval: 100, count: 2 };

  test("a silent peer is probed, and given up with a reset", () => {
    const transcript = established({ keepAlive }).waitForTimer(1000).expect(". 0:0(0) ack 1");
    transcript.waitForTimer(100).expect(". 0:0(0) ack 1").waitForTimer(100).expect("R. 1:1(0) ack 1").state("CLOSED");
    expect(transcript.connection.closeReason).toBe("timeout");
  });

  test("any word of the peer starts it over", () => {
    established({ keepAlive }).wait(1000).expect(". 0:0(0) ack 1").send(". 1:1(0) ack 1").expect().waitForTimer(1000);
  });

  test("the peer's own probe is answered", () => {
    established().send(". 0:0(0) ack 1").expect(". 1:1(0) ack 1").send(". 0:1(1) ack 1").expect(". 1:1(0) ack 1");
  });

  test("off", () => expect(established({ keepAlive: undefined }).connection.pollAt).toBeUndefined());
});
