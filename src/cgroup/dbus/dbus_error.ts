/** What came is not what the D-Bus specification has; or what was to be sent. */
export class DbusError extends Error {}
