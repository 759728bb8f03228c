// pupil lists what an eye or a thumb would find wrong on a pupil's page: text that is cut or broken
// inside a word, text over text, squashed pictures, small targets, things outside the window.
() => {
  const faults = [];
  const shows = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".visually-hidden, [data-ornament], [data-near]");
  const all = [...document.querySelectorAll("#main *")].filter(shows);
  const name = (e) => `${e.tagName.toLowerCase()} "${(e.getAttribute("aria-label") || e.textContent).slice(0, 24)}"`;
  const page = document.scrollingElement;
  if (page.scrollWidth > innerWidth) faults.push(`the page is ${page.scrollWidth} wide, the window ${innerWidth}`);
  const title = document.querySelector("[data-stage] > header h1");
  if (title?.offsetHeight > 40) faults.push(`the title beside the stage is ${title.offsetHeight} pixels high: it has several rows`);
  const words = [];
  const moves = (e) => { for (let a = e; a.id !== "main"; a = a.parentElement) if (/fixed|sticky/.test(getComputedStyle(a).position)) return true; return false; };
  // seen is the part of a word that no scroller above it hides.
  const seen = (e, r) => {
    const box = { left: r.left, right: r.right, top: r.top + r.height * 0.2, bottom: r.bottom - r.height * 0.2 };
    for (let a = e; a.id !== "main"; a = a.parentElement)
      if (getComputedStyle(a).overflowY !== "visible") {
        const o = a.getBoundingClientRect();
        box.top = Math.max(box.top, o.top);
        box.bottom = Math.min(box.bottom, o.bottom);
      }
    return box;
  };
  const texts = document.createTreeWalker(document.querySelector("#main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (!shows(node.parentElement) || node.parentElement.closest("[title]")) continue; // a name of one row is whole in its tooltip
    for (const m of node.data.matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
      const range = document.createRange();
      range.setStart(node, m.index);
      range.setEnd(node, m.index + m[0].length);
      const parts = [...range.getClientRects()].filter((r) => r.width > 0);
      const tops = parts.map((r) => r.top);
      if (Math.max(...tops) - Math.min(...tops) > parts[0]?.height / 2) faults.push(`broken: "${m[0]}" in ${name(node.parentElement)}`);
      if (!moves(node.parentElement)) for (const r of parts) words.push({ text: m[0], e: node.parentElement, ...seen(node.parentElement, r) });
      for (const r of parts) if (r.left < -1 || r.right > innerWidth + 1) faults.push(`off the window: "${m[0]}" in ${name(node.parentElement)}`);
      for (let a = node.parentElement; a.id !== "main" && parts.length; a = a.parentElement) {
        const s = getComputedStyle(a);
        if (/hidden|clip/.test(s.overflowX) && s.overflowY !== "auto") {
          const o = a.getBoundingClientRect();
          if (parts[0].left < o.left - 1 || parts[0].right > o.right + 1) faults.push(`cut: "${m[0]}" in ${name(a)}`);
        }
      }
    }
  }
  for (const [i, a] of words.entries()) {
    const b = words.slice(i + 1).find((o) => o.e !== a.e && Math.min(a.right, o.right) - Math.max(a.left, o.left) > 1 && Math.min(a.bottom, o.bottom) - Math.max(a.top, o.top) > 1);
    if (b) faults.push(`"${a.text}" over "${b.text}"`);
  }
  for (const e of all.filter((e) => e.matches("img") && e.naturalWidth)) {
    const r = e.getBoundingClientRect();
    if (getComputedStyle(e).objectFit === "fill" && Math.abs((r.width * e.naturalHeight) / e.naturalWidth - r.height) > 1.5) faults.push(`squashed: ${Math.round(r.width)} by ${Math.round(r.height)} of ${e.naturalWidth} by ${e.naturalHeight}`);
  }
  for (const e of all.filter((e) => e.matches("button, input:not([type=radio]), textarea, select, [role=application]") && !e.disabled)) {
    const r = e.getBoundingClientRect();
    if (r.width < 43.5 || r.height < 43.5) faults.push(`small: ${Math.round(r.width)} by ${Math.round(r.height)}: ${name(e)}`);
  }
  for (const e of all.filter((e) => e.matches("h2, p, span, b, bdi, button")))
    if (e.scrollWidth > e.clientWidth + 2 && e.clientWidth && getComputedStyle(e).display !== "inline") faults.push(`wider than it is: ${name(e)}`);
  return [...new Set(faults)].slice(0, 8);
}
