/**
 * TextDecoder and TextEncoder where there are none: in an AudioWorklet.
 *
 * The loader makes a TextDecoder when it is loaded, and names and the field table are UTF-8, so the
 * library could not even be imported there. Loaded before the loader, for its effect alone; where
 * both exist, that is everywhere else, it does nothing.
 */

/** UTF-8 to text. @throws URIError for what is no UTF-8 */
export function decodeUtf8(bytes: Uint8Array): string {
  let escaped = "";
  for (const byte of bytes) {
    escaped += byte < 0x80 && byte !== 0x25 ? String.fromCharCode(byte) : percent(byte);
  }
  return decodeURIComponent(escaped);
}

/** Text to UTF-8. @throws URIError for half a surrogate pair */
export function encodeUtf8(text: string): Uint8Array {
  const escaped = encodeURIComponent(text);
  const bytes: number[] = [];
  for (let at = 0; at < escaped.length; at++) {
    if (escaped[at] !== "%") {
      bytes.push(escaped.charCodeAt(at));
      continue;
    }
    bytes.push(Number.parseInt(escaped.slice(at + 1, at + 3), 16));
    at += 2;
  }
  return Uint8Array.from(bytes);
}

function percent(byte: number): string {
  return `%${byte.toString(16).padStart(2, "0")}`;
}

/** As much of a TextDecoder as is used here: UTF-8; the loader's for UTF-16 is never called. */
class Decoder {
  decode(bytes: ArrayBuffer | Uint8Array): string {
    return decodeUtf8(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
  }
}

class Encoder {
  encode(text: string): Uint8Array {
    return encodeUtf8(text);
  }
}

const scope = globalThis as { TextDecoder?: unknown; TextEncoder?: unknown };
scope.TextDecoder ??= Decoder;
scope.TextEncoder ??= Encoder;
