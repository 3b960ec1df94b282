// What has connections bypass a network stack, loaded for --net fast alone.
import type { Fd } from "../../ffi/fd.ts";
import { SeccompNotify } from "../../ffi/seccomp_notify.ts";
import type { TapDevice } from "../net/device/tap_device.ts";
import { namespaceIdentity } from "../net/fast/caught_socket.ts";
import { ConnectService } from "../net/fast/connect_service.ts";
import type { Egress } from "../net/flow/egress.ts";
import type { StackOptions } from "../net/flow/stack.ts";

export type BypassJoiner = (listener: Fd, tap: TapDevice, egress: Egress) => StackOptions["join"];

export const joinBypass: BypassJoiner = (listener, tap, egress) => {
  const namespace = namespaceIdentity(tap.networkNamespace());
  return (host, network) => new ConnectService(host, network, egress, new SeccompNotify(listener), namespace);
};
