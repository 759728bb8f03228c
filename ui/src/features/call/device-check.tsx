// The device check before one goes live: which camera and microphone, how they look and
// sound. The choice is remembered on this device.
import { useEffect, useRef, useState } from "preact/hooks";
import { Button } from "../../components/button";
import { t } from "../../locales/i18n";
import type { Source } from "../../state/on-air";
import css from "./device-check.module.css";

export interface ChosenDevices {
  camera?: MediaStreamTrack;
  microphone?: MediaStreamTrack;
}

const store = (kind: string) => `ll:device:${kind}`;
const recall = (kind: string) => {
  try {
    return localStorage.getItem(store(kind)) ?? "";
  } catch {
    return "";
  }
};
const keep = (kind: string, id: string) => {
  try {
    localStorage.setItem(store(kind), id);
  } catch {
    // a private window: chosen again the next time
  }
};

const ask = (kind: "camera" | "microphone", id: string): MediaStreamConstraints => {
  const one = id ? { deviceId: { ideal: id } } : {};
  return kind === "camera"
    ? { video: { ...one, width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30 } } }
    : { audio: { ...one, echoCancellation: true, noiseSuppression: true, autoGainControl: true } };
};

export function DeviceCheck({ sources, onGo }: { sources: Source[]; onGo: (c: ChosenDevices) => void }) {
  const [tracks, setTracks] = useState<ChosenDevices>({});
  const [fault, setFault] = useState<{ [kind: string]: string }>({});
  const [devices, setDevices] = useState<MediaDeviceInfo[]>([]);
  const held = useRef<ChosenDevices>({});
  const given = useRef(false);
  const shut = useRef(false);
  const open = async (kind: "camera" | "microphone", id: string) => {
    try {
      held.current[kind]?.stop();
      const s = await navigator.mediaDevices.getUserMedia(ask(kind, id));
      if (shut.current) {
        // closed while the browser asked
        s.getTracks()[0]?.stop();
        return;
      }
      held.current = { ...held.current, [kind]: s.getTracks()[0] };
      setFault((f) => ({ ...f, [kind]: "" }));
    } catch (e) {
      held.current = { ...held.current, [kind]: undefined };
      setFault((f) => ({ ...f, [kind]: (e as Error).name }));
    }
    setTracks({ ...held.current });
    setDevices(await navigator.mediaDevices.enumerateDevices());
  };
  useEffect(() => {
    void (async () => {
      for (const s of sources) if (s !== "screen") await open(s, recall(s));
    })();
    return () => {
      shut.current = true;
      if (!given.current) for (const k of Object.values(held.current)) k?.stop();
    };
  }, []);
  const pick = (kind: "camera" | "microphone") => {
    if (!sources.includes(kind)) return null;
    const list = devices.filter((d) => d.kind === (kind === "camera" ? "videoinput" : "audioinput") && d.deviceId);
    const is = tracks[kind]?.getSettings().deviceId ?? "";
    return (
      <div class="stack tight">
        {kind === "camera" ? <Preview track={tracks.camera} /> : <Level track={tracks.microphone} />}
        {fault[kind] && (
          <p class="note bad" role="alert">
            {why(kind, fault[kind]!)}
          </p>
        )}
        {list.length > 1 && (
          <label>
            {t(`call.${kind}`)}
            <select
              value={is}
              onChange={(e) => {
                keep(kind, e.currentTarget.value);
                void open(kind, e.currentTarget.value);
              }}
            >
              {list.map((d) => (
                <option key={d.deviceId} value={d.deviceId}>
                  {d.label || t(`call.${kind}`)}
                </option>
              ))}
            </select>
          </label>
        )}
      </div>
    );
  };
  const ready = !!tracks.camera || !!tracks.microphone;
  const go = () => {
    given.current = true;
    onGo(tracks);
  };
  return (
    <div class="stack" data-part="device-check">
      {pick("camera")}
      {pick("microphone")}
      <Button kind="primary" big disabled={!ready} onClick={go}>
        {t("call.go")}
      </Button>
    </div>
  );
}

function why(kind: string, name: string): string {
  switch (name) {
    case "NotAllowedError":
      return t("call.denied");
    case "NotFoundError":
    case "OverconstrainedError":
      return t(kind === "camera" ? "call.noCamera" : "call.noMicrophone");
    case "NotReadableError":
      return t("call.busy");
  }
  return t("call.deviceFailed");
}

function Preview({ track }: { track?: MediaStreamTrack }) {
  const video = useRef<HTMLVideoElement>(null);
  useEffect(() => {
    video.current!.srcObject = track ? new MediaStream([track]) : null;
    if (track) void video.current!.play().catch(() => {});
  }, [track]);
  return <video ref={video} class={css.view} muted playsInline autoPlay aria-label={t("call.preview")} />;
}

// Level shows that the microphone hears something.
function Level({ track }: { track?: MediaStreamTrack }) {
  const [level, setLevel] = useState(0);
  useEffect(() => {
    if (!track) return;
    const ctx = new AudioContext();
    const node = ctx.createAnalyser();
    node.fftSize = 512;
    ctx.createMediaStreamSource(new MediaStream([track])).connect(node);
    const data = new Uint8Array(node.fftSize);
    const timer = setInterval(() => {
      node.getByteTimeDomainData(data);
      setLevel(Math.min(1, Math.max(...data.map((v) => Math.abs(v - 128))) / 64));
    }, 100);
    return () => {
      clearInterval(timer);
      void ctx.close();
    };
  }, [track]);
  return (
    <label class={css.level}>
      {t("call.level")}
      <meter min={0} max={1} low={0.05} value={level} />
    </label>
  );
}
