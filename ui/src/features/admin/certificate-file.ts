// The file of a certificate as PEM. Windows saves a .cer or .crt as DER, the same in bytes.
import { Fault } from "../../api/http";

const most = 32 << 10; // bytes of PEM that the box takes

// readCertificate gives the text of a file. It throws a Fault if it is none that the box could use.
export async function readCertificate(file: Blob): Promise<string> {
  let data: Uint8Array;
  const tooLong = new Fault(0, "invalid", "too_long", "school.ca", most);
  if (file.size > most) throw tooLong;
  try {
    data = new Uint8Array(await file.arrayBuffer());
  } catch {
    throw new Fault(0, "invalid", "unreadable", "school.ca"); // it was moved, or is on a stick that is out
  }
  const text = data[0] === 0x30 ? toPEM(data) : new TextDecoder().decode(data);
  if (!text.includes("-----BEGIN CERTIFICATE-----")) throw new Fault(0, "invalid", "bad_certificate", "school.ca");
  if (text.length > most) throw tooLong;
  return text;
}

function toPEM(der: Uint8Array): string {
  const base64 = btoa(Array.from(der, (b) => String.fromCharCode(b)).join(""));
  return `-----BEGIN CERTIFICATE-----\n${base64.replace(/.{64}(?=.)/g, "$&\n")}\n-----END CERTIFICATE-----\n`;
}
