// The lobby as the teacher sees it: who waits to be let in, and whether new devices wait at all.
import { useEffect, useRef, useState } from "preact/hooks";
import { Check, X } from "lucide";
import { api, type Lobby } from "../../api/box";
import type { Fault } from "../../api/http";
import { Button } from "../../components/button";
import { showError } from "../../components/feedback";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import css from "./lobby.module.css";

const interval = 4000; // ms

export interface LobbyPort {
  view: Lobby | null;
  busy: boolean;
  open: (on: boolean) => void;
  answer: (what: "admit" | "refuse", ids: string[]) => void;
}

// useLobby follows the lobby of the lesson in the room.
export function useLobby(room: Room): LobbyPort {
  const id = room.lesson.value.id;
  const [view, setView] = useState<Lobby | null>(null);
  const [busy, setBusy] = useState(false);
  const acts = useRef(0); // an answer that was asked for before an act is old
  useEffect(() => {
    setView(null);
    if (!id) return;
    const look = () => {
      const before = acts.current;
      void api.lobby(id).then(
        (now) => before === acts.current && setView(now),
        () => {}, // the box is away: the page says so
      );
    };
    look();
    const timer = setInterval(look, interval);
    return () => clearInterval(timer);
  }, [id]);
  const act = async (f: () => Promise<Lobby>) => {
    acts.current++;
    setBusy(true);
    try {
      setView(await f());
    } catch (e) {
      showError(e as Fault);
    } finally {
      acts.current++;
      setBusy(false);
    }
  };
  return {
    view,
    busy,
    open: (on) => void act(() => api.setLobby(id, on)),
    answer: (what, ids) => void act(() => api.answerWaiting(id, ids, what)),
  };
}

// useNews says aloud, once, who began to wait.
function useNews(view: Lobby | null): string {
  const before = useRef<Set<string>>(new Set());
  const [news, setNews] = useState("");
  useEffect(() => {
    if (!view) return;
    const fresh = view.waiting.filter((w) => !before.current.has(w.id));
    before.current = new Set(view.waiting.map((w) => w.id));
    if (fresh.length) setNews(t("lobby.news", { name: fresh.map((w) => w.name).join(", "), n: view.waiting.length }));
  }, [view]);
  return news;
}

// WaitingDevices shows who waits, and that somebody guesses codes. It is empty when there is neither.
export function WaitingDevices({ lobby }: { lobby: LobbyPort }) {
  const { view, busy, answer } = lobby;
  const news = useNews(view);
  const waiting = view?.waiting ?? [];
  return (
    <>
      <p class="visually-hidden" role="status" aria-live="polite">
        {news}
      </p>
      <div role="status">
        {view?.guessing && <p class="note">{t(view.open ? "lobby.guessing" : "lobby.guessingOpen")}</p>}
      </div>
      {waiting.length > 0 && (
        <section class={css.lobby} aria-labelledby="lobby-title" data-part="lobby">
          <div class={css.head}>
            <h2 id="lobby-title">{t("lobby.title", { n: waiting.length })}</h2>
            {waiting.length > 1 && (
              <Button
                disabled={busy}
                onClick={() =>
                  answer(
                    "admit",
                    waiting.map((w) => w.id),
                  )
                }
              >
                {t("lobby.all")}
              </Button>
            )}
          </div>
          <ul class={css.list}>
            {waiting.map((w) => (
              <li key={w.id}>
                <bdi class={css.name}>{w.name}</bdi>
                <Button
                  icon={Check}
                  label={t("lobby.admitOne", { name: w.name })}
                  disabled={busy}
                  onClick={() => answer("admit", [w.id])}
                >
                  {t("lobby.admit")}
                </Button>
                <Button
                  kind="quiet"
                  icon={X}
                  label={t("lobby.refuseOne", { name: w.name })}
                  disabled={busy}
                  onClick={() => answer("refuse", [w.id])}
                >
                  {t("lobby.refuse")}
                </Button>
              </li>
            ))}
          </ul>
        </section>
      )}
    </>
  );
}

// LobbySwitch lets new devices wait, or come in at once.
export function LobbySwitch({ lobby }: { lobby: LobbyPort }) {
  return (
    <label class="check">
      <input
        type="checkbox"
        checked={!!lobby.view?.open}
        disabled={!lobby.view || lobby.busy}
        onChange={(e) => lobby.open(e.currentTarget.checked)}
      />
      {t("lobby.switch")}
    </label>
  );
}
