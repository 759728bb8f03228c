// The rehearsal before class: may this page publish, does the way for media work, and how
// many can watch.
import { useEffect, useState } from "preact/hooks";
import { call as ask } from "../../api/http";
import { type Call, secure } from "../../state/call";
import { t } from "../../locales/i18n";
import { DialogSheet } from "../../components/dialog-sheet";
import css from "./connection-test.module.css";

interface Room {
  ready: boolean;
  capacity: number;
  watchers: number;
}
type Mark = "wait" | "good" | "bad";

const marks = { wait: "…", good: "✓", bad: "✕" };

// device reports whether the browser has refused a device for good.
async function device(name: "camera" | "microphone"): Promise<Mark> {
  if (!secure()) return "bad";
  try {
    const p = await navigator.permissions.query({ name: name as PermissionName });
    return p.state === "denied" ? "bad" : "good";
  } catch {
    return "good"; // a browser that does not say: the check before going live will
  }
}

export function ConnectionTest({ call, pupils, onClose }: { call: Call; pupils: number; onClose: () => void }) {
  const [list, setList] = useState<{ [what: string]: { mark: Mark; text: string } }>({});
  const set = (what: string, mark: Mark, text: string) => setList((l) => ({ ...l, [what]: { mark, text } }));
  useEffect(() => {
    set("secure", secure() ? "good" : "bad", t(secure() ? "rehearse.secure" : "call.insecure"));
    for (const d of ["camera", "microphone"] as const) {
      set(d, "wait", t(`call.${d}`));
      void device(d).then((m) =>
        set(
          d,
          m,
          m === "good" ? t(`call.${d}`) : `${t(`call.${d}`)}: ${t(secure() ? "call.denied" : "call.insecure")}`,
        ),
      );
    }
    set("way", "wait", t("call.connecting"));
    void call
      .testConnection()
      .then((ms) =>
        set(
          "way",
          ms < 0 ? "bad" : "good",
          ms < 0 ? t("call.fault.unreachable") : t("rehearse.way", { n: Math.round(ms) }),
        ),
      );
    set("room", "wait", t("rehearse.counting"));
    ask<Room>("GET", "/api/media").then(
      (r) =>
        set(
          "room",
          r.ready && r.capacity - r.watchers >= pupils ? "good" : "bad",
          r.ready ? t("rehearse.room", { of: r.capacity, watchers: r.watchers, pupils }) : t("call.fault.no_node"),
        ),
      () => set("room", "bad", t("call.fault.no_node")),
    );
  }, []);
  return (
    <DialogSheet title={t("rehearse.title")} onClose={onClose}>
      <ul class={css.list} role="status">
        {Object.entries(list).map(([what, r]) => (
          <li key={what} data-what={what} data-mark={r.mark}>
            <span aria-hidden="true">{marks[r.mark]}</span> {r.text}{" "}
            <span class="visually-hidden">{t(`rehearse.${r.mark}`)}</span>
          </li>
        ))}
      </ul>
    </DialogSheet>
  );
}
