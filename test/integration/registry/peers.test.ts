// What we write, skopeo and umoci read; what they write, we read.
import { expect } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { O_RDONLY, open } from "../../../ffi/file.ts";
import { LayoutWriter } from "../../../rootfs-builder/oci/layout_writer.ts";
import { openImageSource } from "../../../rootfs-builder/oci/open_image_source.ts";
import { resolveImage } from "../../../rootfs-builder/oci/resolve_image.ts";
import { saveImage } from "../../../rootfs-builder/oci/save_image.ts";
import { parseImageSource } from "../../../rootfs-builder/oci/source.ts";
import { makeImage } from "../../fixtures/rootfs-builder/oci/image.ts";
import { writeLayout } from "../../fixtures/rootfs-builder/oci/layout.ts";
import { Registry } from "../../support/registry.ts";
import { AMD64, push, sourceOf, succeed, texts } from "../../support/registry_client.ts";
import { absent, testWhere } from "../../support/test_where.ts";
import { workspace } from "../../support/workspace.ts";

const registryTest = testWhere(absent("docker-registry", "skopeo", "umoci"));
const here = workspace();

/** A layout of one image, `v1`. */
async function madeLayout(name: string): Promise<string> {
  const layout = here.folder(name);
  await writeLayout(layout, [{ image: makeImage({ layers: ["one", "two"] }), tag: "v1" }]);
  return layout;
}

registryTest("what was pulled and written as a layout is read by skopeo and umoci", async () => {
  await using registry = await Registry.start(join(here.root, "read"));
  await push(here, `oci:${await madeLayout("made")}:v1`, `${registry.host}/app:v1`);
  const source = sourceOf(`${registry.host}/app:v1`);
  const image = await resolveImage(source, AMD64);
  const path = here.folder("written");
  {
    using folder = open(path, O_RDONLY);
    const writer = new LayoutWriter(folder.number);
    await saveImage(writer, source, image, "pulled");
    writer.finish();
  }
  const inspected = JSON.parse(await succeed(here, "skopeo", "inspect", `oci:${path}:pulled`));
  expect(inspected).toMatchObject({
    Digest: image.manifestDescriptor.digest,
    Architecture: "amd64",
    Env: ["PATH=/bin"],
  });
  await succeed(here, "skopeo", "copy", "--insecure-policy", `oci:${path}:pulled`, `dir:${here.root}/copied`);
  expect(JSON.parse(await succeed(here, "umoci", "stat", "--image", `${path}:pulled`, "--json"))).toBeDefined();
});

registryTest("skopeo's layouts, archives and folders are read", async () => {
  const from = `oci:${await madeLayout("given")}:v1`;
  const forms: readonly (readonly [string, string])[] = [
    ["oci:SKOPEO/layout:v1", "oci:SKOPEO/layout:v1"],
    ["oci-archive:SKOPEO/oci.tar:v1", "oci-archive:SKOPEO/oci.tar:v1"],
    ["oci-archive:SKOPEO/oci.tar:v1", "oci-archive:SKOPEO/oci.tar"],
    ["docker-archive:SKOPEO/docker.tar:app:1", "docker-archive:SKOPEO/docker.tar:app:1"],
    ["dir:SKOPEO/dir", "dir:SKOPEO/dir"],
  ];
  const folder = here.folder("skopeo");
  for (const [to, read] of forms) {
    rmSync(folder, { recursive: true });
    mkdirSync(folder);
    await succeed(here, "skopeo", "copy", "--insecure-policy", from, to.replace("SKOPEO", folder));
    const spec = parseImageSource(read.replace("SKOPEO", folder));
    if (spec.kind === "tarball") throw new Error("no image");
    const source = await openImageSource(spec, { registry: { environment: {} }, scratch: () => -1 });
    const image = await resolveImage(source, AMD64);
    expect(await texts(source, image)).toEqual(["one", "two"]);
    expect(image.config.config.cmd).toEqual(["sh"]);
    source.close();
  }
});

registryTest("umoci's own images are read", async () => {
  const path = join(here.root, "umoci");
  const umoci = (...words: readonly string[]): Promise<string> => succeed(here, "umoci", ...words);
  await umoci("init", "--layout", path);
  await umoci("new", "--image", `${path}:new`);
  await umoci("insert", "--rootless", "--image", `${path}:new`, here.file("inserted", "x"), "/inserted");
  const platform = ["--os", "linux", "--architecture", "amd64"];
  await umoci("config", "--image", `${path}:new`, "--config.user", "1000:1000", "--config.env", "A=b", ...platform);
  await using registry = await Registry.start(join(here.root, "umoci-registry"));
  await push(here, `oci:${path}:new`, `${registry.host}/umoci:1`);
  const source = sourceOf(`${registry.host}/umoci:1`);
  const image = await resolveImage(source, AMD64);
  expect(image.layers.length).toBe(1);
  expect(image.config.config).toMatchObject({ user: "1000:1000" });
});
