// The bound that every format puts on what a client shows.

/** Longest cookie value or token that is looked at, characters. Browsers stop at 4 KiB a cookie. */
export const CREDENTIAL_MAX = 8192;
