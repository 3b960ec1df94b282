import { describe, expect, test } from "bun:test";
import { resetFor } from "../../../../src/net/tcp/reset_for.ts";
import { TCP_FLAG } from "../../../../src/net/wire/tcp.ts";
import { established, PLAIN, synSent, Transcript } from "./support/transcript.ts";

const ALL = { maximumSegmentSize: 1400, windowScale: 7, sackPermitted: true, timestamps: { value: 7, echoReply: 0 } };

function synReceived(options = PLAIN): Transcript {
  const transcript = new Transcript("accept", {}, options);
  transcript.connection.confirm();
  return transcript.expect("S. 0:0(0) ack 1");
}

describe("SYN-RECEIVED, before the host's connect has an outcome", () => {
  test("says nothing, not even to the SYN again", () => {
    const transcript = new Transcript("accept");
    transcript.state("SYN-RECEIVED").expect().wait(3000).send("S 0:0(0)").expect();
    expect(transcript.connection.pollAt).toBeUndefined();
  });

  test("refused, it resets once", () => {
    const transcript = new Transcript("accept");
    transcript.connection.refuse();
    expect(transcript.connection.isClosed).toBe(false);
    transcript.expect("R. 0:0(0) ack 1").expect().state("CLOSED");
    expect(transcript.connection).toMatchObject({ isClosed: true, closeReason: "refused" });
  });

  test("confirmed, it cannot be refused any more", () => {
    const transcript = synReceived();
    transcript.connection.refuse();
    transcript.state("SYN-RECEIVED").expect();
  });

  test("a reset of the peer ends it", () => {
    const transcript = new Transcript("accept").send("R 1:1(0)").state("CLOSED").expect();
    transcript.connection.confirm();
    transcript.expect();
  });

  test("aborted, it resets", () => {
    const transcript = new Transcript("accept");
    transcript.connection.abort();
    transcript.expect("R. 0:0(0) ack 1").state("CLOSED");
  });
});

describe("SYN-RECEIVED", () => {
  test("answers with the options the peer knows, and only these", () => {
    const transcript = new Transcript("accept", { maximumSegmentSize: 1460 }, ALL);
    transcript.connection.confirm();
    const [answer] = transcript.segments();
    expect(answer?.options).toEqual({
      maximumSegmentSize: 1460,
      windowScale: 5,
      sackPermitted: true,
      timestamps: { value: 1000, echoReply: 7 },
    });
    const plain = new Transcript("accept", { maximumSegmentSize: 1460 }, {});
    plain.connection.confirm();
    expect(plain.segments()[0]?.options).toEqual({ maximumSegmentSize: 1460 });
  });

  test("is sent again with doubled patience, and given up", () => {
    const transcript = new Transcript("accept", { handshakeRetries: 2 }, PLAIN);
    transcript.connection.confirm();
    transcript.expect("S. 0:0(0) ack 1").expect();
    transcript.waitForTimer(1000).expect("S. 0:0(0) ack 1");
    transcript.waitForTimer(2000).expect("S. 0:0(0) ack 1");
    transcript.waitForTimer(4000).expect("R. 1:1(0) ack 1").state("CLOSED");
    expect(transcript.connection.closeReason).toBe("timeout");
  });

  test("the SYN again is answered again", () => {
    synReceived().send("S 0:0(0)").expect("S. 0:0(0) ack 1");
  });

  test("an acknowledgment of something else does not establish", () => {
    synReceived().send(". 1:1(0) ack 2").state("SYN-RECEIVED").send(". 1:1(0) ack 0").state("SYN-RECEIVED");
  });

  test("data with the third segment is taken", () => {
    const transcript = synReceived().send("P. 1:6(5) ack 1").state("ESTABLISHED").expect(". 1:1(0) ack 6");
    expect(transcript.received).toBe(5);
  });

  test("FIN with the third segment", () => {
    synReceived().send("F. 1:1(0) ack 1").state("CLOSE-WAIT");
  });

  test("finished before it is established, the FIN follows what is queued", () => {
    const transcript = synReceived().write(3);
    transcript.connection.finish();
    transcript.state("SYN-RECEIVED").expect();
    transcript.send(". 1:1(0) ack 1").state("FIN-WAIT-1").expect("FP. 1:4(3) ack 1");
  });

  test("a reset, and one that is only near", () => {
    synReceived().send("R 2:2(0)").state("SYN-RECEIVED").expect(". 1:1(0) ack 1").send("R 1:1(0)").state("CLOSED");
  });
});

