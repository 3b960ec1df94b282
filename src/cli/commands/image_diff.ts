// `sandbox image diff IMAGE|env:NAME`.
import { O_DIRECTORY, O_RDONLY, open } from "../../../ffi/file.ts";
import { diffEnvironment } from "../../../rootfs-builder/store/environments.ts";
import type { Parsed } from "../command.ts";
import { environmentName } from "../environment_name.ts";
import { onStore } from "../on_store.ts";
import { printChanges } from "../print_changes.ts";
import { storedImage } from "../stored_image.ts";
import { unpackedLayers } from "../unpacked_layers.ts";

export async function imageDiff(parsed: Parsed): Promise<number> {
  const text = parsed.positionals[0] ?? "";
  const environment = text.startsWith("env:") ? environmentName(text.slice(4)) : undefined;
  const changes = await onStore(parsed, "compare", text, async (context) => {
    const { store, jobs } = context;
    if (environment !== undefined) return await diffEnvironment(store, environment, jobs.run);
    using image = await unpackedLayers(storedImage(text, context), context, parsed);
    using stack = new DisposableStack();
    const folders = image.roots.map((root) => stack.use(open(root, O_RDONLY | O_DIRECTORY)).number).reverse();
    const [upper, ...bases] = folders;
    return upper === undefined ? [] : await jobs.run({ kind: "compare", upper, bases });
  });
  return printChanges(changes, parsed.switches.has("--json"));
}
