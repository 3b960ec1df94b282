// `sandbox port add SANDBOX PORT...`: the ports are bound here, where there is somebody to be told, and handed to the sandbox.
import type { Parsed } from "../command.ts";
import { parsePublish } from "../parse/publish.ts";
import { print } from "../print.ts";
import { bindPorts, boundPort } from "../run_ports.ts";
import { findSandbox, openRegistry } from "../running_sandbox.ts";
import { SandboxPorts } from "../sandbox_ports.ts";

export function portAdd({ positionals: [word = "", ...texts] }: Parsed): number {
  const wanted = texts.flatMap((text) => parsePublish(text, "publish"));
  const registry = openRegistry();
  const sandbox = findSandbox(registry, word);
  using ports = new SandboxPorts(registry, sandbox);
  const bound = bindPorts(wanted, 0, `sandbox port add ${word} `);
  ports.add(bound);
  for (const port of bound) print(`${boundPort(port)}\n`);
  return 0;
}
