#!/usr/bin/env zx
// The machine that `npm run test:vm` boots: an emulator, a kernel and a root file system, of Debian packages alone. Made once,
// and again when what it is made from has changed.
//
//   npm run vm:image [-- --force]
//
//   SANDBOX_VM_CACHE=DIR     where to (default: $XDG_CACHE_HOME/sandbox-vm, else ~/.cache/sandbox-vm; about 400 MB)
//   SANDBOX_VM_MIRROR=URL    Debian's mirror (default: the one that apt has on this machine, else deb.debian.org)
//
// Root needs nothing more than the programs below. Anyone else needs a range of ids in /etc/subuid and /etc/subgid, newuidmap,
// and unshare(1) of util-linux 2.38, by which the script goes on as root of a user namespace.
import { arch } from "node:os";
import { $, argv, fs, path, which } from "zx";
import { cacheFolder, imageFolder } from "../test/vm/harness/image_place.mjs";

$.verbose = false;
// Ctrl-C is for all that runs.
$.detached = false;
const SUITE = "trixie";
const EMULATOR = ["qemu-system-x86", "virtiofsd"];
const GUEST = [
  ["linux-image-cloud-amd64", "systemd", "systemd-sysv", "udev", "kmod"],
  ["dbus", "dbus-user-session", "libpam-systemd", "login", "passwd", "sudo", "uidmap"],
  ["iproute2", "nftables", "procps", "util-linux", "curl", "ca-certificates", "busybox-static"],
].flat();
const KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg";
// Sparse; what is free is the guest's to fill, and is thrown away with it.
const DISK = "4G";
const STALE_DAYS = 14;

const checkout = path.resolve(import.meta.dirname, "..");
const source = path.join(checkout, "test/vm");
const folder = imageFolder();

function fail(message) {
  console.error(`vm:image: ${message}`);
  process.exit(125);
}

async function checkHost() {
  if (arch() !== "x64") fail(`the machine is an x86-64 one, and this host is ${arch()}`);
  const packages = { mmdebstrap: "mmdebstrap", mke2fs: "e2fsprogs", zstd: "zstd" };
  const missing = [];
  for (const [program, name] of Object.entries(packages))
    if (!(await which(program, { nothrow: true, path: `${process.env.PATH}:/usr/sbin:/sbin` }))) missing.push(name);
  if (!fs.existsSync(KEYS)) missing.push("debian-archive-keyring");
  if (missing.length > 0) fail(`missing here; as root: apt-get install --no-install-recommends ${missing.join(" ")}`);
}

/** This script again, as root of a user namespace that has the caller's range of ids. */
async function asRootOfNamespace() {
  const unshare = ["unshare", "--user", "--map-root-user", "--map-auto", "--mount"];
  const probe = await $`${unshare} true`.nothrow();
  if (probe.exitCode !== 0)
    fail(
      `needs root, or for ${process.env.USER ?? "you"} a range in /etc/subuid and /etc/subgid, newuidmap (package uidmap), and user namespaces: ${probe.stderr.trim()}`,
    );
  const { exitCode } = await $({ stdio: "inherit" })`${unshare} ${process.execPath} ${process.argv.slice(1)}`.nothrow();
  process.exit(exitCode ?? 125);
}

/** Debian's own mirror as apt has it here: a near one, or the only one that can be reached. */
async function mirror() {
  if (process.env.SANDBOX_VM_MIRROR) return process.env.SANDBOX_VM_MIRROR;
  const format = ["--format", "$(REPO_URI)", "Created-By: Packages", "Origin: Debian", "Label: Debian"];
  const listed = (await $`apt-get indextargets ${format}`.nothrow()).stdout.split("\n");
  return listed.find((uri) => /^https?:/.test(uri));
}

async function strap(variant, packages, target) {
  const uri = await mirror();
  const sources = uri ? [`deb [signed-by=${KEYS}] ${uri} ${SUITE} main`] : [];
  const without = ["doc", "man", "locale", "info"].map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  // The kernel's package would have an initrd made, which nothing here reads.
  const done = await $({
    env: { ...process.env, INITRD: "No" },
  })`mmdebstrap --quiet --mode=root --variant=${variant} --include=${packages.join(",")} \
    --aptopt=${'Acquire::Languages "none"'} ${without} ${SUITE} ${target} ${sources}`.nothrow();
  if (done.exitCode !== 0) throw new Error(`mmdebstrap could not make ${path.basename(target)}:\n${done.stderr}`);
}

