// codeOfLink is the claim code in the address of the QR code CLAIM.svg, "/claim#CODE". Another fragment
// is no code.
export const codeOfLink = (hash: string) => /^#([0-9A-Za-z-]{1,32})$/.exec(hash)?.[1] ?? "";
