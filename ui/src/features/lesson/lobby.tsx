// The lobby as the teacher sees it: who waits to be let in, and whether new devices wait at all.
import { useEffect, useRef, useState } from "preact/hooks";
import { Check, X } from "lucide";
import { api, type Lobby } from "../../api/box";
import type { Fault } from "../../api/http";
import { Button } from "../../components/button";
import { ErrorNote, showError } from "../../components/feedback";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import css from "./lobby.module.css";

const interval = 4000; // ms

export interface LobbyPort {
  view: Lobby | null;
  fault: Fault | null; // of the last load
  busy: boolean;
  retry: () => void;
  open: (on: boolean) => void;
  answer: (what: "admit" | "refuse", ids: string[]) => Promise<boolean>; // whether the box did it
}

// useLobby follows the lobby of the lesson in the room.
export function useLobby(room: Room): LobbyPort {
  const id = room.lesson.value.id;
  const [view, setView] = useState<Lobby | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [busy, setBusy] = useState(false);
  const load = useRef(() => {});
  const acts = useRef(0); // an answer that was asked for before an act is old
  useEffect(() => {
    setView(null);
    setFault(null);
    load.current = () => {};
    if (!id) return;
    let gone = false;
    const look = () => {
      const before = acts.current;
      void api.lobby(id).then(
        (now) => {
          if (gone || before !== acts.current) return;
          setView(now);
          setFault(null);
        },
        (e) => !gone && before === acts.current && setFault(e as Fault),
      );
    };
    load.current = look;
    look();
    const timer = setInterval(look, interval);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [id]);
  const act = async (f: () => Promise<Lobby>) => {
    acts.current++;
    setBusy(true);
    try {
      setView(await f());
      setFault(null);
      return true;
    } catch (e) {
      showError(e as Fault);
      return false;
    } finally {
      acts.current++;
      setBusy(false);
    }
  };
  return {
    view,
    fault,
    busy,
    retry: () => load.current(),
    open: (on) => void act(() => api.setLobby(id, on)),
    answer: (what, ids) => act(() => api.answerWaiting(id, ids, what)),
  };
}

// useNews says aloud, once, who began to wait. say replaces it by what the teacher did.
function useNews(view: Lobby | null): [string, (text: string) => void] {
  const before = useRef<Set<string>>(new Set());
  const [news, setNews] = useState("");
  useEffect(() => {
    if (!view) return;
    const fresh = view.waiting.filter((w) => !before.current.has(w.id));
    before.current = new Set(view.waiting.map((w) => w.id));
    if (fresh.length) setNews(t("lobby.news", { name: fresh.map((w) => w.name).join(", "), n: view.waiting.length }));
  }, [view]);
  return [news, setNews];
}

// WaitingDevices shows who waits, and that somebody guesses codes. It is empty when there is neither.
export function WaitingDevices({ lobby }: { lobby: LobbyPort }) {
  const { view, fault } = lobby; // a box that is away is in the note on the connection
  const [news, say] = useNews(view);
  return (
    <>
      <p class="visually-hidden" role="status" aria-live="polite">
        {news}
      </p>
      {fault && fault.code !== "offline" && <ErrorNote fault={fault} retry={lobby.retry} />}
      <div role="status">
        {view?.guessing && <p class="note">{t(view.open ? "lobby.guessing" : "lobby.guessingOpen")}</p>}
      </div>
      {view && <WaitingList lobby={lobby} waiting={view.waiting} say={say} />}
    </>
  );
}

type Waiting = Lobby["waiting"];

// sure leaves out the names that several devices ask for: only the teacher knows who is who.
const sure = (list: Waiting) => list.filter((w) => list.every((o) => o.id === w.id || o.pupil !== w.pupil));

function WaitingList(props: { lobby: LobbyPort; waiting: Waiting; say: (text: string) => void }) {
  const { waiting, say } = props;
  const { busy, answer } = props.lobby;
  const list = useRef<HTMLUListElement>(null);
  const alone = sure(waiting);
  const reply = async (what: "admit" | "refuse", chosen: Waiting) => {
    if (busy) return;
    const at = waiting.findIndex((w) => w.id === chosen[0]?.id);
    const ids = chosen.map((w) => w.id);
    if (!(await answer(what, ids))) return;
    if (what === "admit") say(t("lobby.letIn", { name: chosen.map((w) => w.name).join(", ") }));
    // The row with the focus is gone. The page is drawn before the next one gets it.
    requestAnimationFrame(() => {
      const next = list.current?.children[at] ?? list.current?.lastElementChild;
      const target = next?.querySelector("button") ?? document.querySelector<HTMLElement>("h1");
      if (target?.matches("h1:not([tabindex])")) target.tabIndex = -1;
      target?.focus();
    });
  };
  if (waiting.length === 0) return null;
  return (
    <section class={css.lobby} aria-labelledby="lobby-title" data-part="lobby">
      <div class={css.head}>
        <h2 id="lobby-title">{t("lobby.title", { n: waiting.length })}</h2>
        {alone.length > 1 && (
          <Button busy={busy} onClick={() => void reply("admit", alone)}>
            {t("lobby.all")}
          </Button>
        )}
      </div>
      <ul class={css.list} ref={list}>
        {waiting.map((w) => (
          <li key={w.id}>
            <div class={css.name}>
              <bdi>{w.name}</bdi>
              {!alone.includes(w) && <small>{t("lobby.several")}</small>}
            </div>
            <Button
              icon={Check}
              label={t("lobby.admitOne", { name: w.name })}
              aria-disabled={busy}
              onClick={() => void reply("admit", [w])}
            >
              {t("lobby.admit")}
            </Button>
            <Button
              kind="quiet"
              icon={X}
              label={t("lobby.refuseOne", { name: w.name })}
              aria-disabled={busy}
              onClick={() => void reply("refuse", [w])}
            >
              {t("lobby.refuse")}
            </Button>
          </li>
        ))}
      </ul>
    </section>
  );
}

// LobbySwitch lets new devices wait, or come in at once.
export function LobbySwitch({ lobby }: { lobby: LobbyPort }) {
  return (
    <>
      <label class="check">
        <input
          type="checkbox"
          checked={!!lobby.view?.open}
          disabled={!lobby.view || lobby.busy}
          aria-describedby={lobby.view ? undefined : "lobby-switch-fault"}
          onChange={(e) => lobby.open(e.currentTarget.checked)}
        />
        {t("lobby.switch")}
      </label>
      {!lobby.view && lobby.fault && (
        <div class="note bad">
          <p id="lobby-switch-fault">{t("lobby.fault")}</p>
          <Button onClick={lobby.retry}>{t("retry")}</Button>
        </div>
      )}
    </>
  );
}
