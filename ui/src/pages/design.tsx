// The page of all components in all states, at /design of a box with a simulated board. It is for
// developers, so its texts are samples and not in the locales.
import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import {
  ArrowRight,
  Copy,
  Hand,
  MessageCircle,
  Pencil,
  Play,
  QrCode,
  Sparkles,
  Trash2,
  Users,
  Volume2,
  VolumeX,
  Wifi,
  WifiOff,
} from "lucide";
import { mark } from "../components/brand";
import { Button } from "../components/button";
import { Chip } from "../components/chip";
import { Dialog, Sheet } from "../components/dialog";
import { EmptyState } from "../components/empty-state";
import { Skeleton } from "../components/skeleton";
import { Field } from "../components/field";
import { Icon } from "../components/icon";
import { Menu } from "../components/menu";
import { Bar, Meter, TimerRing } from "../components/meter";
import { reactions } from "../components/reactions";
import { muted, playPodium, playReveal, playTick, setMuted } from "../components/sound";
import { Tabs } from "../components/tabs";
import { Tile, type TileState } from "../components/tile";
import { showToast } from "../components/toast";
import { changePage } from "../components/transition";
import css from "./design.module.css";

const grounds = ["bg", "sunken", "surface", "raised", "accent-soft", "ok-soft", "warn-soft", "bad-soft"];
const fills = ["tile-a", "tile-b", "tile-c", "tile-d", "ok-fill", "bad-fill"];
const sizes = ["sm", "md", "lg", "xl", "2xl"];
const states: TileState[] = ["idle", "chosen", "locked", "right", "wrong", "dimmed"];

const Section = ({ name, children }: { name: string; children: ComponentChildren }) => (
  <section class={css.section}>
    <h2>{name}</h2>
    {children}
  </section>
);

const setRoot = (name: "theme" | "dir", value: string) =>
  void changePage(() => {
    if (name === "dir") document.documentElement.dir = value;
    else if (value) document.documentElement.dataset.theme = value;
    else delete document.documentElement.dataset.theme;
  });

function Choice({
  label,
  values,
  onPick,
}: {
  label: string;
  values: [string, string][];
  onPick: (value: string) => void;
}) {
  const [value, set] = useState(values[0]![0]);
  return (
    <div class={css.row} role="group" aria-label={label}>
      {values.map(([v, text]) => (
        <Chip
          key={v}
          pressed={v === value}
          onPress={() => {
            set(v);
            onPick(v);
          }}
        >
          {text}
        </Chip>
      ))}
    </div>
  );
}

export function Design() {
  return (
    <main id="main" class={css.page}>
      <div class={css.top}>
        <div class={css.brand}>
          <Icon icon={mark} />
          <h1>LiveLearn design</h1>
        </div>
        <div class={css.row}>
          <Choice
            label="Theme"
            values={[
              ["", "Device"],
              ["light", "Light"],
              ["dark", "Dark"],
            ]}
            onPick={(v) => setRoot("theme", v)}
          />
          <Choice
            label="Direction"
            values={[
              ["ltr", "Left to right"],
              ["rtl", "Right to left"],
            ]}
            onPick={(v) => setRoot("dir", v)}
          />
        </div>
      </div>
      <Colours />
      <Controls />
      <Answers />
      <Stage />
      <Rest />
    </main>
  );
}

const Colours = () => (
  <>
    <Section name="Colour">
      <div class={css.grid}>
        {grounds.map((g) => (
          <div key={g} class={css.swatch} style={{ background: `var(--${g})` }}>
            <span>{g}</span>
          </div>
        ))}
        {fills.map((f) => (
          <div key={f} class={css.swatch} style={{ background: `var(--${f})`, color: "#fff" }}>
            <span>{f}</span>
          </div>
        ))}
      </div>
    </Section>
    <Section name="Type">
      <div class={css.scale}>
        {sizes.map((s) => (
          <p key={s} style={{ fontSize: `var(--text-${s})` }}>
            Which planet is the largest? <span lang="ar">أكبر كوكب</span> 0:18
          </p>
        ))}
      </div>
    </Section>
  </>
);

