/** What completion asks for the sandboxes that run: a command that is not for people, so no help speaks of it. */
export const NAMES_COMMAND = "internal-names";
