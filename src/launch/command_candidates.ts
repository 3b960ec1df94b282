/** execvp(3): a name with a slash is a path; another is looked for in the sandbox's own PATH. */
export function commandCandidates(args: readonly string[], env: readonly string[]): readonly string[] {
  const name = args[0] ?? "";
  if (name.includes("/")) return [name];
  const path = env.find((variable) => variable.startsWith("PATH="))?.slice(5) ?? "/bin:/usr/bin";
  return path.split(":").map((folder) => `${folder === "" ? "." : folder}/${name}`);
}
