// The projector's page: how to join, and no name ever.
import { useEffect, useState } from "preact/hooks";
import { api, type Lesson as LessonInfo, type State } from "../core/api";
import { A, Icon, Loading, Title } from "../core/kit";
import { t } from "../core/i18n";
import { Room } from "../core/room";
import { Connection } from "../features/connection";
import { Calls, Recorded } from "../features/onair";
import { Surface } from "../features/board";
import { Shown as Question } from "../features/shown";
import { Floats } from "../features/taps";
import "./screen.css";

export function Screen({ state, arg }: { state: State; arg: string }) {
  const [room, setRoom] = useState<Room | null>(null);
  const staff = state.me.role === "teacher";
  useEffect(() => {
    if (!staff) return;
    const r = new Room(arg, state.me.user ?? "", "screen");
    setRoom(r);
    return () => r.close();
  }, [arg, staff]);
  if (!staff) return <Refused />;
  return room ? <Shown room={room} address={plain(state.addresses[0])} /> : <main id="main" class="narrow"><Loading /></main>;
}

// plain is an address as it is typed.
const plain = (url: string | undefined) => (url ?? location.host).replace(/^https?:\/\//, "").replace(/:80$|\/$/, "");

function Refused() {
  return (
    <main id="main" class="narrow stop">
      <div class="card pad stack"><Title>{t("screen.refused")}</Title><A class="button primary" href="/login">{t("screen.login")}</A></div>
    </main>
  );
}

function Shown({ room, address }: { room: Room; address: string }) {
  const [picture, setPicture] = useState(false);
  const status = room.status.value;
  if (status === "refused" || status === "signedout") return <Refused />;
  const info = room.info.value;
  const { title, ended } = room.lesson.value;
  const quiet = ended ? "ended" : status === "waiting" || status === "removed" ? "waiting" : "";
  if (!quiet && (!info || !info.code)) return <main id="main" class="narrow"><Loading /></main>;
  const n = room.pupilsHere.value;
  const q = room.quiz;
  const asked = !quiet && (q.ranked.value || (q.round.value && q.round.value.state !== "closed"));
  const b = room.board;
  const slide = !quiet && !asked && b.surface.value;
  return (
    <main id="main" class={asked || slide ? "screen busy" : "screen"}>
      <header class="screen-top">
        <p><strong><bdi>{info?.className}</bdi></strong>{title && <> <span aria-hidden="true">·</span> <bdi>{title}</bdi></>}</p>
        <Recorded room={room} />
        {room.onair.list.value.length > 0 && !quiet && <button type="button" class="quiet" aria-pressed={picture} onClick={() => setPicture(!picture)}>{t("screen.picture")}</button>}
        <div class="row">{(asked || slide) && <Corner info={info!} address={address} />}<Tools /></div>
      </header>
      {!quiet && <Calls room={room} who="screen" home="" wanted={picture} />}
      {quiet ? (
        <div class="screen-quiet"><Title>{t(`screen.${quiet}`)}</Title><p>{t(`screen.${quiet}.text`)}</p></div>
      ) : asked ? <Question room={room} /> : slide ? (
        <div class="screen-slide"><Surface room={room} surface={b.surface.value} page={b.page.value} width={1920} /></div>
      ) : <HowToJoin info={info!} address={address} />}
      <footer class="screen-foot">
        {!quiet && <p class="screen-here"><Icon name="people" />{t("lesson.here", { n })}</p>}
        {status !== "live" && !ended && <Connection room={room} />}
      </footer>
      <Floats room={room} />
    </main>
  );
}

// HowToJoin fills the screen while nothing else is shown.
function HowToJoin({ info, address }: { info: LessonInfo; address: string }) {
  return (
    <div class="screen-join">
      <div class="screen-how">
        <Title>{t("screen.title")}</Title>
        <p class="step">{t("screen.go")}</p>
        <p class="screen-address" dir="ltr">{address}</p>
        <p class="step">{t("screen.code")}</p>
        <p class="screen-code" dir="ltr" aria-label={info.code!.split("").join(" ")}><span>{info.code!.slice(0, 3)}</span><span>{info.code!.slice(3)}</span></p>
      </div>
      <figure><img src={api.qr(info.id)} alt={t("screen.qr")} /><figcaption>{t("screen.scan")}</figcaption></figure>
    </div>
  );
}

// Corner keeps the way in on the screen for who comes late.
const Corner = ({ info, address }: { info: LessonInfo; address: string }) => (
  <div class="screen-corner">
    <p><span dir="ltr">{address}</span><br /><b dir="ltr">{info.code!.slice(0, 3)} {info.code!.slice(3)}</b></p>
    <img src={api.qr(info.id)} alt={t("screen.qr")} />
  </div>
);

function Tools() {
  const turn = () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
  };
  const full = () => void (document.fullscreenElement ? document.exitFullscreen() : document.documentElement.requestFullscreen().catch(() => {}));
  return (
    <div class="screen-tools" role="group" aria-label={t("screen.tools")}>
      <button type="button" class="quiet" aria-label={t("screen.theme")} title={t("screen.theme")} onClick={turn}><Icon name="theme" /></button>
      {document.fullscreenEnabled && <button type="button" class="quiet" aria-label={t("screen.full")} title={t("screen.full")} onClick={full}><Icon name="full" /></button>}
    </div>
  );
}
