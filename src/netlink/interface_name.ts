// Names of network interfaces: at most 15 bytes and a NUL (IFNAMSIZ), and what dev_valid_name() of the kernel refuses.

export const IFNAMSIZ = 16;

/** Throws RangeError for what the kernel would refuse with no more than EINVAL, or cut short. */
export function checkInterfaceName(name: string): string {
  const fits = new TextEncoder().encode(name).length < IFNAMSIZ;
  const valid = name !== "" && name !== "." && name !== ".." && fits && !/[/:\s\0]/.test(name);
  if (!valid) throw new RangeError(`${JSON.stringify(name)} is no name for a network interface`);
  return name;
}
