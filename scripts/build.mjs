#!/usr/bin/env zx
// dist/sandbox: the C stages, a base executable that the caller's environment cannot steer, then one file.
//
//   ALPINE_MINIROOTFS=FILE   an Alpine minirootfs tarball to embed (else one in ../shared/alpine, else none)
//   SANDBOX_BUILD_DIR=DIR    where to (default: dist)
import { createRequire } from "node:module";
import { arch } from "node:os";
import { $, fs, glob, path } from "zx";

$.verbose = false;
const root = path.resolve(import.meta.dirname, "..");
process.chdir(root);
const out = process.env.SANDBOX_BUILD_DIR ?? "dist";

// Variables that make a compiled program run other code than its own, before its first line (README, "What the environment can do").
// There is no switch; so their names are made ones that nothing sets. Same length, since it is done in the executable.
const STEERING = ["BUN_BE_BUN", "BUN_OPTIONS", "BUN_INSPECT"];

/** Bun's own executable, as npm installed it. An npm that runs no install scripts leaves a place holder of a few bytes. */
async function bunExecutable() {
  const folder = path.dirname(createRequire(import.meta.url).resolve("bun/package.json"));
  const executable = path.join(folder, "bin", "bun.exe");
  if (fs.statSync(executable).size < 1e6) await $({ cwd: folder })`node install.js`;
  return fs.realpathSync(executable);
}

async function deafenedBase() {
  const bytes = fs.readFileSync(await bunExecutable());
  for (const name of STEERING) {
    const places = rename(bytes, name);
    if (places === 0) throw new Error(`build: ${name} is not in this Bun: see what replaced it before releasing`);
  }
  const base = path.join(out, ".base");
  fs.writeFileSync(base, bytes, { mode: 0o755 });
  return base;
}

function rename(bytes, name) {
  let places = 0;
  for (let at = bytes.indexOf(name); at >= 0; at = bytes.indexOf(name, at)) {
    bytes[at] = 1;
    places++;
  }
  return places;
}

async function alpineTarball() {
  const machine = { x64: "x86_64", arm64: "aarch64" }[arch()];
  const named = process.env.ALPINE_MINIROOTFS;
  if (named) {
    if (!fs.existsSync(named)) throw new Error(`build: ALPINE_MINIROOTFS=${named} does not exist`);
    return path.resolve(named);
  }
  const found = await glob(`../shared/alpine/alpine-minirootfs-*-${machine}.tar.gz`);
  return found.length > 0 ? path.resolve(found.sort().at(-1)) : "";
}

/** Puts the tarball where rootfs-builder/alpine/embedded.ts imports it from; the definitions that say what it is. */
async function placeAlpine(tarball) {
  const place = "rootfs-builder/alpine/build/minirootfs.tar.gz";
  const [, version = "", machine = ""] = /alpine-minirootfs-([\w.]+)-(x86_64|aarch64)\.tar\.gz$/.exec(tarball) ?? [];
  if (tarball !== "" && version === "")
    throw new Error(`build: ${tarball} is not named alpine-minirootfs-VERSION-ARCH.tar.gz`);
  await fs.remove(place);
  if (tarball !== "") await fs.copy(tarball, place);
  const define = (name, value) => ["--define", `process.env.${name}=${JSON.stringify(value)}`];
  return [...define("SANDBOX_EMBED_ALPINE_VERSION", version), ...define("SANDBOX_EMBED_ALPINE_ARCH", machine)];
}

await fs.mkdirp(out);
await $({ stdio: "inherit" })`node_modules/.bin/zx scripts/stages.mjs`;
const base = await deafenedBase();
const alpine = await alpineTarball();
const embed = await placeAlpine(alpine);
// The other architecture's tables and branches are left out.
const machine = ["--define", `process.arch=${JSON.stringify(process.env.SANDBOX_ARCH ?? arch())}`];
const flags = ["--compile", "--minify", "--bytecode", "--splitting", "--format=esm"];
const deaf = ["bunfig", "dotenv", "tsconfig", "package-json"].map((name) => `--no-compile-autoload-${name}`);
await $({
  stdio: "inherit",
})`node_modules/.bin/bun build ${flags} ${deaf} --compile-executable-path=${base} ${embed} ${machine} src/main.ts --outfile ${out}/sandbox`;
await fs.remove(base);
fs.writeFileSync(`${out}/sandbox.1`, (await $`${out}/sandbox man`).stdout);
console.log(`alpine: ${alpine === "" ? "none embedded" : path.basename(alpine)}`);
