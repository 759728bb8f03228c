// loadFonts switches to the bundled font after the first paint, which a tab in the background does not
// have. A device that saves data keeps its own font.

export function loadFonts() {
  const saving = (navigator as { connection?: { saveData?: boolean } }).connection?.saveData;
  const load = () => {
    document.documentElement.dataset.font = "";
  };
  if (saving) return;
  requestAnimationFrame(() => setTimeout(load));
  setTimeout(load, 2000);
}