async function furnish(root) {
  // Its range of subordinate ids, 100000:65536, comes with it.
  await $`chroot ${root} useradd --create-home --uid 1000 --shell /bin/bash dev`;
  await $`cp -r --no-preserve=ownership ${path.join(source, "image")}/. ${root}`;
  fs.writeFileSync(path.join(root, "etc/hostname"), "vm\n");
  fs.writeFileSync(path.join(root, "etc/hosts"), "127.0.0.1 localhost vm\n::1 localhost\n");
  fs.writeFileSync(path.join(root, "etc/machine-id"), "76c1f05a4b3e4e7a8f0d0b7d5f1e2a93\n");
  fs.mkdirpSync(path.join(root, "mnt/host"));
  fs.outputFileSync(path.join(root, "var/lib/systemd/linger/dev"), "");
  const units = path.join(root, "etc/systemd/system");
  for (const unit of maskedUnits()) mask(path.join(units, unit));
  fs.symlinkSync("vm.target", path.join(units, "default.target"));
  // What they would generate units from (fstab, the kernel's command line, partitions) is not there.
  for (const name of fs.readdirSync(path.join(root, "usr/lib/systemd/system-generators")))
    mask(path.join(root, "etc/systemd/system-generators", name));
}

function maskedUnits() {
  const lines = fs.readFileSync(path.join(source, "masked_units"), "utf8").split("\n");
  return lines.filter((line) => line !== "" && !line.startsWith("#"));
}

function mask(file) {
  fs.mkdirpSync(path.dirname(file));
  fs.symlinkSync("/dev/null", file);
}

/**
 * The ELF kernel inside a bzImage, by the fields of its setup header (Documentation/arch/x86/boot.rst): an emulator that starts at
 * the PVH entry does not have to emulate the decompressor. The payload ends in four bytes that tell its size.
 */
async function unpackKernel(root, to) {
  const boot = path.join(root, "boot");
  const name = fs.readdirSync(boot).find((file) => file.startsWith("vmlinuz-"));
  const image = fs.readFileSync(path.join(boot, name));
  const setupSectors = image[0x1f1];
  const start = (setupSectors + 1) * 512 + image.readUInt32LE(0x248);
  const payload = image.subarray(start, start + image.readUInt32LE(0x24c) - 4);
  fs.writeFileSync(`${to}.zst`, payload);
  await $`zstd -q -d --rm ${to}.zst -o ${to}`;
  return name.slice("vmlinuz-".length);
}

async function makeImage(work) {
  const root = path.join(work, "root");
  console.log("vm:image: packages");
  const both = [strap("extract", EMULATOR, path.join(work, "emulator")), strap("minbase", GUEST, root)];
  // Neither is left running when the other has failed.
  await Promise.allSettled(both);
  await Promise.all(both);
  await furnish(root);
  const release = await unpackKernel(root, path.join(work, "vmlinux"));
  for (const left of ["boot", "var/lib/apt/lists", "var/cache/apt"]) fs.emptyDirSync(path.join(root, left));
  console.log("vm:image: file system");
  await $`mke2fs -q -t ext4 -O ^has_journal -m 0 -E lazy_itable_init=1 -d ${root} ${path.join(work, "root.img")} ${DISK}`;
  await $`rm -rf --one-file-system ${root}`;
  return release;
}

/** Images of other checkouts are theirs to use, until nobody has for a while. */
function removeStale() {
  const before = Date.now() - STALE_DAYS * 86_400_000;
  for (const name of fs.readdirSync(cacheFolder())) {
    const other = path.join(cacheFolder(), name);
    if (other !== folder && fs.statSync(other).mtimeMs < before) fs.removeSync(other);
  }
}

async function build() {
  fs.mkdirpSync(cacheFolder());
  removeStale();
  const work = fs.mkdtempSync(path.join(cacheFolder(), "making-"));
  // mkdtemp's 0700 would keep others from an image that root has made.
  fs.chmodSync(work, 0o755);
  try {
    const began = Date.now();
    const release = await makeImage(work);
    fs.removeSync(folder);
    fs.renameSync(work, folder);
    console.log(`vm:image: ${folder}, Linux ${release}, made in ${Math.round((Date.now() - began) / 1000)} s`);
  } finally {
    await $`rm -rf --one-file-system ${work}`;
  }
}

async function main() {
  if (fs.existsSync(folder) && !argv.force) {
    // So that removeStale() spares it; one that root has made for others stays as old as it is.
    if (fs.statSync(folder).uid === process.getuid()) fs.utimesSync(folder, new Date(), new Date());
    return console.log(`vm:image: ${folder}, up to date`);
  }
  await checkHost();
  if (process.getuid() !== 0) await asRootOfNamespace();
  process.env.PATH += ":/usr/sbin:/sbin";
  await build();
}

await main().catch((error) => fail(error.message));
