// The lesson's pictures and sound on a page: tiles, the device check, and what one does
// with the own camera, microphone and screen.
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import {
  Cable,
  Circle,
  Gauge,
  Mic,
  MicOff,
  MonitorOff,
  MonitorUp,
  RadioTower,
  Settings,
  Square,
  Video,
  VideoOff,
} from "lucide";
import { ButtonLink } from "../../components/button-link";
import { Call, secure, supported } from "../../state/call";
import type { Mode, Slot } from "../../state/call-watcher";
import { has, t } from "../../locales/i18n";
import { Button } from "../../components/button";
import { Chip } from "../../components/chip";
import { Chips } from "../../components/chips";
import { Sheet } from "../../components/dialog";
import { showMessage } from "../../components/feedback";
import type { Source } from "../../state/on-air";
import type { Room } from "../../state/room";
import { DialogSheet } from "../../components/dialog-sheet";
import { type ChosenDevices, DeviceCheck } from "./device-check";
import { Encoders } from "./encoders";
import { ConnectionTest } from "./connection-test";
import css from "./call-panel.module.css";

type Who = "teacher" | "pupil" | "screen";

// CallPanel is the whole of it for one page; it lives as long as the page shows it.
export function CallPanel({ room, who, home }: { room: Room; who: Who; home: string }) {
  const call = useMemo(
    () => new Call(room, who === "screen" ? 0 : 4, who === "teacher" ? 6 : who === "pupil" ? 4 : 2),
    [room, who],
  );
  useEffect(() => () => call.close(), [call]);
  const air = room.onair;
  const me = room.me.value.user;
  const others = air.list.value.some((s) => s.user !== me);
  const may = who === "screen" || who === "teacher" || air.place.value === "remote";
  useEffect(() => {
    if (!supported) return;
    if (may && others) call.watcher.start();
    if (!may) call.watcher.stop();
  }, [may, others]);
  const gone = who === "pupil" ? air.mine.value : null;
  useEffect(() => {
    if (!gone) return;
    for (const s of Object.keys(call.sender.own.value) as Source[])
      if (!gone.includes(s)) void call.sender.unpublish(s);
  }, [gone]);
  const code = call.fault.value;
  useEffect(() => {
    if (!code) return;
    showMessage(words(code), undefined, true);
    call.fault.value = "";
  }, [code]);
  if (!supported) return who === "screen" ? null : <p class="note warn">{t("call.unsupported")}</p>;
  return (
    <section
      class={css.call}
      data-part="call"
      data-who={who}
      aria-label={t("call.title")}
      data-state={call.watcher.state.value}
      data-sending={call.sender.state.value}
    >
      <Tiles call={call} room={room} who={who} />
      {who !== "screen" && <Controls call={call} room={room} who={who} home={home} />}
    </section>
  );
}

const words = (code: string) => t(has(`call.fault.${code}`) ? `call.fault.${code}` : "call.fault.failed");

// Tiles shows who is on air, a screen or the first large, and plays what is heard.
function Tiles({ call, room, who }: { call: Call; room: Room; who: Who }) {
  const [chosen, setChosen] = useState("");
  const [blocked, setBlocked] = useState(false);
  const shown = call.watcher.shown.value;
  const key = (s: Slot) => `${s.user} ${s.source}`;
  const focus = shown.find((s) => key(s) === chosen) ?? shown.find((s) => s.source === "screen") ?? shown[0];
  const voices = call.watcher.slots.value.filter((s) => s.kind === "audio");
  const own = call.sender.own.value;
  const heights = useRef<{ [mid: string]: number }>({});
  const tall = (mid: string, h: number) => {
    if (heights.current[mid] === h) return;
    heights.current = { ...heights.current, [mid]: h };
    call.watcher.want(heights.current);
  };
  if (shown.length === 0 && !own.camera && !own.screen && call.watcher.state.value !== "connecting") {
    return (
      <>
        <Voices slots={voices} mute={who === "screen"} onBlocked={setBlocked} blocked={blocked} />
        <Heard room={room} voices={voices} shown={shown} />
      </>
    );
  }
  return (
    <div>
      <div class={css.tiles} role="list" aria-label={t("call.tiles")}>
        {shown.map((s) => (
          <Tile
            key={s.mid}
            slot={s}
            large={s === focus}
            name={room.name(s.user)}
            speaking={call.speakers.value.includes(s.user)}
            onFocus={() => setChosen(key(s))}
            onTall={(h) => tall(s.mid, h)}
            only={shown.length === 1}
          />
        ))}
        {own.camera && <Own key="camera" track={own.camera} label={t("call.you")} mirror />}
        {own.screen && <Own key="screen" track={own.screen} label={t("call.yourScreen")} />}
        {shown.length === 0 && call.watcher.state.value === "connecting" && (
          <p class={css.connecting} role="status">
            {t("call.connecting")}
          </p>
        )}
      </div>
      <Voices slots={voices} mute={who === "screen"} onBlocked={setBlocked} blocked={blocked} />
      <Heard room={room} voices={voices} shown={shown} />
      {call.watcher.state.value === "connecting" && shown.length > 0 && <p role="status">{t("call.reconnecting")}</p>}
      {call.watcher.state.value === "live" && who !== "screen" && <Link call={call} />}
    </div>
  );
}

