// What may stand in a command's place.

export const GLOBAL_FLAGS: readonly { readonly name: `--${string}`; readonly short: string; readonly help: string }[] =
  [
    { name: "--help", short: "-h", help: "List the commands" },
    { name: "--version", short: "-V", help: "Print the version" },
  ];
