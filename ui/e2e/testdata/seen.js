// seen lists what an eye would find wrong on the projector's page. least is the smallest
// text of a question, in parts of the screen's height.
(least) => {
  const faults = [];
  const main = document.querySelector("#main");
  const shows = (e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest(".visually-hidden, [data-ornament]");
  const all = [...main.querySelectorAll("*")].filter(shows);
  const name = (e) => `${e.tagName.toLowerCase()}.${[...e.classList].join(".")} "${e.textContent.slice(0, 24)}"`;
  const meet = (a, b, by) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > by && Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > by;
  const within = (r, o) => r.left >= o.left - 1 && r.right <= o.right + 1 && r.top >= o.top - 1 && r.bottom <= o.bottom + 1;
  // What lies over a slide is meant to.
  const over = (a, b) => a.closest("header, footer") && b.closest("[data-part=surface]");
  const screen = { left: 0, top: 0, right: innerWidth, bottom: innerHeight };

  // Words are runs of letters and digits. A line's rectangle is higher than its letters.
  const words = [];
  const texts = document.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const node = texts.currentNode, e = node.parentElement;
    if (!shows(e)) continue;
    if (node.data.trim() && !e.closest("[aria-hidden]") && parseFloat(getComputedStyle(e).fontSize) < least * innerHeight) faults.push(`small: ${getComputedStyle(e).fontSize} in ${name(e)}`);
    for (const m of node.data.matchAll(/[\p{L}\p{M}\p{N}]+/gu)) {
      const range = document.createRange();
      range.setStart(node, m.index);
      range.setEnd(node, m.index + m[0].length);
      const parts = [...range.getClientRects()].filter((r) => r.width > 0);
      const tops = parts.map((r) => r.top);
      const hyphens = getComputedStyle(e).hyphens === "auto" && getComputedStyle(e).overflowWrap === "normal";
      if (!hyphens && Math.max(...tops) - Math.min(...tops) > parts[0]?.height / 2) faults.push(`broken: "${m[0]}" in ${name(e)}`);
      for (const r of parts) words.push({ text: m[0], e, box: { left: r.left, right: r.right, top: r.top + r.height * 0.2, bottom: r.bottom - r.height * 0.2 } });
    }
  }
  for (const w of words) {
    if (!within(w.box, screen)) faults.push(`off the screen: "${w.text}" in ${name(w.e)}`);
    for (let a = w.e; a !== main; a = a.parentElement) {
      if (getComputedStyle(a).overflow !== "visible" && !within(w.box, a.getBoundingClientRect())) faults.push(`cut: "${w.text}" in ${name(w.e)}`);
    }
  }
  for (const [i, w] of words.entries()) {
    const other = words.slice(i + 1).find((o) => o.e !== w.e && meet(w.box, o.box, 1));
    if (other) faults.push(`"${w.text}" over "${other.text}"`);
  }

  // Boxes are what text must not lie over, and what must not lie over each other.
  const boxes = all.filter((e) => e.matches("li:not(:empty), img, button, [data-bar], [role=timer], [data-corner]")).map((e) => ({ e, box: e.getBoundingClientRect() }));
  for (const [i, b] of boxes.entries()) {
    const w = words.find((w) => !b.e.contains(w.e) && meet(w.box, b.box, 1) && !over(w.e, b.e));
    if (w) faults.push(`"${w.text}" over ${name(b.e)}`);
    const other = boxes.slice(i + 1).find((o) => !b.e.contains(o.e) && !o.e.contains(b.e) && meet(b.box, o.box, 1) && !over(o.e, b.e) && !over(b.e, o.e));
    if (other) faults.push(`${name(other.e)} over ${name(b.e)}`);
  }

  for (const e of all) {
    if (!within(e.getBoundingClientRect(), screen)) faults.push(`off the screen: ${name(e)}`);
    if (getComputedStyle(e).overflow !== "visible" && !e.closest("svg") && (e.scrollHeight > e.clientHeight + 1 || e.scrollWidth > e.clientWidth + 1)) faults.push(`more than it shows: ${name(e)}`);
    if (e.tagName === "IMG" && e.naturalWidth) {
      const r = e.getBoundingClientRect();
      if (Math.abs((r.width * e.naturalHeight) / e.naturalWidth - r.height) > 1.5) faults.push(`squashed: ${Math.round(r.width)} by ${Math.round(r.height)} of ${e.naturalWidth} by ${e.naturalHeight}`);
    }
  }
  const page = document.scrollingElement;
  if (page.scrollHeight > innerHeight || page.scrollWidth > innerWidth) faults.push(`the page has ${page.scrollWidth} by ${page.scrollHeight}`);
  return [...new Set(faults)].slice(0, 8);
}