function Tile(props: {
  slot: Slot;
  large: boolean;
  name: string;
  speaking: boolean;
  only: boolean;
  onFocus: () => void;
  onTall: (h: number) => void;
}) {
  const { slot, large, name, speaking, only, onFocus, onTall } = props;
  const video = useRef<HTMLVideoElement>(null);
  const [moving, setMoving] = useState(false);
  useEffect(() => {
    const v = video.current!;
    v.srcObject = slot.stream;
    void v.play().catch(() => {});
    const watch = new ResizeObserver(() => onTall(Math.round(v.clientHeight * devicePixelRatio)));
    watch.observe(v);
    return () => watch.disconnect();
  }, [slot.stream]);
  const label = t(slot.source === "screen" ? "call.screenOf" : "call.cameraOf", { name: `\u2068${name}\u2069` });
  return (
    <figure
      class={`${css.tile} ${large ? css.large : ""} ${speaking ? css.speaking : ""}`}
      role="listitem"
      data-user={slot.user}
      data-source={slot.source}
      data-mid={slot.mid}
    >
      <video
        ref={video}
        muted
        playsInline
        autoPlay
        aria-label={label}
        onPlaying={() => setMoving(true)}
        onEmptied={() => setMoving(false)}
      />
      {!moving && <span class={css.wait}>{t("call.waiting")}</span>}
      <figcaption>
        <bdi>{label}</bdi>
        {speaking && <span> · {t("call.speaks")}</span>}
      </figcaption>
      {!only && (
        <button
          type="button"
          class={css.focus}
          aria-pressed={large}
          aria-label={t("call.focus", { name: label })}
          onClick={onFocus}
        />
      )}
    </figure>
  );
}

// Heard lists the people who are heard and not seen, and says who came on air.
function Heard({ room, voices, shown }: { room: Room; voices: Slot[]; shown: Slot[] }) {
  const unseen = voices.filter((v) => v.user && !shown.some((s) => s.user === v.user));
  const names = [...new Set(shown.map((s) => room.name(s.user)))].join(", ");
  return (
    <>
      {unseen.length > 0 && (
        <Chips>
          {unseen.map((v) => (
            <Chip key={v.mid}>
              <bdi>{t("call.heard", { name: room.name(v.user) })}</bdi>
            </Chip>
          ))}
        </Chips>
      )}
      <p class="visually-hidden" role="status">
        {names && t("call.onair", { name: names })}
      </p>
    </>
  );
}

function Own({ track, label, mirror }: { track: MediaStreamTrack; label: string; mirror?: boolean }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    video.current!.srcObject = new MediaStream([track]);
    void video.current!.play().catch(() => {});
  }, [track]);
  return (
    <figure class={`${css.tile} ${css.own}`} role="listitem" data-own={track.kind}>
      <video ref={video} muted playsInline autoPlay aria-label={label} class={mirror ? css.mirror : undefined} />
      <figcaption>{label}</figcaption>
    </figure>
  );
}

