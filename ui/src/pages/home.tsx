// A teacher's start: the classes and their lists, what is prepared, what is over.
import { useState } from "preact/hooks";
import { api, type Class, type Fault, type Lesson, type State } from "../core/api";
import { clock, t } from "../core/i18n";
import { A, Confirm, Empty, Failed, Loading, Title, tell, tellFault, useLoad } from "../core/kit";
import { prepare } from "../core/prepare";
import { ListSheet } from "../features/classlist";
import { ClockNote } from "../features/clock";
import { Decks } from "../features/decks";
import { Ready } from "../features/firstclass";
import { Code, More, Sheet, Topbar, useStaff } from "../features/frame";
import { Intake } from "../features/intake";
import { Past } from "../features/past";
import { Quizzes } from "../features/quizzes";
import { NameSheet, StartSheet } from "../features/start";
import "./home.css";

type Open =
  | { what: "add" | "import" }
  | { what: "start" | "list" | "rename" | "delete"; cls: string };

export function Home({ state }: { state: State; arg: string }) {
  if (!useStaff(state)) return <main id="main" />;
  return <><Topbar state={state} /><Classes /></>;
}

function Classes() {
  const [data, fault, again] = useLoad(async () => ({ classes: await api.classes(), lessons: await api.lessons() }));
  const [past, pastFault, pastAgain] = useLoad(prepare.past);
  const [open, setOpen] = useState<Open | null>(null);
  const done = () => {
    setOpen(null);
    again();
  };
  const cls = open && "cls" in open ? data?.classes.find((c) => c.id === open.cls) : undefined;
  return (
    <main id="main" class="page stack">
      <div class="row between">
        <Title>{t("home.title")}</Title>
        <span class="row">
          <button type="button" onClick={() => setOpen({ what: "import" })}>{t("home.file")}</button>
          <button type="button" onClick={() => setOpen({ what: "add" })}>+ {t("home.add")}</button>
        </span>
      </div>
      <ClockNote />
      {fault && <Failed fault={fault} retry={again} />}
      {!data && !fault && <Loading />}
      {data && past?.length === 0 && data.lessons.length === 0 && <Ready classes={data.classes} />}
      {data?.classes.length === 0 && (
        <div class="card stack first">
          <Empty>{t("home.empty")}</Empty>
          <button type="button" class="primary big" onClick={() => setOpen({ what: "add" })}>{t("home.add")}</button>
        </div>
      )}
      {data && data.classes.length > 0 && (
        <ul class="cards">
          {[...data.classes]
            .sort((a, b) => Number(data.lessons.some((l) => l.class === b.id)) - Number(data.lessons.some((l) => l.class === a.id)))
            .map((c) => <Card key={c.id} cls={c} lesson={data.lessons.find((l) => l.class === c.id)} open={setOpen} />)}
        </ul>
      )}
      <div class="home-shelf"><Quizzes /><Decks /><Past list={past} fault={pastFault} again={pastAgain} /></div>
      {open?.what === "import" && <Sheet title={t("home.import")} onClose={() => setOpen(null)} wide><Intake cls="" done={done} /></Sheet>}
      {open?.what === "add" && <NameSheet title={t("home.add")} label={t("home.className")} yes={t("home.addYes")} onClose={() => setOpen(null)}
        save={async (name) => {
          const c = await api.addClass(name);
          again();
          setOpen({ what: "list", cls: c.id });
        }} />}
      {cls && open?.what === "rename" && <NameSheet key={cls.id} title={t("home.rename")} label={t("home.className")} yes={t("home.save")} value={cls.name}
        onClose={() => setOpen(null)} save={async (name) => { await api.renameClass(cls.id, name); done(); }} />}
      {cls && open?.what === "start" && <StartSheet cls={cls} onClose={() => setOpen(null)} />}
      {cls && open?.what === "list" && <ListSheet key={cls.id} cls={cls} changed={again} onClose={done} start={() => setOpen({ what: "start", cls: cls.id })}
        running={!!data?.lessons.some((l) => l.class === cls.id)} />}
      {cls && open?.what === "delete" && (
        <Confirm
          text={t("home.deleteAsk", { name: cls.name, n: cls.pupils.length })} yes={t("home.delete")} onNo={() => setOpen(null)}
          onYes={() => api.deleteClass(cls.id).then(() => { tell(t("home.deleted", { name: cls.name })); done(); }, (f) => { tellFault(f); done(); })}
        />
      )}
    </main>
  );
}

function Card({ cls, lesson, open }: { cls: Class; lesson?: Lesson; open: (o: Open) => void }) {
  return (
    <li class={lesson ? "card class-card running" : "card class-card"}>
      <div class="row between">
        <h2><bdi>{cls.name}</bdi></h2>
        <More label={t("home.more", { name: cls.name })}>
          <A class="button quiet" href={`/cards/${encodeURIComponent(cls.id)}`}>{t("home.cards")}</A>
          <button type="button" class="quiet" onClick={() => open({ what: "rename", cls: cls.id })}>{t("home.rename")}</button>
          <button type="button" class="quiet danger" onClick={() => open({ what: "delete", cls: cls.id })}>{t("home.delete")}…</button>
        </More>
      </div>
      {lesson ? (
        <div class="stack tight">
          <p class="pill live"><i class="dot" aria-hidden="true" />{t("home.running", { time: clock(lesson.started) })}</p>
          {lesson.title && lesson.title !== cls.name && <p><bdi>{lesson.title}</bdi></p>}
          {lesson.code && <p>{t("home.code")} <Code code={lesson.code} /></p>}
        </div>
      ) : null}
      <p class="muted">{t("home.pupils", { n: cls.pupils.length })}</p>
      <div class="row class-actions">
        {lesson
          ? <A class="button primary" href={`/teach/${encodeURIComponent(lesson.room)}`}>{t("home.back")}</A>
          : <button type="button" class="primary" onClick={() => open({ what: "start", cls: cls.id })}>{t("home.start")}</button>}
        <button type="button" onClick={() => open({ what: "list", cls: cls.id })}>{t("home.list")}</button>
      </div>
    </li>
  );
}
