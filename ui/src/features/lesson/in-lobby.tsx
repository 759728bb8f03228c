// A device in the lobby of a lesson: it waits until the teacher lets it in.
import { useEffect, useState } from "preact/hooks";
import { api, type Ticket } from "../../api/box";
import type { Fault } from "../../api/http";
import { Button } from "../../components/button";
import { Loading } from "../../components/feedback";
import { PageTitle } from "../../components/page-title";
import { explain, t } from "../../locales/i18n";
import { go } from "../../state/router";
import { reload } from "../../state/session";
import { ticket } from "../../state/ticket";
import css from "./in-lobby.module.css";

const interval = 3000; // ms

const enter = async () => {
  await api.joinTicket(ticket.value);
  ticket.value = "";
  await reload();
  go("/lesson", true);
};

// over reports that the ticket is good for nothing any more.
const over = (f: Fault) => f.status === 404 || f.status === 400;

// useTicket asks for the state of the ticket again and again, and goes in when the teacher says so.
function useTicket(): [Ticket | null, Fault | null] {
  const [seen, setSeen] = useState<Ticket | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  useEffect(() => {
    let timer = 0;
    let gone = false;
    const look = async () => {
      try {
        const now = await api.ticket(ticket.value);
        if (gone) return;
        if (now.state === "admitted") return await enter();
        setSeen((before) => (now.name || !before ? now : { ...before, state: now.state })); // a refusal has no name
        setFault(null);
        if (now.state === "refused") return;
      } catch (e) {
        if (gone) return;
        if (over(e as Fault)) {
          ticket.value = "";
          return;
        }
        setFault(e as Fault);
      }
      if (!gone) timer = window.setTimeout(() => void look(), interval);
    };
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, []);
  return [seen, fault];
}

export function InLobby({ back }: { back: () => void }) {
  const [seen, fault] = useTicket();
  const leave = async () => {
    await api.leaveLobby(ticket.value).catch(() => {}); // the teacher can refuse it
    ticket.value = "";
    back();
  };
  const refused = seen?.state === "refused";
  return (
    <div class="stack">
      {seen ? (
        <>
          <div>
            {seen.className && (
              <p class={css.lesson}>
                <bdi>{seen.className}</bdi>
              </p>
            )}
            <PageTitle>{t(refused ? "join.refused" : "join.lobby")}</PageTitle>
          </div>
          <p role="status" data-lobby={seen.state}>
            {seen.name
              ? t(refused ? "join.refused.text" : "join.lobby.text", { name: `\u2068${seen.name}\u2069` })
              : t("join.refused.unnamed")}
          </p>
        </>
      ) : (
        !fault && <Loading />
      )}
      <div aria-live="polite">{fault && <p class="note bad">{explain(fault)}</p>}</div>
      <Button big={refused} kind={refused ? "primary" : "secondary"} onClick={() => void leave()}>
        {t(refused ? "join.lobby.again" : "join.lobby.leave")}
      </Button>
    </div>
  );
}
