// Alpine's minirootfs releases that this program knows, each pinned to the digest that Alpine publishes beside it: a mirror
// need not be trusted, nor the way to it.
import { RootfsError } from "../rootfs_error.ts";

/** As Alpine spells them in its addresses. */
export type AlpineArch = "x86_64" | "aarch64";

export type AlpineRelease = {
  /** `3.22.6`. */
  readonly version: string;
  readonly arch: AlpineArch;
  /** Of `alpine-minirootfs-VERSION-ARCH.tar.gz`, in hex. */
  readonly sha512: string;
};

type Pinned = { readonly version: string; readonly sha512: Readonly<Record<AlpineArch, string>> };

/** The newest point release of each branch, the newest branch first. */
const RELEASES: readonly Pinned[] = [
  {
    version: "3.24.2",
    sha512: {
      x86_64:
        "bb1cbdc0395826774d8843736624c8ddc225a76de7d70e04444f5390c54986e14b2fa3ad0ca367dfa36dddfc8ebe1d2b4cbcf5cc9993e85badaf96104518f1fc",
      aarch64:
        "c717aa68d67a354c7f46488eacb459c7a80951bcd7ea255f04a574aba1a6c5144f2117866e674f27fc92df0f05dd7685c1e6824b88ddd41994803d6fb025395c",
    },
  },
  {
    version: "3.23.6",
    sha512: {
      x86_64:
        "5a7f8ac5ddbbd9d6d9e2f32c080f6ae9e9d8fa41443d4d1f024455ef160c35a097673effaf7de02a58a1a5389939e3f14aa581a0132e2bcba598a2b55cefa4fd",
      aarch64:
        "08f11ba7686574858b74bf2bc3644e551a0dad5868e420acb48c52c9ff10be4a2924b40a5a63918c134cd5c72e337fd7408374be08314105e98205e7e9b540dc",
    },
  },
  {
    version: "3.22.6",
    sha512: {
      x86_64:
        "c3b8e0ae0f22b5a0ded05cf44f8f462e2ad05a0734bb3e4953996f352536feb17262711260da3506b42cfcae26d639acb819597522dc114e9aae8a0a81e1b524",
      aarch64:
        "38da953616160a66242e3cdb03a8eb4e80ab2a2686340f5c262b4cad4193083e63cc3620d34de9f4f6cc355a79bbd2379720e63b3f864843faf59d1b736f18b4",
    },
  },
  {
    version: "3.21.8",
    sha512: {
      x86_64:
        "8601b0649d002af3cf9d8949ee9063e841bb80bf1fa6bff836d7edc6047c00f650b5f6b5c70c766bb86408a572c4c8f90133d9880706c027d40ea3e357cdcdf3",
      aarch64:
        "04276f5e9fd82cc6c3da535c8f9b9e61a94958577366195468253201e2e0ff92536a52a398f1ae17be11884270bab6c012abd15c0651693451219269318c9f67",
    },
  },
  {
    version: "3.20.3",
    sha512: {
      x86_64:
        "9d5405f61f8a6ebc02461ba75346fbf1a63a4eab8510a0158dd321cee0c4dafe28c2a3d2cb7c3d75e2a8130dae0c3c92382f5b6adeea309eafc97621c5bf6400",
      aarch64:
        "cb3ba1d3ac8b90cb85a4fe2a0e26a42af542f64ea86598d0409bc35493c4e561229f8d3142a23013c98b1a037495a8bf123ff977066230ab36a3a13dc92da9c4",
    },
  },
];

/** The names of all releases, the newest first. */
export const ALPINE_VERSIONS: readonly string[] = RELEASES.map(({ version }) => version);

/**
 * The release that `text` asks for: `3.22.6`; `3.22` or `3`, the newest of it; `latest` and `latest-stable` (so called on the
 * mirrors), the newest of all; or the empty text, which is `embedded` where the program carries one (so that it works with no network) and else the newest.
 * Throws {@link RootfsError} for one that is not in the table.
 */
export function resolveAlpine(text: string, arch: AlpineArch, embedded?: string): AlpineRelease {
  const wanted = text === "" ? (embedded ?? "latest") : text.replace(/^v/, "");
  const newest = wanted === "latest" || wanted === "latest-stable";
  const found = RELEASES.find(({ version }) => newest || `${version}.`.startsWith(`${wanted}.`));
  if (found) return { version: found.version, arch, sha512: found.sha512[arch] };
  if (wanted === "edge") throw edge();
  throw new RootfsError(
    "use",
    `alpine:${text}`,
    "no digest is known for that release",
    `Known are ${ALPINE_VERSIONS.join(", ")}. For another one, download its minirootfs and give --rootfs FILE.tar.gz`,
  );
}

function edge(): RootfsError {
  return new RootfsError(
    "use",
    "alpine:edge",
    "it changes from day to day, so there is no digest that it could be pinned to",
    "Take alpine:latest-stable, the newest release; or download a snapshot of edge and give --rootfs FILE.tar.gz",
  );
}
