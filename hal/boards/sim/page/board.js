// The page of the simulated board: it asks for the board's state twice a second, and sends
// what is done to it.
const at = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
let shown = {}, timer = 0, dragging = null;

function say(element, text) {
  if (element.textContent !== text) element.textContent = text; // a live region speaks of changes alone
}

function blink(steps, i) {
  clearTimeout(timer);
  at("lamp").classList.toggle("on", steps.length > 0 && (still.matches || steps[i].on));
  if (steps.length > 1 && !still.matches) {
    timer = setTimeout(() => blink(steps, (i + 1) % steps.length), steps[i].ms);
  }
}

function slide(id, value, text) {
  if (dragging !== id) at(id).value = value;
  say(at(id + "Now"), text);
}

function show(s) {
  if (s.led !== shown.led) blink(s.steps ?? [], 0);
  if (s.display !== shown.display) at("display").src = "display.png?" + s.display;
  say(at("led"), s.led);
  say(at("words"), s.text.join("\n") + (s.qr ? "\nQR code: " + s.qr : ""));
  at("hold").setAttribute("aria-pressed", String(s.down));
  slide("celsius", s.celsius, s.celsius.toFixed(0) + " °C" + (s.slow ? ", slowed down" : ""));
  slide("volts", s.volts, s.volts.toFixed(2) + " V" + (s.low ? ", too low" : ""));
  say(at("fan"), s.fan < 0 ? "left to the kernel" : Math.round(s.fan / 2.55) + " %");
  say(at("dog"), s.fed === 0 && !s.bites ? "not used" : "fed " + s.fed + " times" + (s.bites ? ", and hungry: a real one would restart the box" : ""));
  say(at("clock"), s.clock || "not set");
  say(at("wifi"), (s.interfaces ?? []).join("; "));
  shown = s;
}

async function poll() {
  try {
    const r = await fetch("state");
    if (!r.ok) throw new Error(await r.text());
    show(await r.json());
    if (at("problem").dataset.from === "poll") say(at("problem"), "");
  } catch {
    at("problem").dataset.from = "poll";
    say(at("problem"), "The box does not answer.");
  }
  setTimeout(poll, 500);
}

async function send(path) {
  at("problem").dataset.from = "send";
  try {
    const r = await fetch(path, { method: "POST" });
    say(at("problem"), r.ok ? "" : await r.text());
  } catch {
    say(at("problem"), "The box does not answer.");
  }
}

for (const b of document.querySelectorAll("button[data-held]")) {
  b.addEventListener("click", () => send("press?held=" + b.dataset.held));
}
at("hold").addEventListener("click", () => send("hold?down=" + !shown.down));
for (const id of ["celsius", "volts"]) {
  at(id).addEventListener("input", () => { dragging = id; });
  at(id).addEventListener("change", async () => {
    await send("climate?celsius=" + at("celsius").value + "&volts=" + at("volts").value);
    dragging = null;
  });
}
poll();
