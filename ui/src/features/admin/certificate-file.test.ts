import { expect, it } from "vitest";
import { readCertificate } from "./certificate-file";

it("a certificate in bytes becomes one in text", async () => {
  const der = Uint8Array.from({ length: 100 }, (_, i) => (i ? (i * 7) % 256 : 0x30));
  const lines = (await readCertificate(new Blob([der]))).split("\n");
  expect(lines[0]).toBe("-----BEGIN CERTIFICATE-----");
  expect(lines[1]).toHaveLength(64);
  expect(lines.slice(-2)).toEqual(["-----END CERTIFICATE-----", ""]);
  expect(Uint8Array.from(atob(lines.slice(1, -2).join("")), (c) => c.charCodeAt(0))).toEqual(der);
});

it("a certificate in text stays as it is", async () => {
  const pem = "CA of the school\n-----BEGIN CERTIFICATE-----\nMA==\n-----END CERTIFICATE-----\n";
  expect(await readCertificate(new Blob([pem]))).toBe(pem);
});

it("another file is refused at once", async () => {
  const gone = Object.assign(new Blob(), { arrayBuffer: () => Promise.reject(new Error("gone")) });
  for (const [file, code] of [
    [new Blob(["-----BEGIN PRIVATE KEY-----"]), "bad_certificate"],
    [new Blob([]), "bad_certificate"],
    [new Blob([new Uint8Array(40000)]), "too_long"],
    [gone, "unreadable"],
  ] as const)
    await expect(readCertificate(file)).rejects.toMatchObject({ code, field: "school.ca" });
});
