// Binary documents of the app (portable.py): uint32 little-endian length of the header, JSON header padded to a
// multiple of 8 bytes, then buffers; offsets in the header count bytes from there. No DOM.

/** Split a document into its JSON header and the offset of its first buffer.  Raises an Error if it is none. */
export function readDocument(buffer) {
  const length = new DataView(buffer).getUint32(0, true);
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 4, length)));
  return { header, body: 4 + length };
}
