// The bound that every format puts on what a client shows.

/** Longest cookie value or token that is looked at, characters. Browsers stop at 4 KiB a cookie. */
export const CREDENTIAL_MAX = 8192;

/** Longest token that comes in several cookies, characters: Node refuses a request whose fields are longer than that together. */
export const CHUNKED_MAX = 16_384;