// Voices plays what is heard. A browser that wants a touch first gets a button.
function Voices({
  slots,
  mute,
  blocked,
  onBlocked,
}: {
  slots: Slot[];
  mute: boolean;
  blocked: boolean;
  onBlocked: (b: boolean) => void;
}) {
  const box = useRef<HTMLDivElement>(null);
  const play = () => {
    onBlocked(false);
    for (const a of box.current?.querySelectorAll("audio") ?? [])
      void a.play().catch((e) => e.name === "NotAllowedError" && onBlocked(true));
  };
  const key = slots.map((s) => `${s.mid} ${s.user} ${s.stream.id}`).join();
  useEffect(() => {
    const list = [...(box.current?.querySelectorAll("audio") ?? [])];
    for (const [i, a] of list.entries()) if (a.srcObject !== slots[i]!.stream) a.srcObject = slots[i]!.stream;
    if (!mute) play();
  }, [key]);
  return (
    <div ref={box}>
      {!mute && slots.map((s) => <audio key={s.mid} autoPlay data-user={s.user} />)}
      {blocked && (
        <Button kind="primary" onClick={play}>
          {t("call.hear")}
        </Button>
      )}
    </div>
  );
}

function Link({ call }: { call: Call }) {
  const q = call.watcher.quality.value;
  const modes: Mode[] = ["full", "saver", "sound"];
  return (
    <div class={css.link}>
      <span class={css.quality} data-quality={q}>
        <i aria-hidden="true" />
        {t(`call.quality.${q}`)}
      </span>
      <label class={css.mode}>
        <span>{t("call.mode")}</span>
        <select value={call.watcher.mode.value} onChange={(e) => call.watcher.setMode(e.currentTarget.value as Mode)}>
          {modes.map((m) => (
            <option key={m} value={m}>
              {t(`call.mode.${m}`)}
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

// useSilenced reports whether the device itself has switched a track off: for a phone call, or by a
// switch of its own.
function useSilenced(track: MediaStreamTrack | undefined) {
  const [silenced, setSilenced] = useState(false);
  useEffect(() => {
    const look = () => setSilenced(!!track?.muted);
    look();
    for (const kind of ["mute", "unmute"]) track?.addEventListener(kind, look);
    return () => {
      for (const kind of ["mute", "unmute"]) track?.removeEventListener(kind, look);
    };
  }, [track]);
  return silenced;
}

function Controls({ call, room, who, home }: { call: Call; room: Room; who: Who; home: string }) {
  const [checking, setChecking] = useState<Source[] | null>(null);
  const air = room.onair;
  const me = room.me.value.user;
  const own = call.sender.own.value;
  const can = (s: Source) => who === "teacher" || air.mine.value.includes(s);
  const live = !!own.camera || !!own.microphone;
  const quiet = air.muted.value.find((m) => m.user === me && m.source === "microphone");
  const silenced = useSilenced(own.microphone);
  const go = async (c: ChosenDevices) => {
    setChecking(null);
    box.current?.focus();
    if (c.microphone) await call.sender.publish("microphone", c.microphone);
    if (c.camera) await call.sender.publish("camera", c.camera);
  };
  const share = async () => {
    try {
      const s = await navigator.mediaDevices.getDisplayMedia({ video: { frameRate: 15 }, audio: false });
      await call.sender.publish("screen", s.getVideoTracks()[0]!);
    } catch (e) {
      if ((e as Error).name !== "NotAllowedError") showMessage(t("call.fault.screen"), undefined, true);
    }
  };
  const box = useRef<HTMLDivElement>(null);
  const [why, setWhy] = useState(who === "pupil");
  useEffect(() => {
    if (own.microphone) own.microphone.enabled = !quiet;
  }, [own.microphone, !!quiet]);
  if (who === "pupil" && air.mine.value.length === 0 && !live) return null;
  if (!secure()) {
    return (
      <div class="stack">
        {why && <Insecure home={home} />}
        {who === "teacher" && (
          <div class={css.controls}>
            {!why && (
              <Button icon={RadioTower} onClick={() => setWhy(true)}>
                {t("call.start")}
              </Button>
            )}
            <Lead room={room} call={call} />
          </div>
        )}
      </div>
    );
  }
  const wanted = (["microphone", "camera"] as Source[]).filter(can);
  return (
    <div ref={box} tabIndex={-1} class={css.controls} role="group" aria-label={t("call.controls")}>
      {!live && wanted.length > 0 && (
        <Button kind={who === "pupil" ? "primary" : "secondary"} icon={RadioTower} onClick={() => setChecking(wanted)}>
          {t(who === "teacher" ? "call.start" : "call.accept")}
        </Button>
      )}
      {live && can("microphone") && own.microphone && (
        <Button
          icon={quiet || silenced ? MicOff : Mic}
          disabled={!!quiet && quiet.by !== me}
          onClick={() => room.send("call.mute", { source: "microphone", on: !quiet })}
        >
          {t(quiet ? (quiet.by === me ? "call.unmute" : "call.mutedBy") : "call.mute")}
        </Button>
      )}
      {live &&
        can("camera") &&
        (own.camera ? (
          <Button icon={VideoOff} onClick={() => void call.sender.unpublish("camera")}>
            {t("call.cameraOff")}
          </Button>
        ) : (
          <Button icon={Video} onClick={() => setChecking(["camera"])}>
            {t("call.cameraOn")}
          </Button>
        ))}
      {can("screen") &&
        "getDisplayMedia" in navigator.mediaDevices &&
        (own.screen ? (
          <Button icon={MonitorOff} onClick={() => void call.sender.unpublish("screen")}>
            {t("call.screenOff")}
          </Button>
        ) : (
          <Button icon={MonitorUp} onClick={() => void share()}>
            {t("call.screenOn")}
          </Button>
        ))}
      {(live || own.screen) && (
        <Button kind="danger" onClick={() => call.sender.stop()}>
          {t("call.stop")}
        </Button>
      )}
      {call.sender.state.value === "connecting" && (
        <span role="status" class="muted">
          {t("call.connecting")}
        </span>
      )}
      <span role="status" data-part="silenced">
        {live && silenced && t("call.silenced")}
      </span>
      {who === "teacher" && <Lead room={room} call={call} />}
      {checking && (
        <DialogSheet title={t("call.check")} onClose={() => setChecking(null)}>
          <DeviceCheck sources={checking} onGo={(c) => void go(c)} />
        </DialogSheet>
      )}
    </div>
  );
}

// Lead is what only a teacher does: end what pupils publish, record.
function Lead({ room, call }: { room: Room; call: Call }) {
  const air = room.onair;
  const [pupils, setPupils] = useState(false);
  const [encoders, setEncoders] = useState(false);
  const [rehearsal, setRehearsal] = useState(false);
  const [settings, setSettings] = useState(false);
  const me = room.me.value.user;
  const some =
    Object.values(air.invited.value).some((s) => s.length > 0) ||
    air.list.value.some((s) => s.user !== me && room.people.value.get(s.user)?.role === "pupil");
  const on = !!air.recording.value;
  return (
    <>
      {some && <Button onClick={() => room.send("call.stopall")}>{t("call.stopall")}</Button>}
      <Button
        kind={on ? "danger" : "secondary"}
        icon={on ? Square : Circle}
        onClick={() => room.send("call.record", on ? { on: false } : { on: true, pupils })}
      >
        {t(on ? "call.recordOff" : "call.record")}
      </Button>
      <Button kind="quiet" icon={Settings} onClick={() => setSettings(true)}>
        {t("call.settings")}
      </Button>
      {settings && (
        <Sheet title={t("call.settings")} onClose={() => setSettings(false)}>
          <div class="stack">
            <label class="check">
              <input
                type="checkbox"
                checked={pupils}
                disabled={on}
                onChange={(e) => setPupils(e.currentTarget.checked)}
              />
              <span>{t("call.recordPupils")}</span>
            </label>
            <Button
              icon={Gauge}
              onClick={() => {
                setSettings(false);
                setRehearsal(true);
              }}
            >
              {t("rehearse.open")}
            </Button>
            <Button
              icon={Cable}
              onClick={() => {
                setSettings(false);
                setEncoders(true);
              }}
            >
              {t("encoders.open")}
            </Button>
          </div>
        </Sheet>
      )}
      {rehearsal && (
        <ConnectionTest
          call={call}
          pupils={[...room.people.value.values()].filter((p) => p.role === "pupil").length}
          onClose={() => setRehearsal(false)}
        />
      )}
      {encoders && <Encoders room={room} onClose={() => setEncoders(false)} />}
    </>
  );
}

// Insecure says why this page may not use a camera, and what to do.
function Insecure({ home }: { home: string }) {
  return (
    <div class="note warn" data-part="insecure">
      <p>
        <strong>{t("call.insecure")}</strong>
      </p>
      <p>{t("call.insecureWhy")}</p>
      {home && (
        <p>
          <ButtonLink outside href={home}>
            {t("call.insecureGo")}
          </ButtonLink>
        </p>
      )}
      <p class="muted">{t("call.insecureAnyway")}</p>
    </div>
  );
}
