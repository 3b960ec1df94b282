// The states of RFC 9293, 3.3.2, and who leaves each, and to where. `receive`, `poll` and the others are calls of TcpConnection.
//
//   SYN-SENT      receive: ESTABLISHED; SYN-RECEIVED when both sides open
//   SYN-RECEIVED  receive: ESTABLISHED. When the peer opened, nothing is sent until the owner confirms or refuses
//   ESTABLISHED   finish: FIN-WAIT-1; receive (their FIN): CLOSE-WAIT
//   FIN-WAIT-1    receive: FIN-WAIT-2 (ours is acknowledged), CLOSING (theirs has come), TIME-WAIT (both)
//   FIN-WAIT-2    receive: TIME-WAIT
//   CLOSING       receive: TIME-WAIT
//   TIME-WAIT     poll, when its time is over: CLOSED
//   CLOSE-WAIT    finish: LAST-ACK
//   LAST-ACK      receive: CLOSED
//   CLOSED        nobody
// From each, receive (a reset), poll (no answer for too long), abort and refuse lead to CLOSED. FIN-WAIT-1 and LAST-ACK begin when
// the owner finishes, though bytes may be queued before the FIN; a connection finished before it is established goes from there to
// FIN-WAIT-1 at once. The peer's FIN counts when all before it has come.

export type TcpState =
  | "SYN-SENT"
  | "SYN-RECEIVED"
  | "ESTABLISHED"
  | "FIN-WAIT-1"
  | "FIN-WAIT-2"
  | "CLOSING"
  | "TIME-WAIT"
  | "CLOSE-WAIT"
  | "LAST-ACK"
  | "CLOSED";

/** `refused`: a SYN was answered with a reset, by the peer or by us. `aborted`: by our owner. `timeout`: the peer fell silent. */
export type CloseReason = "finished" | "reset" | "refused" | "aborted" | "timeout";

/** An event that moves some states on; the others stay. */
type Moves = Readonly<Partial<Record<TcpState, TcpState>>>;

export const ON_FINISH: Moves = { ESTABLISHED: "FIN-WAIT-1", "CLOSE-WAIT": "LAST-ACK" };
export const ON_FIN_ACKNOWLEDGED: Moves = { "FIN-WAIT-1": "FIN-WAIT-2", CLOSING: "TIME-WAIT", "LAST-ACK": "CLOSED" };
export const ON_FIN_RECEIVED: Moves = { ESTABLISHED: "CLOSE-WAIT", "FIN-WAIT-1": "CLOSING", "FIN-WAIT-2": "TIME-WAIT" };
