import { describe, expect, test } from "bun:test";
import { TCP_FLAG } from "../../../../src/net/wire/tcp.ts";
import { closeWait, closing, established, finWait1, finWait2, lastAck, timeWait } from "./support/transcript.ts";

describe("half-close", () => {
  test("ours: the peer goes on sending, then ends", () => {
    const transcript = finWait2().send("P. 1:101(100) ack 2").expect(". 2:2(0) ack 101").send("F. 101:101(0) ack 2");
    transcript.state("TIME-WAIT").expect(". 2:2(0) ack 102");
    expect(transcript.received).toBe(100);
    expect(transcript.connection).toMatchObject({ isReceiveFinished: true, isSendFinished: true, isClosed: false });
  });

  test("the peer's: we go on sending, then end", () => {
    const transcript = closeWait().write(5).expect("P. 1:6(5) ack 2").send(". 2:2(0) ack 6");
    transcript.connection.finish();
    transcript.state("LAST-ACK").expect("F. 6:6(0) ack 2").send(". 2:2(0) ack 7").state("CLOSED").expect();
    expect(transcript.connection).toMatchObject({ isClosed: true, closeReason: "finished" });
  });

  test("the FIN goes with the last bytes, and again with them", () => {
    const transcript = established().write(150);
    transcript.connection.finish();
    transcript.expect("FP. 1:151(150) ack 1").waitForTimer(200).expect(". 1:101(100) ack 1");
    transcript.send(". 1:1(0) ack 101").expect("FP. 101:151(50) ack 1").send(". 1:1(0) ack 152").state("FIN-WAIT-2");
  });

  test("nothing can be queued behind the FIN", () => {
    const { connection } = finWait1();
    expect(connection.writableLength).toBe(0);
    expect(connection.writable(10)).toEqual([]);
    connection.finish();
  });

  test("the peer's FIN counts when all before it has come", () => {
    const transcript = established().send("F. 11:21(10) ack 1").state("ESTABLISHED").expect(". 1:1(0) ack 1");
    transcript.send(". 1:11(10) ack 1").state("CLOSE-WAIT").expect(". 1:1(0) ack 22");
    expect(transcript.connection.readableLength).toBe(10);
    expect(transcript.connection.isReceiveFinished).toBe(false);
    transcript.read(10);
    expect(transcript.connection.isReceiveFinished).toBe(true);
  });

  test("a FIN alone, ahead of data", () => {
    const transcript = established().send("F. 11:11(0) ack 1").state("ESTABLISHED").expect(". 1:1(0) ack 1");
    transcript.send(". 1:11(10) ack 1").state("CLOSE-WAIT").expect(". 1:1(0) ack 12");
    expect(transcript.received).toBe(10);
  });

  test("a FIN passes a closed window", () => {
    const transcript = established({ receiveLimit: 50 });
    transcript.appetite = 0;
    transcript.send(". 1:51(50) ack 1").expect(". 1:1(0) ack 51").send("F. 51:51(0) ack 1").state("CLOSE-WAIT");
    transcript.expect(". 1:1(0) ack 52").read(50);
  });

  test("our FIN passes a closed window of the peer", () => {
    const transcript = established().send(". 1:1(0) ack 1 win 0");
    transcript.connection.finish();
    transcript.expect("F. 1:1(0) ack 1");
  });

  test("data behind the peer's FIN is refused", () => {
    const transcript = closeWait().send("P. 2:7(5) ack 1").state("CLOSE-WAIT").expect(". 1:1(0) ack 2");
    expect(transcript.received).toBe(0);
  });

  test("the peer's FIN again is acknowledged again", () => {
    closeWait().send("F. 1:1(0) ack 1").expect(". 1:1(0) ack 2");
  });
});

describe("both sides close", () => {
  test("at once", () => {
    closing().send(". 2:2(0) ack 2").state("TIME-WAIT").expect();
  });

  test("theirs acknowledges ours", () => {
    finWait1().send("F. 1:1(0) ack 2").state("TIME-WAIT").expect(". 2:2(0) ack 2");
  });

  test("theirs came first, ours is lost once", () => {
    lastAck().waitForTimer(200).expect("F. 1:1(0) ack 2").send(". 2:2(0) ack 2").state("CLOSED").expect();
  });

  test("our FIN, lost, is sent again while closing", () => {
    const transcript = closing();
    transcript.waitForTimer(200).expect("F. 1:1(0) ack 2");
  });

  test("bytes not yet read outlive the connection", () => {
    const transcript = established();
    transcript.appetite = 0;
    transcript.send("F. 1:11(10) ack 1").expect(". 1:1(0) ack 12");
    transcript.connection.finish();
    transcript.expect("F. 1:1(0) ack 12").send(". 12:12(0) ack 2").state("CLOSED").read(10);
    expect(transcript.connection.isReceiveFinished).toBe(true);
  });
});

describe("TIME-WAIT", () => {
  test("ends after its time", () => {
    const transcript = timeWait({ timeWait: 500 }).waitForTimer(500).expect().state("CLOSED");
    expect(transcript.connection).toMatchObject({ isClosed: true, closeReason: "finished", pollAt: undefined });
  });

  test("is not kept alive", () => {
    timeWait({ timeWait: 500, keepAlive: { idle: 100, interval: 100, count: 1 } })
      .waitForTimer(500)
      .expect();
  });

  test("answers the FIN again, and starts over", () => {
    const transcript = timeWait({ timeWait: 500 }).wait(400).send("F. 1:1(0) ack 2").expect(". 2:2(0) ack 2");
    transcript.waitForTimer(500).expect().state("CLOSED");
  });

  test("a reset ends it", () => {
    timeWait().send("R 2:2(0)").state("CLOSED").expect();
  });

  test("aborted, it is silent", () => {
    const transcript = timeWait();
    transcript.connection.abort();
    transcript.expect().state("CLOSED");
  });

  test("a SYN with a later number may take its place, one with an earlier may not", () => {
    const { connection } = timeWait();
    const header = { sourcePort: 4000, destinationPort: 80, acknowledgmentNumber: 0, window: 0, options: {} };
    const syn = { ...header, flags: TCP_FLAG.SYN, payload: new Uint8Array() };
    expect(connection.isReplaceableBy({ ...syn, sequenceNumber: 1000 })).toBe(true);
    expect(connection.isReplaceableBy({ ...syn, sequenceNumber: 0xffff_0000 })).toBe(false);
    expect(connection.isReplaceableBy({ ...syn, sequenceNumber: 1000, flags: TCP_FLAG.ACK })).toBe(false);
    expect(closeWait().connection.isReplaceableBy({ ...syn, sequenceNumber: 1000 })).toBe(false);
  });
});

describe("abort", () => {
  for (const [name, make] of Object.entries({ established, closeWait, finWait1, finWait2, closing, lastAck }))
    test(`${name}: resets and forgets`, () => {
      const transcript = make();
      transcript.connection.abort();
      expect(transcript.lines()).toMatchObject(
        [/^R\. \d+:\d+\(0\) ack \d+$/].map((line) => expect.stringMatching(line)),
      );
      transcript.state("CLOSED").send(". 1:1(0) ack 1").expect();
      expect(transcript.connection).toMatchObject({ isClosed: true, closeReason: "aborted" });
    });

  test("from within deliver, of a segment that the host cannot take", () => {
    const transcript = established({
      deliver: () => {
        transcript.connection.abort();
        return 0;
      },
    });
    transcript.send("P. 1:101(100) ack 1").expect("R. 1:1(0) ack 1").state("CLOSED");
    expect(transcript.connection.readableLength).toBe(0);
  });
});
