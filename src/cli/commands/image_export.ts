// `sandbox image export IMAGE|env:NAME`.
import { Fd } from "../../../ffi/fd.ts";
import { O_DIRECTORY, O_RDONLY, open } from "../../../ffi/file.ts";
import { RootfsError } from "../../../rootfs-builder/rootfs_error.ts";
import { baseRoots } from "../../../rootfs-builder/store/environments.ts";
import { environmentPath, lockEnvironment, readBase } from "../../../rootfs-builder/store/open_environment.ts";
import type { Parsed } from "../command.ts";
import { environmentName } from "../environment_name.ts";
import { onStore, type StoreContext } from "../on_store.ts";
import { toOutput } from "../output_file.ts";
import { storedImage } from "../stored_image.ts";
import { unpackedLayers } from "../unpacked_layers.ts";

export async function imageExport(parsed: Parsed): Promise<number> {
  const text = parsed.positionals[0] ?? "";
  const name = text.startsWith("env:") ? environmentName(text.slice(4)) : undefined;
  await onStore(parsed, "export", text, async (context) => {
    using layers = name === undefined ? await imageLayers(text, context, parsed) : environmentLayers(name, context);
    await toOutput(parsed.values.get("--output")?.[0], context.lookups, (fd) => archive(layers.roots, fd, context));
  });
  return 0;
}

/** Absolute paths, the topmost first, in use until they are given back. */
type Layers = Disposable & { readonly roots: readonly string[] };

async function imageLayers(text: string, context: StoreContext, parsed: Parsed): Promise<Layers> {
  const layers = await unpackedLayers(storedImage(text, context), context, parsed);
  return { roots: [...layers.roots].reverse(), [Symbol.dispose]: () => layers[Symbol.dispose]() };
}

function environmentLayers(name: string, { store }: StoreContext): Layers {
  const path = environmentPath(store, name);
  const lock = lockEnvironment(path, name);
  if (!lock)
    throw new RootfsError(
      "export",
      `env:${name}`,
      "there is no such environment",
      "sandbox env ls shows what is there",
    );
  return { roots: [`${path}/upper`, ...baseRoots(store, readBase(path))], [Symbol.dispose]: () => lock.close() };
}

async function archive(roots: readonly string[], fd: number, { jobs }: StoreContext): Promise<void> {
  using stack = new DisposableStack();
  const trees = roots.map((root) => stack.use(open(root, O_RDONLY | O_DIRECTORY)).number);
  // Whoever does the job elsewhere has a standard output of its own.
  const output = fd > 2 ? fd : stack.use(new Fd(fd).dup()).number;
  const ownership = jobs.ownership.kind === "range" ? "set" : "ignore";
  await jobs.run({ kind: "archive", trees, output, whiteouts: "merge", ownership });
}