function Controls() {
  const [name, setName] = useState("Amal");
  const [tab, setTab] = useState("people");
  return (
    <>
      <Section name="Buttons and menu">
        <div class={css.row}>
          <Button kind="primary" icon={Play}>
            Start lesson
          </Button>
          <Button icon={Pencil}>Edit quiz</Button>
          <Button kind="quiet" icon={QrCode}>
            Show code
          </Button>
          <Button kind="danger" icon={Trash2}>
            Delete class
          </Button>
          <Menu
            label="More for Amal"
            items={[
              { label: "Rename", icon: Pencil, onSelect: () => showToast({ text: "Renamed" }) },
              { label: "Copy code", icon: Copy, onSelect: () => showToast({ text: "Code copied" }) },
              { label: "Not possible now", icon: Wifi, disabled: true, onSelect: () => {} },
              {
                label: "Remove from lesson",
                icon: Trash2,
                danger: true,
                onSelect: () => showToast({ text: "Amal was removed from the lesson", undo: () => {} }),
              },
            ]}
          />
        </div>
        <div class={css.row}>
          <Button kind="primary" big icon={ArrowRight} mirrored>
            Next question
          </Button>
          <Button kind="primary" busy>
            Saving
          </Button>
          <Button kind="primary" disabled>
            Show answer
          </Button>
          <Button disabled>Edit quiz</Button>
          <Button icon={Hand} aria-pressed>
            Hand up
          </Button>
          <Button kind="quiet" icon={MessageCircle} label="Open chat" />
        </div>
      </Section>
      <Section name="Fields">
        <div class={css.grid}>
          <Field label="Your name" name="d-name" value={name} onInput={setName} hint="As your teacher writes it" />
          <Field
            label="Class code"
            name="d-code"
            value="48 2"
            onInput={() => {}}
            error="A code has six figures. Look at the board."
          />
          <Field
            label="Question"
            name="d-text"
            value=""
            onInput={() => {}}
            lines={2}
            placeholder="Why is the sky blue?"
          />
          <Field label="Box" name="d-off" value="Room 12" onInput={() => {}} disabled />
        </div>
      </Section>
      <Section name="Tabs">
        <Tabs
          label="Lesson"
          value={tab}
          onChange={setTab}
          tabs={[
            { id: "people", label: "People", icon: Users, count: 28 },
            { id: "chat", label: "Chat", icon: MessageCircle, count: 3 },
            { id: "hands", label: "Hands", icon: Hand },
          ]}
        >
          <p>This is {tab}.</p>
        </Tabs>
      </Section>
    </>
  );
}

function Answers() {
  const [chosen, setChosen] = useState(-1);
  return (
    <Section name="Answer tiles">
      <div class={css.grid}>
        {["Mars", "Jupiter", "Venus", "Photosynthesis", "Mercury", "Neptune"].map((text, n) => (
          <Tile key={text} n={n} state={chosen === n ? "chosen" : "idle"} onPress={() => setChosen(n)}>
            {text}
          </Tile>
        ))}
      </div>
      <h3>States</h3>
      <div class={css.grid}>
        {states.map((state, n) => (
          <Tile key={state} n={n} state={state} count={n === 3 ? "20" : undefined}>
            {state}
          </Tile>
        ))}
        <Tile n={1} state="locked" onPress={() => {}}>
          locked button
        </Tile>
      </div>
    </Section>
  );
}

