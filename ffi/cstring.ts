// NUL-terminated strings. A NUL inside would cut the string short without a word, so it is refused here, at the edge.

const encoder = new TextEncoder();

/** `text` in UTF-8 with a final NUL. Throws RangeError when `text` contains a NUL. */
export function cstring(text: string): Uint8Array<ArrayBuffer> {
  if (text.includes("\0")) throw new RangeError(`a NUL byte in ${JSON.stringify(text)}`);
  return encoder.encode(`${text}\0`) as Uint8Array<ArrayBuffer>;
}
