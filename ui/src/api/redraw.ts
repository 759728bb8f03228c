// Pictures that the page draws and sends as PNG or JPEG: SVG, with the fonts of the device, and HEIC and
// AVIF, which take the box seconds. What the browser cannot draw goes to the box as it is.

const foreign = /\.(heic|heif|avif|svg)$|^image\/(heic|heif|avif|svg\+xml)$/i;
// elsewhere matches a part of an SVG that is not in it. A browser leaves it out without a word, and the box refuses it.
const elsewhere = /<(?:\w+:)?(?:image|use|feImage)\b[^>]*\bhref\s*=\s*["']\s*(?!#|data:)[^"'\s]/i;
const longest = 3840; // pixels: the widest page that the box makes

// redraw returns the file that is sent for a file.
export async function redraw(file: File): Promise<File> {
  if (!foreign.test(file.type) && !foreign.test(file.name)) return file;
  if (/svg/i.test(file.type || file.name) && elsewhere.test(await file.text())) return file;
  const img = await load(file).catch(() => undefined);
  const size = img && Math.max(img.naturalWidth, img.naturalHeight);
  if (!img || !size) return file;
  const drawn = /svg/i.test(file.type || file.name);
  const scale = drawn ? 1920 / size : Math.min(1, longest / size);
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(img.naturalWidth * scale));
  canvas.height = Math.max(1, Math.round(img.naturalHeight * scale));
  const to = canvas.getContext("2d");
  if (!to) return file;
  to.fillStyle = "#fff";
  to.fillRect(0, 0, canvas.width, canvas.height);
  to.drawImage(img, 0, 0, canvas.width, canvas.height);
  const type = drawn ? "image/png" : "image/jpeg";
  const blob = await new Promise<Blob | null>((done) => canvas.toBlob(done, type, 0.92));
  return blob ? new File([blob], file.name.replace(/\.[^.]+$/, drawn ? ".png" : ".jpg"), { type }) : file;
}

// load draws from a data address: pages allow no other pictures that are not of the box. Scripts of
// an SVG do not run in an image.
async function load(file: File): Promise<HTMLImageElement> {
  const address = await new Promise<string>((done, failed) => {
    const reader = new FileReader();
    reader.onload = () => done(String(reader.result));
    reader.onerror = () => failed(reader.error);
    reader.readAsDataURL(
      file.type
        ? file
        : new Blob([file], { type: /svg$/i.test(file.name) ? "image/svg+xml" : `image/${file.name.split(".").pop()}` }),
    );
  });
  const img = new Image();
  img.src = address;
  await img.decode();
  return img;
}
