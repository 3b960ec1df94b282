// Messages of the D-Bus specification ("Message Protocol"): a header, `yyyyuua(yv)`, and a body whose signature the header has. Pure.
import { DbusError } from "./dbus_error.ts";
import { marshal } from "./marshal.ts";
import { unmarshal } from "./unmarshal.ts";
import { isVariant, type Value, variant } from "./value.ts";

const KINDS = { 1: "call", 2: "return", 3: "error", 4: "signal" } as const;
export type MessageKind = (typeof KINDS)[keyof typeof KINDS];

/** What is read of one; absent where it has none of it. */
export type Message = {
  /** `other`: a kind that the specification leaves to later ones, to be passed over. */
  readonly kind: MessageKind | "other";
  readonly path?: string;
  readonly interface?: string;
  readonly member?: string;
  readonly errorName?: string;
  readonly replySerial?: number;
  readonly sender?: string;
  readonly body: readonly Value[];
};

export type Call = {
  readonly serial: number;
  readonly destination: string;
  readonly path: string;
  readonly interface: string;
  readonly member: string;
  readonly signature?: string;
  readonly body?: readonly Value[];
};

const FIELD = {
  path: 1,
  interface: 2,
  member: 3,
  errorName: 4,
  replySerial: 5,
  destination: 6,
  sender: 7,
  signature: 8,
};
const HEADER = "yyyyuua(yv)";
const VERSION = 1;
/** Up to the length of the array of fields. */
const FIXED_BYTES = 16;
/** The specification's is 128 MiB; whoever sends us that much is not who we want to speak to. */
const LARGEST_MESSAGE = 1 << 20;

/** A method call. */
export function formatCall({ serial, signature = "", body = [], ...names }: Call): Uint8Array {
  const content = marshal(signature, body);
  const fields: Value[] = [
    [FIELD.path, variant("o", names.path)],
    [FIELD.interface, variant("s", names.interface)],
    [FIELD.member, variant("s", names.member)],
    [FIELD.destination, variant("s", names.destination)],
    ...(signature === "" ? [] : [[FIELD.signature, variant("g", signature)]]),
  ];
  const header = marshal(HEADER, ["l".charCodeAt(0), 1, 0, VERSION, content.length, serial, fields]);
  const message = new Uint8Array(padded(header.length) + content.length);
  message.set(header);
  message.set(content, padded(header.length));
  return message;
}

/** The first message in `bytes`, and its length; `undefined` while it is not all there. */
export function parseMessage(bytes: Uint8Array): { readonly message: Message; readonly length: number } | undefined {
  if (bytes.length < FIXED_BYTES) return undefined;
  const little = isLittle(bytes[0] ?? 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const bodyAt = padded(FIXED_BYTES + view.getUint32(12, little));
  const length = bodyAt + view.getUint32(4, little);
  if (bytes[3] !== VERSION) throw new DbusError("another version of the protocol");
  if (length > LARGEST_MESSAGE) throw new DbusError(`a message of ${length} bytes`);
  if (bytes.length < length) return undefined;
  return { message: messageOf(bytes.subarray(0, bodyAt), bytes.subarray(bodyAt, length), little), length };
}

function messageOf(header: Uint8Array, content: Uint8Array, little: boolean): Message {
  const { values, end } = unmarshal(HEADER, header, little);
  if (header.subarray(end).some((byte) => byte !== 0)) throw new DbusError("padding that is not zero");
  const [, kind, , , , serial, list] = values;
  if (kind === 0 || serial === 0) throw new DbusError("a message without a kind or number");
  const { signature = "", ...fields } = fieldsOf(list);
  const body = unmarshal(signature, content, little);
  if (body.end !== content.length) throw new DbusError("a body that its signature does not end with");
  return { kind: KINDS[kind as keyof typeof KINDS] ?? "other", ...fields, body: body.values };
}

type Fields = Omit<Message, "kind" | "body"> & { readonly signature?: string };

/** Fields that are not known are to be passed over. */
function fieldsOf(list: Value | undefined): Fields {
  const fields = new Map<Value | undefined, Value>();
  for (const entry of Array.isArray(list) ? list : []) fields.set(entry[0], entry[1]);
  return {
    ...textField(fields, "path", "o"),
    ...textField(fields, "interface", "s"),
    ...textField(fields, "member", "s"),
    ...textField(fields, "errorName", "s"),
    ...textField(fields, "sender", "s"),
    ...textField(fields, "signature", "g"),
    ...serialField(fields),
  };
}

type TextField = "path" | "interface" | "member" | "errorName" | "sender" | "signature";

function textField(fields: ReadonlyMap<Value | undefined, Value>, name: TextField, type: string): Partial<Fields> {
  const value = fieldOf(fields, name, type);
  return typeof value === "string" ? { [name]: value } : {};
}

function serialField(fields: ReadonlyMap<Value | undefined, Value>): Partial<Fields> {
  const value = fieldOf(fields, "replySerial", "u");
  return typeof value === "number" ? { replySerial: value } : {};
}

function fieldOf(
  fields: ReadonlyMap<Value | undefined, Value>,
  name: keyof typeof FIELD,
  type: string,
): Value | undefined {
  const value = fields.get(FIELD[name]);
  if (value === undefined) return undefined;
  if (!isVariant(value) || value.signature !== type) throw new DbusError(`the field ${name} is of another type`);
  return value.value;
}

function isLittle(byte: number): boolean {
  const order = String.fromCharCode(byte);
  if (order !== "l" && order !== "B") throw new DbusError("no byte order");
  return order === "l";
}

function padded(length: number): number {
  return Math.ceil(length / 8) * 8;
}
