// A resolved image out of any source into a layout: what is saved is its one manifest with all that this names.
import type { Descriptor } from "./descriptor.ts";
import type { ImageSource } from "./image_source.ts";
import type { LayoutWriter } from "./layout_writer.ts";
import type { ResolvedImage } from "./resolve_image.ts";

/** `name` is the image's in the layout, if any; it is there once the writer has finished. Gives the manifest's descriptor. */
export async function saveImage(
  writer: LayoutWriter,
  source: Pick<ImageSource, "name" | "blob">,
  image: ResolvedImage,
  name: string | undefined,
): Promise<Descriptor> {
  for (const { descriptor } of image.layers) await writer.add(descriptor, source);
  writer.addBytes(image.configBytes, image.manifest.config.mediaType);
  writer.addBytes(image.manifestBytes, image.manifest.mediaType);
  writer.tag(image.manifestDescriptor, name);
  return image.manifestDescriptor;
}
