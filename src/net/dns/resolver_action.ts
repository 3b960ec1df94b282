// What the resolver wants done. Each `send` is followed by exactly one `forget` of the same id: who opened a socket for it
// may close it then. A socket for each send, on a port the kernel chooses, is what makes an answer hard to forge
// (RFC 5452, section 9.2).
import type { NameServer } from "./resolv_conf.ts";

export type Transport = "udp" | "tcp";

export type ResolverAction<Client> =
  | { readonly kind: "answer"; readonly client: Client; readonly bytes: Uint8Array }
  | {
      readonly kind: "send";
      readonly server: NameServer;
      /** The message's own id too. */
      readonly id: number;
      readonly bytes: Uint8Array;
      readonly transport: Transport;
    }
  | { readonly kind: "forget"; readonly id: number };
