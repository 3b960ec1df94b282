/** Why a bus, or who was asked by it, did not do what was wanted. */
export type BusFailure =
  /** connect(2), send(2) or recv(2). */
  | { readonly kind: "socket"; readonly errno: number }
  /** Who is there does not take us for the user that we are. */
  | { readonly kind: "refused" }
  | { readonly kind: "closed" }
  | { readonly kind: "silent"; readonly seconds: number }
  /** What it says is not D-Bus. */
  | { readonly kind: "garbled"; readonly detail: string }
  /** An error of the method that was called, or of the bus. */
  | { readonly kind: "error"; readonly name: string; readonly text: string };

export class BusError extends Error {
  readonly failure: BusFailure;

  constructor(failure: BusFailure) {
    super(failure.kind);
    this.failure = failure;
  }
}
