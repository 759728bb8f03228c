// The box's clock: a board without a battery for it begins anywhere.
import { useEffect, useState } from "preact/hooks";
import { Button } from "../../components/button";
import { api } from "../../api/box";
import type { Fault } from "../../api/http";
import { formatTime, t } from "../../locales/i18n";
import { showError, showMessage } from "../../components/feedback";
import { library } from "../../api/library";

const most = 60_000; // ms that nobody minds

const when = (ms: number) => formatTime(ms, { dateStyle: "medium", timeStyle: "short" });

// ClockWarning offers this device's time to a box that has none of its own to trust.
export function ClockWarning() {
  const [wrong, setWrong] = useState<number | null>(null);
  useEffect(() => {
    let here = true;
    api.state().then(
      ({ clock }) => here && clock && !clock.trusted && Math.abs(clock.now - Date.now()) > most && setWrong(clock.now),
      () => {}, // the page itself tells that the box is away
    );
    return () => {
      here = false;
    };
  }, []);
  if (wrong === null) return null;
  const done = () => {
    setWrong(null);
    showMessage(t("home.clock.done"));
  };
  // A box that has the time by now from elsewhere refuses, and that is as good.
  const set = () => library.setClock().then(done, (f: Fault) => (f.code === "clock_trusted" ? done() : showError(f)));
  return (
    <div class="note warn row between">
      <p>{t("home.clock.off", { time: when(wrong) })}</p>
      <Button onClick={() => void set()}>{t("home.clock.set")}</Button>
    </div>
  );
}