const Stage = () => (
  <Section name="Stage in container units">
    <div class={css.stage}>
      <div class={css.scene}>
        <div class={css.head}>
          <Chip icon={QrCode} tone="brand">
            482 193
          </Chip>
          <TimerRing left={0.6} text="18" label="Time left:" />
        </div>
        <h3>Which planet is the largest?</h3>
        <div class={css.tiles}>
          {["Mars", "Jupiter", "Venus", "Mercury"].map((text, n) => (
            <Tile key={text} n={n}>
              {text}
            </Tile>
          ))}
        </div>
        <Meter value={24} of={28} text="24 of 28 answered" />
      </div>
    </div>
  </Section>
);

function Rest() {
  const [open, setOpen] = useState("");
  const [round, setRound] = useState(0);
  const close = () => setOpen("");
  return (
    <>
      <Section name="Chips, meters, bars">
        <div class={css.row}>
          <Chip icon={Users}>28 here</Chip>
          <Chip tone="brand" icon={Sparkles}>
            Live
          </Chip>
          <Chip tone="ok" icon={Wifi}>
            Connected
          </Chip>
          <Chip tone="warn" icon={WifiOff}>
            Reconnecting
          </Chip>
          <Chip tone="bad" icon={Hand}>
            Needs help
          </Chip>
        </div>
        <div class={css.row}>
          <TimerRing left={0.8} text="0:24" label="Time left:" />
          <TimerRing left={0.12} text="3" label="Time left:" low />
          <Button onClick={() => setRound(round + 1)}>Grow again</Button>
        </div>
        <div class={css.grid}>
          <Meter value={24} of={28} text="24 of 28 answered" />
          <Meter value={28} of={28} text="All 28 answered" />
        </div>
        <div key={round} class={css.grid}>
          {[0.19, 0.65, 0.03, 0.13].map((share, n) => (
            <Bar key={n} n={n} share={share} count={`${Math.round(share * 31)}`} right={n === 1 ? "right" : undefined}>
              {["Mars", "Jupiter", "Venus", "Mercury"][n]}
            </Bar>
          ))}
        </div>
      </Section>
      <Section name="Reactions">
        <div class={`${css.row} ${css.emoji}`}>
          {Object.entries(reactions).map(([emoji, icon]) => (
            <Icon key={emoji} icon={icon} label={emoji} />
          ))}
        </div>
      </Section>
      <Section name="Sheet, dialog, toast, sound">
        <div class={css.row}>
          <Button onClick={() => setOpen("sheet")}>Open chat</Button>
          <Button kind="danger" onClick={() => setOpen("dialog")}>
            Delete class
          </Button>
          <Button
            onClick={() => showToast({ text: "Question removed", undo: () => showToast({ text: "Question is back" }) })}
          >
            Toast with Undo
          </Button>
          <Button
            onClick={() =>
              showToast({
                text: "The box does not answer. Your answers are safe on this device.",
                bad: true,
                retry: () => {},
              })
            }
          >
            Toast of a fault
          </Button>
        </div>
        <div class={css.row}>
          <Button onClick={() => playTick()}>Tick</Button>
          <Button onClick={playReveal}>Reveal</Button>
          <Button onClick={playPodium}>Podium</Button>
          <Button
            icon={muted.value ? VolumeX : Volume2}
            label={muted.value ? "Sound on" : "Sound off"}
            onClick={() => setMuted(!muted.value)}
          />
        </div>
      </Section>
      <Section name="Empty and loading">
        <div class={css.grid}>
          <EmptyState icon={MessageCircle} action={<Button>Write the first message</Button>}>
            Messages of the class come here.
          </EmptyState>
          <Skeleton />
          <Skeleton tiles rows={2} />
        </div>
      </Section>
      {open === "sheet" && (
        <Sheet title="Chat" onClose={close}>
          <EmptyState icon={MessageCircle}>Messages of the class come here.</EmptyState>
        </Sheet>
      )}
      {open === "dialog" && (
        <Dialog
          danger
          title="Delete class 7B?"
          text="Its 28 pupils and 12 lessons go too. This cannot be undone."
          confirm="Delete class"
          onConfirm={close}
          onClose={close}
        />
      )}
    </>
  );
}
