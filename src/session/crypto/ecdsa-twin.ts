// The other signature of the same text: whoever has an ECDSA signature (r, s) can make (r, n − s) of it without the key, and both verify.

/** Order of the curve's group, by the algorithm of RFC 7518 section 3.4 (SEC 2, sections 2.4.2, 2.5.1 and 2.6.1). */
const ORDERS: Readonly<Record<string, bigint>> = {
  ES256: 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n,
  ES384: 0xffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973n,
  ES512:
    0x01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409n,
};

/** The twin of a signature in the form of RFC 7518 (r and s, one behind the other); null: `algorithm` is no ECDSA, or it is none. */
export function ecdsaTwin(algorithm: string, signature: Uint8Array): Buffer | null {
  const order = Object.hasOwn(ORDERS, algorithm) ? ORDERS[algorithm]! : null;
  const half = signature.length / 2;
  if (order === null || half < 1 || !Number.isInteger(half)) return null;
  const s = BigInt(`0x${Buffer.from(signature.subarray(half)).toString('hex')}`);
  if (s === 0n || s >= order) return null;
  const twin = (order - s).toString(16).padStart(half * 2, '0');
  return twin.length > half * 2
    ? null
    : Buffer.concat([signature.subarray(0, half), Buffer.from(twin, 'hex')]);
}
