// This program once more, in namespaces that are there already and with all capabilities there: the second half of `sandbox run` where --net leads
// to others. On a named network that half is run-member, in the user namespace of all members; in the network of another, launch-shared.
import { Fd } from "../../ffi/fd.ts";
import { O_PATH, open } from "../../ffi/file.ts";
import { enterNamespaces, type OpenNamespace } from "../launch/enter_namespaces.ts";
import { leastDescriptor, preservedDescriptors } from "./least_descriptor.ts";

export type GoingOn = {
  /** Of whoever started us (--preserve-fds); they go along. */
  readonly preserved: number;
  /** Taken over. In the order in which they are entered. */
  readonly namespaces: readonly OpenNamespace[];
  /** The command and what it is told. */
  readonly words: readonly string[];
  /** Descriptors that it has under the same numbers, which are {@link leastDescriptor} or more. */
  readonly keep: readonly number[];
};

/** Does not come back. */
export function goOnInside({ preserved, namespaces, words, keep }: GoingOn): never {
  const least = leastDescriptor(preserved);
  return enterNamespaces({
    program: open("/proc/self/exe", O_PATH).raised(least).number,
    namespaces: namespaces.map(({ fd, type }) => ({ fd: new Fd(fd).raised(least).number, type })),
    argv: ["sandbox", ...words],
    env: Object.entries(process.env).map(([name, value]) => `${name}=${value}`),
    keep: [...preservedDescriptors(preserved), ...keep],
  });
}
