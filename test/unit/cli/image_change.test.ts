import { describe, expect, test } from "bun:test";
import { changeConfig } from "../../../rootfs-builder/oci/change_config.ts";
import { commitImage } from "../../../rootfs-builder/oci/commit_image.ts";
import { parseImageConfig } from "../../../rootfs-builder/oci/image_config.ts";
import { parseManifest } from "../../../rootfs-builder/oci/manifest.ts";
import { FaultError } from "../../../src/base/fault.ts";
import { parseChange } from "../../../src/cli/parse/image_change.ts";

const changed = (config: Record<string, unknown>, ...changes: readonly string[]): unknown =>
  changeConfig(config, changes.map(parseChange));

describe("--change", () => {
  test.each([
    [['CMD ["a", "b c"]'], { Cmd: ["a", "b c"] }],
    [["cmd echo $HOME"], { Cmd: ["/bin/sh", "-c", "echo $HOME"] }],
    [["CMD x", 'ENTRYPOINT ["/e"]'], { Entrypoint: ["/e"] }],
    [['ENTRYPOINT ["/e"]', "CMD []"], { Entrypoint: ["/e"], Cmd: [] }],
    [["ENV A=1", "ENV B=x y", "ENV A=2"], { Env: ["A=2", "B=x y"] }],
    [['LABEL a.b="quoted text"', "LABEL c="], { Labels: { "a.b": "quoted text", c: "" } }],
    [["USER 1:2", "WORKDIR /w", "STOPSIGNAL TERM"], { User: "1:2", WorkingDir: "/w", StopSignal: "TERM" }],
    [
      ["EXPOSE 80", "EXPOSE 53/udp", "VOLUME /data"],
      { ExposedPorts: { "80/tcp": {}, "53/udp": {} }, Volumes: { "/data": {} } },
    ],
  ])("%j", (changes, wanted) => {
    expect(changed({}, ...changes)).toEqual(wanted);
  });

  test("what is there and not meant stays", () => {
    const config = { Env: ["PATH=/bin"], Cmd: ["sh"], Labels: { a: "1" }, Other: [1] };
    expect(changed(config, "ENV X=y", "LABEL b=2")).toEqual({
      ...config,
      Env: ["PATH=/bin", "X=y"],
      Labels: { a: "1", b: "2" },
    });
  });

  test.each([
    ["RUN x"],
    ["CMD"],
    ["CMD [1]"],
    ['CMD ["a"'],
    ["ENV A"],
    ["ENV =x"],
    ["WORKDIR rel"],
    ["EXPOSE x"],
    ["VOLUME v"],
    [""],
    ["constructor x"],
  ])("%j is refused", (text) => {
    expect(() => parseChange(text)).toThrow(FaultError);
  });
});

describe("commitImage", () => {
  const digest = (digit: string): `sha256:${string}` => `sha256:${digit.repeat(64)}`;
  const blob = (digit: string) => ({
    mediaType: "application/vnd.oci.image.layer.v1.tar",
    digest: digest(digit),
    size: 7,
  });
  const request = {
    platform: { os: "linux", architecture: "arm", variant: "v7" },
    layers: [{ blob: blob("c"), diffId: digest("c"), createdBy: "commit" }],
    changes: [parseChange("USER u")],
    author: "Ann",
    created: "2026-01-02T03:04:05Z",
  };

  test("of nothing", () => {
    const made = commitImage({ ...request, base: undefined });
    const config = parseImageConfig(made.configBytes, "it");
    expect(config.platform).toEqual(request.platform);
    expect(config.diffIds).toEqual([digest("c")]);
    expect(parseManifest(made.manifestBytes, made.manifestDescriptor.mediaType, "it").layers.length).toBe(1);
  });

  test("on an image: what it says is kept, and the history tells of every layer", () => {
    const old = {
      architecture: "amd64",
      os: "linux",
      unknown: 1,
      config: { Cmd: ["x"], User: "old" },
      rootfs: {},
      history: [{ created_by: "e", empty_layer: true }],
    };
    const base = {
      manifestType: "application/vnd.docker.distribution.manifest.v2+json",
      configBytes: new TextEncoder().encode(JSON.stringify(old)),
      layers: [{ blob: blob("a"), diffId: digest("b") }],
    };
    const made = commitImage({ ...request, base });
    const config = JSON.parse(new TextDecoder().decode(made.configBytes));
    expect(config).toMatchObject({
      architecture: "amd64",
      unknown: 1,
      config: { Cmd: ["x"], User: "u" },
      author: "Ann",
    });
    expect(config.rootfs.diff_ids).toEqual([digest("b"), digest("c")]);
    expect(config.history.map(({ created_by }: { created_by?: string }) => created_by)).toEqual([
      "e",
      undefined,
      "commit",
    ]);
    expect(made.manifestDescriptor.mediaType).toBe(base.manifestType);
  });
});
