// A ready AppArmor profile, apparmor.d(5), that gives one program back its user namespaces and restricts nothing else.

export type ProfileText = { readonly file: string; readonly text: string };

/** For the program at absolute `path`. Named after the path, as profiles are, so that two copies do not collide. */
export function appArmorProfile(path: string): ProfileText {
  const name = path.replace(/^\/+/, "").replaceAll(/[^\w.-]+/g, ".");
  const text = `abi <abi/4.0>,
include <tunables/global>

profile ${name} ${quote(path)} flags=(unconfined) {
  userns,
  include if exists <local/${name}>
}
`;
  return { file: `/etc/apparmor.d/${name}`, text };
}

/** Commands that write and load it. */
export function installProfile(path: string): string {
  const { file, text } = appArmorProfile(path);
  return `sudo tee ${file} >/dev/null <<'EOF'\n${text}EOF\nsudo apparmor_parser -r ${file}`;
}

/** Characters with a meaning in a pattern are escaped; white space needs quotes. */
function quote(path: string): string {
  const escaped = path.replaceAll(/[\\*?[\]{}^@"]/g, "\\$&");
  return /\s/.test(path) ? `"${escaped}"` : escaped;
}
