#!/usr/bin/env zx
// dist/sandbox: stages, then one executable.
import { $, fs, path } from "zx";

$.verbose = false;
const root = path.resolve(import.meta.dirname, "..");
process.chdir(root);

await $({ stdio: "inherit" })`node_modules/.bin/zx scripts/stages.mjs`;
await fs.mkdirp("dist");
await $({ stdio: "inherit" })`node_modules/.bin/bun build --compile --minify --bytecode --splitting --format=esm \
  --no-compile-autoload-bunfig --no-compile-autoload-dotenv --no-compile-autoload-tsconfig --no-compile-autoload-package-json \
  src/main.ts --outfile dist/sandbox`;
