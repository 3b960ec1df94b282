// What has connections bypass a network stack, loaded for --net fast alone.
import type { Fd } from "../../ffi/fd.ts";
import { SeccompNotify } from "../../ffi/seccomp_notify.ts";
import { namespaceIdentity } from "../net/fast/caught_socket.ts";
import { ConnectService } from "../net/fast/connect_service.ts";
import type { Egress } from "../net/flow/egress.ts";
import type { StackOptions } from "../net/flow/stack.ts";

/** The listener of the command's connections, and a descriptor of its network namespace. */
export type Bypass = { readonly listener: Fd; readonly networkNamespace: number };
export type BypassJoiner = (bypass: Bypass, egress: Egress) => StackOptions["join"];

export const joinBypass: BypassJoiner = ({ listener, networkNamespace }, egress) => {
  const namespace = namespaceIdentity(networkNamespace);
  return (host, network) => new ConnectService(host, network, egress, new SeccompNotify(listener), namespace);
};
