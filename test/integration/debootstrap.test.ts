// A Debian of debootstrap's as a sandbox presents it: packed again from the inside it is what went in, owners and
// capabilities too where newuidmap maps a range.
import { expect } from "bun:test";
import { join } from "node:path";
import { O_CREAT, O_EXCL, O_RDONLY, O_WRONLY, open } from "../../ffi/file.ts";
import { debootstrapTar, members, noDebootstrapTar } from "../fixtures/rootfs-builder/debootstrap_tar.ts";
import { lineDifferences } from "../support/line_differences.ts";
import { absent, asRoot, noIdRange, testWhere } from "../support/test_where.ts";
import { type Outcome, Workspace } from "../support/workspace.ts";

const MINUTES = 5 * 60_000;
/** What a sandbox lays over any tree. */
const EXCLUDED = ["./dev", "./proc", "./sys", "./etc/hostname", "./etc/hosts", "./etc/resolv.conf"].map(
  (name) => `--exclude=${name}`,
);
/** First against the archive on standard input, contents with it; then all there is as an archive on standard output. */
const SCRIPT = `tar --compare "$@" --numeric-owner -f - -C / >&2
  exec tar --sort=name --format=posix --xattrs --xattrs-include='*' "$@" --numeric-owner -C / -cf - .`;

type Presented = Outcome & { readonly members: readonly string[] };

/** By the store of a workspace of its own, emptied by the program itself: no other can remove files of subordinate ids. */
async function presented(userns: "single" | "range"): Promise<Presented> {
  using here = new Workspace();
  const packed = join(here.root, "packed.tar");
  using input = open(debootstrapTar, O_RDONLY);
  using output = open(packed, O_WRONLY | O_CREAT | O_EXCL, 0o600);
  const args = ["--rootfs", debootstrapTar, "--userns", userns, "--", "sh", "-c", SCRIPT, "sh", ...EXCLUDED];
  const outcome = await here.run(args, { stdin: input.number, stdout: output.number });
  expect((await here.sandbox(["system", "prune", "--all"])).code).toBe(0);
  return { ...outcome, members: members(packed) };
}

/** Putting something there changes the time of the folder. */
function isLaidInto(member: string): boolean {
  return member.endsWith(" ./") || member.endsWith(" ./etc/");
}

function differences(archived: readonly string[], found: readonly string[]): string[] {
  const kept = (listed: readonly string[]): string[] => listed.filter((member) => !isLaidInto(member));
  return lineDifferences(kept(archived), kept(found));
}

/** All there is belongs to the one id, which is root inside; and no capability may be given to a file. */
function asOneId(member: string): string {
  return member.replace(/ \d+\/\d+ /, " 0/0 ").replace(/ x: \d+ security\.capability$/, "");
}

const archived = (): string[] => members(debootstrapTar, ...EXCLUDED);

testWhere(
  noDebootstrapTar,
  asRoot(),
  absent("tar"),
  noIdRange(),
)(
  "with a range of ids, all of it is there",
  async () => {
    const { code, stderr, members: found } = await presented("range");
    expect([code, stderr]).toEqual([0, `Unpacking ${debootstrapTar}\n`]);
    expect(differences(archived(), found)).toEqual([]);
  },
  MINUTES,
);

testWhere(noDebootstrapTar, asRoot(), absent("tar"))(
  "with one id, all of it is there but owners and capabilities",
  async () => {
    const { code, stderr, members: found } = await presented("single");
    expect([code, stderr.replaceAll(/^.*: [UG]id differs\n/gm, "")]).toEqual([0, `Unpacking ${debootstrapTar}\n`]);
    expect(differences(archived().map(asOneId), found)).toEqual([]);
  },
  MINUTES,
);
