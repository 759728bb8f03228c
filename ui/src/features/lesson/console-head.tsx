// The head of the console: the class, the code, who is here, and what is opened now and then.
import { useState } from "preact/hooks";
import { ChevronLeft, CircleStop, Keyboard, MessageSquare, MonitorUp, QrCode, Smartphone, Video } from "lucide";
import { ButtonLink } from "../../components/button-link";
import { api, type BoxState } from "../../api/box";
import type { Fault } from "../../api/http";
import { Button } from "../../components/button";
import { Dialog, Sheet } from "../../components/dialog";
import { showError } from "../../components/feedback";
import { useNow } from "../../components/hooks";
import { Icon } from "../../components/icon";
import { JoinCode } from "../../components/join-code";
import { Menu } from "../../components/menu";
import { NamedIcon } from "../../components/named-icon";
import { PageTitle } from "../../components/page-title";
import { span, t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import { RecordingNotice } from "../call/call-entry";
import { GroupsButton } from "./groups/groups-entry-staff";
import { ConnectionStatus } from "./connection-status";
import css from "./console-head.module.css";

export function ConsoleHead({
  room,
  state,
  chat,
  video,
}: {
  room: Room;
  state: BoxState;
  chat: { open: boolean; unread: number; toggle: () => void };
  video: { open: boolean; toggle: () => void };
}) {
  const [open, setOpen] = useState<"" | "code" | "end" | "remote" | "keys">("");
  const [busy, setBusy] = useState(false);
  const info = room.info.value;
  const lesson = room.lesson.value;
  const total = [...room.people.value.values()].filter((p) => p.role === "pupil").length;
  const hands = room.hands.value.length;
  const screen = `/screen/${encodeURIComponent(room.id)}`;
  const close = () => setOpen("");
  const end = async () => {
    setBusy(true);
    try {
      await api.endLesson(lesson.id);
      room.lesson.value = { ...room.lesson.value, ended: room.lesson.value.ended ?? room.now() };
    } catch (e) {
      showError(e as Fault);
    }
    setBusy(false);
    close();
  };
  return (
    <header class={css.head}>
      <ButtonLink kind="quiet" icon={ChevronLeft} mirrored href="/teach" label={t("console.home")} />
      <div class={css.what}>
        <div class={css.name} title={[info?.className, lesson.title].filter(Boolean).join(" · ")}>
          <PageTitle dir="auto">{info?.className || lesson.title || "…"}</PageTitle>
          {info && lesson.title && lesson.title !== info.className && <p dir="auto">{lesson.title}</p>}
        </div>
        <p class={css.here}>
          <NamedIcon name="people" />
          <strong>{t("console.here", { here: room.pupilsHere.value, n: total })}</strong>
          <strong class={css.short} aria-hidden="true" dir="ltr">
            {room.pupilsHere.value}/{total}
          </strong>
        </p>
        {hands > 0 && (
          <p class={css.hands} aria-hidden="true">
            <NamedIcon name="hand" />
            {hands}
          </p>
        )}
        <Clock room={room} />
        <RecordingNotice room={room} />
        <ConnectionStatus room={room} />
      </div>
      {info?.code && info.id === lesson.id && (
        <button type="button" class={css.code} onClick={() => setOpen("code")}>
          <Icon icon={QrCode} />
          <span>
            <small>{t("console.code")}</small>
            <JoinCode code={info.code} />
          </span>
        </button>
      )}
      <div class={css.tools}>
        <Button
          kind="quiet"
          icon={Video}
          data-wide
          aria-expanded={video.open}
          label={t("console.video")}
          onClick={video.toggle}
        />
        <Button
          kind="quiet"
          icon={MessageSquare}
          data-wide
          aria-expanded={chat.open}
          label={chat.unread ? t("console.chatNew", { n: chat.unread }) : t("console.chat")}
          onClick={chat.toggle}
        />
        {chat.unread > 0 && (
          <span class={css.unread} aria-hidden="true">
            {chat.unread}
          </span>
        )}
        <GroupsButton room={room} />
        <Menu
          label={t("console.menu")}
          items={[
            { label: t("console.screen"), icon: MonitorUp, onSelect: () => window.open(screen, "_blank", "noopener") },
            { label: t("console.video"), icon: Video, onSelect: video.toggle },
            { label: t("console.remote"), icon: Smartphone, onSelect: () => setOpen("remote") },
            { label: t("console.keys"), icon: Keyboard, onSelect: () => setOpen("keys") },
            ...(info?.code ? [{ label: t("console.codeTitle"), icon: QrCode, onSelect: () => setOpen("code") }] : []),
            { label: t("console.end"), icon: CircleStop, danger: true, onSelect: () => setOpen("end") },
          ]}
        />
        <ButtonLink
          icon={MonitorUp}
          href={screen}
          target="_blank"
          rel="noopener"
          label={`${t("console.screen")} ${t("console.newTab")}`}
        >
          <span>{t("console.screen")}</span>
        </ButtonLink>
        <Button kind="danger" disabled={!lesson.id} onClick={() => setOpen("end")}>
          {t("console.end")}
        </Button>
      </div>
      {open === "end" && (
        <Dialog
          title={room.pupilsHere.value ? t("console.endAsk", { n: room.pupilsHere.value }) : t("console.endEmpty")}
          confirm={t("console.end")}
          danger
          busy={busy}
          onConfirm={() => void end()}
          onClose={close}
        />
      )}
      {open === "code" && info?.code && <CodeSheet room={room} state={state} code={info.code} onClose={close} />}
      {open === "remote" && <RemoteSheet room={room} onClose={close} />}
      {open === "keys" && <KeysSheet onClose={close} />}
    </header>
  );
}

function Clock({ room }: { room: Room }) {
  useNow();
  const from = room.lesson.value.started;
  if (!from) return null;
  return (
    <p class={css.clock}>
      <span class="visually-hidden">{t("console.running")} </span>
      {span(room.now() - from)}
    </p>
  );
}

// address is what pupils type: where this page came from, unless that is the box itself.
function address(state: BoxState): string {
  const own = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
  const plain = new URL(state.addresses[0] ?? location.href);
  return `${own ? plain.hostname : location.hostname}${plain.port ? `:${plain.port}` : ""}`;
}

function CodeSheet({ room, state, code, onClose }: { room: Room; state: BoxState; code: string; onClose: () => void }) {
  return (
    <Sheet title={t("console.codeTitle")} onClose={onClose}>
      <div class={css.sheet}>
        <img src={api.qr(room.lesson.value.id)} alt={t("console.qr")} width={320} height={320} />
        <p>
          {t("console.goTo")}
          <br />
          <bdi dir="ltr" class={css.address}>
            {address(state)}
          </bdi>
        </p>
        <p>
          {t("console.type")}
          <br />
          <span class={css.huge}>
            <JoinCode code={code} />
          </span>
        </p>
      </div>
    </Sheet>
  );
}

function RemoteSheet({ room, onClose }: { room: Room; onClose: () => void }) {
  return (
    <Sheet title={t("console.remote")} onClose={onClose}>
      <div class={css.sheet}>
        <img src={api.remoteQR(room.lesson.value.id)} alt={t("console.remoteQR")} width={320} height={320} />
        <p>{t("console.remoteHow")}</p>
        <ButtonLink href={`/remote/${encodeURIComponent(room.id)}`}>{t("console.remoteHere")}</ButtonLink>
      </div>
    </Sheet>
  );
}

const keys: [string, string[]][] = [
  ["console.keys.next", ["PageDown", "→", "↓", "Space"]],
  ["console.keys.back", ["PageUp", "←", "↑"]],
  ["console.keys.close", ["Esc"]],
];

function KeysSheet({ onClose }: { onClose: () => void }) {
  return (
    <Sheet title={t("console.keys")} onClose={onClose}>
      <dl class={css.keys}>
        {keys.map(([what, list]) => (
          <div key={what}>
            <dt>{t(what)}</dt>
            <dd>
              {list.map((key) => (
                <kbd key={key} dir="ltr">
                  {key}
                </kbd>
              ))}
            </dd>
          </div>
        ))}
      </dl>
      <p class="muted">{t("console.keys.hint")}</p>
    </Sheet>
  );
}