describe("SYN-SENT", () => {
  test("offers all options", () => {
    const [syn] = new Transcript("connect", { receiveLimit: 65_535 }).segments();
    expect(syn).toMatchObject({ window: 65_535, flags: TCP_FLAG.SYN, acknowledgmentNumber: 0 });
    expect(syn?.options).toEqual({
      maximumSegmentSize: 1460,
      windowScale: 0,
      sackPermitted: true,
      timestamps: { value: 1000, echoReply: 0 },
    });
  });

  test("is established by SYN and ACK", () => {
    synSent().send("S. 0:0(0) ack 1", PLAIN).state("ESTABLISHED").expect(". 1:1(0) ack 1").expect();
  });

  test("data queued meanwhile goes with the first acknowledgment", () => {
    synSent().write(4).expect().send("S. 0:0(0) ack 1", PLAIN).expect("P. 1:5(4) ack 1");
  });

  test("is refused by a reset that acknowledges the SYN, and by no other", () => {
    const transcript = synSent().send("R. 0:0(0) ack 7").send("R 0:0(0)").state("SYN-SENT").expect();
    transcript.send("R. 0:0(0) ack 1").state("CLOSED").expect();
    expect(transcript.connection.closeReason).toBe("refused");
  });

  test("gives up", () => {
    const transcript = synSent({ handshakeRetries: 1 });
    transcript.waitForTimer(1000).expect("S 0:0(0)").waitForTimer(2000).expect().state("CLOSED");
    expect(transcript.connection.closeReason).toBe("timeout");
  });

  test("aborted, it is silent", () => {
    const transcript = synSent();
    transcript.connection.abort();
    transcript.expect().state("CLOSED");
  });

  test("a peer that still has a connection of before is reset, and the SYN comes again", () => {
    const transcript = synSent().send(". 500:500(0) ack 3000").expect("R 3000:3000(0)").state("SYN-SENT");
    transcript.wait(1000).expect("S 0:0(0)").send("S. 0:0(0) ack 1", PLAIN).state("ESTABLISHED");
  });

  test("both sides open at once", () => {
    const transcript = synSent().send("S 0:0(0)", PLAIN).state("SYN-RECEIVED").expect("S. 0:0(0) ack 1");
    transcript.send("S. 0:0(0) ack 1").expect(". 1:1(0) ack 1").send(". 1:1(0) ack 1").state("ESTABLISHED");
  });
});

describe("what was agreed on", () => {
  test("windows are scaled as each side said, but not in SYNs", () => {
    const transcript = established({ maximumSegmentSize: 1460, receiveLimit: 1 << 20 }, { ...PLAIN, windowScale: 3 });
    transcript.appetite = 0;
    transcript.send("P. 1:101(100) ack 1 win 1").write(20);
    expect(transcript.segments()).toMatchObject([{ payloadLength: 8, window: ((1 << 20) - 100) >>> 5 }]);
  });

  test("a scale of more than 14 counts as 14", () => {
    const transcript = established({}, { ...PLAIN, windowScale: 200 });
    transcript.send(". 1:1(0) ack 1 win 1").write(20_000);
    const sent = transcript.segments().reduce((sum, { payloadLength }) => sum + payloadLength, 0);
    // In whole segments.
    expect(sent).toBe((1 << 14) - ((1 << 14) % 100));
  });

  test("a peer's smallest segments are not that small", () => {
    const transcript = established({}, { maximumSegmentSize: 1 }).write(1000);
    expect(transcript.segments()[0]?.maximumSegmentSize).toBe(88);
  });

  test("timestamps take their room in every segment", () => {
    const syn = { maximumSegmentSize: 100, timestamps: { value: 5, echoReply: 0 } };
    const [sent] = established({}, syn).write(300).segments();
    expect(sent).toMatchObject({ maximumSegmentSize: 88, options: { timestamps: { value: 1000, echoReply: 5 } } });
  });
});

describe("a segment of no connection", () => {
  const header = { sourcePort: 1, destinationPort: 2, window: 0, options: {}, payload: new Uint8Array(3) };
  const stray = { ...header, sequenceNumber: 0xffff_ffff, acknowledgmentNumber: 9 };

  test("is reset by what it acknowledges", () => {
    expect(resetFor({ ...stray, flags: TCP_FLAG.ACK })).toMatchObject({ sequenceNumber: 9, flags: TCP_FLAG.RST });
  });

  test("is reset by acknowledging it", () => {
    const reset = resetFor({ ...stray, flags: TCP_FLAG.SYN });
    expect(reset).toMatchObject({ sequenceNumber: 0, acknowledgmentNumber: 3, flags: TCP_FLAG.RST | TCP_FLAG.ACK });
    expect(reset).toMatchObject({ sourcePort: 2, destinationPort: 1 });
  });

  test("is not reset for a reset", () => expect(resetFor({ ...stray, flags: TCP_FLAG.RST })).toBeUndefined());
});
