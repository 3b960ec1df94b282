// What an image says of how it is to be run, changed as a Dockerfile's instructions change it (`--change`). Pure.

export type ConfigChange =
  | { readonly kind: "words"; readonly field: "Cmd" | "Entrypoint"; readonly value: readonly string[] }
  | { readonly kind: "text"; readonly field: "User" | "WorkingDir" | "StopSignal"; readonly value: string }
  | { readonly kind: "env" | "label"; readonly name: string; readonly value: string }
  | { readonly kind: "key"; readonly field: "ExposedPorts" | "Volumes"; readonly name: string };

/** The member `config` of a configuration, as JSON. */
export type ExecutionDocument = Readonly<Record<string, unknown>>;

/** In their order: an ENTRYPOINT takes away the command that was there, which was not written for it. */
export function changeConfig(config: ExecutionDocument, changes: readonly ConfigChange[]): ExecutionDocument {
  return changes.reduce(apply, config);
}

function apply(config: ExecutionDocument, change: ConfigChange): ExecutionDocument {
  switch (change.kind) {
    case "words": {
      const { Cmd: _, ...rest } = config;
      return { ...(change.field === "Entrypoint" ? rest : config), [change.field]: change.value };
    }
    case "text":
      return { ...config, [change.field]: change.value };
    case "env":
      return { ...config, Env: withVariable(config.Env, change.name, change.value) };
    case "label":
      return { ...config, Labels: { ...objectOf(config.Labels), [change.name]: change.value } };
    case "key":
      return { ...config, [change.field]: { ...objectOf(config[change.field]), [change.name]: {} } };
  }
}

/** At its place where it is there already. */
function withVariable(env: unknown, name: string, value: string): readonly string[] {
  const list = Array.isArray(env) ? env.filter((item): item is string => typeof item === "string") : [];
  const at = list.findIndex((item) => item.startsWith(`${name}=`));
  return at < 0 ? [...list, `${name}=${value}`] : list.with(at, `${name}=${value}`);
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
}
