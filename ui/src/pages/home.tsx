// A teacher's start: the classes and their lists, what is prepared, what is over.
import { useState } from "preact/hooks";
import { IdCard, Pencil, Trash2 } from "lucide";
import { api, type BoxState, type Class, type Lesson } from "../api/box";
import { clock, t } from "../locales/i18n";
import { PageLink } from "../components/page-link";
import { ConfirmDialog } from "../components/confirm-dialog";
import { EmptyNote, ErrorNote, Loading, showError, showMessage } from "../components/feedback";
import { PageTitle } from "../components/page-title";
import { useLoad } from "../components/hooks";
import { library } from "../api/library";
import { ClassList } from "../features/setup/class-list";
import { ClockWarning } from "../features/setup/clock-warning";
import { DeckList } from "../features/whiteboard/deck-list";
import { ReadyToTeach } from "../features/setup/first-class";
import { JoinCode } from "../components/join-code";
import { Menu } from "../components/menu";
import { DialogSheet } from "../components/dialog-sheet";
import { PageHeader } from "../components/page-header";
import { go } from "../state/router";
import { useStaff } from "../state/use-staff";
import { ClassFileImport } from "../features/setup/class-file-import";
import { LessonHistory } from "../features/results/lesson-history";
import { QuizList } from "../features/quiz/quiz-list";
import { NameDialog } from "../components/name-dialog";
import { StartLesson } from "../features/lesson/start-lesson";
import "./home.css";

type Open = { what: "add" | "import" } | { what: "start" | "list" | "rename" | "delete"; cls: string };

export function Home({ state }: { state: BoxState; arg: string }) {
  if (!useStaff(state)) return <main id="main" />;
  return (
    <>
      <PageHeader state={state} />
      <Classes />
    </>
  );
}

function Classes() {
  const [data, fault, again] = useLoad(async () => ({ classes: await api.classes(), lessons: await api.lessons() }));
  const [past, pastFault, pastAgain] = useLoad(library.past);
  const [open, setOpen] = useState<Open | null>(null);
  const done = () => {
    setOpen(null);
    again();
  };
  const cls = open && "cls" in open ? data?.classes.find((c) => c.id === open.cls) : undefined;
  return (
    <main id="main" class="page stack">
      <div class="row between">
        <PageTitle>{t("home.title")}</PageTitle>
        <span class="row">
          <button type="button" onClick={() => setOpen({ what: "import" })}>
            {t("home.file")}
          </button>
          <button type="button" onClick={() => setOpen({ what: "add" })}>
            + {t("home.add")}
          </button>
        </span>
      </div>
      <ClockWarning />
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!data && !fault && <Loading />}
      {data && past?.length === 0 && data.lessons.length === 0 && <ReadyToTeach classes={data.classes} />}
      {data?.classes.length === 0 && (
        <div class="card stack first-class">
          <EmptyNote>{t("home.empty")}</EmptyNote>
          <button type="button" class="primary big" onClick={() => setOpen({ what: "add" })}>
            {t("home.add")}
          </button>
        </div>
      )}
      {data && data.classes.length > 0 && (
        <ul class="cards">
          {[...data.classes]
            .sort(
              (a, b) =>
                Number(data.lessons.some((l) => l.class === b.id)) - Number(data.lessons.some((l) => l.class === a.id)),
            )
            .map((c) => (
              <Card key={c.id} cls={c} lesson={data.lessons.find((l) => l.class === c.id)} open={setOpen} />
            ))}
        </ul>
      )}
      <div class="home-shelf">
        <QuizList />
        <DeckList />
        <LessonHistory list={past} fault={pastFault} again={pastAgain} />
      </div>
      {open?.what === "import" && (
        <DialogSheet title={t("home.import")} onClose={() => setOpen(null)} wide>
          <ClassFileImport cls="" done={done} />
        </DialogSheet>
      )}
      {open?.what === "add" && (
        <NameDialog
          title={t("home.add")}
          label={t("home.className")}
          yes={t("home.addYes")}
          onClose={() => setOpen(null)}
          save={async (name) => {
            const c = await api.addClass(name);
            again();
            setOpen({ what: "list", cls: c.id });
          }}
        />
      )}
      {cls && open?.what === "rename" && (
        <NameDialog
          key={cls.id}
          title={t("home.rename")}
          label={t("home.className")}
          yes={t("home.save")}
          value={cls.name}
          onClose={() => setOpen(null)}
          save={async (name) => {
            await api.renameClass(cls.id, name);
            done();
          }}
        />
      )}
      {cls && open?.what === "start" && <StartLesson cls={cls} onClose={() => setOpen(null)} />}
      {cls && open?.what === "list" && (
        <ClassList
          key={cls.id}
          cls={cls}
          changed={again}
          onClose={done}
          start={() => setOpen({ what: "start", cls: cls.id })}
          running={!!data?.lessons.some((l) => l.class === cls.id)}
        />
      )}
      {cls && open?.what === "delete" && (
        <ConfirmDialog
          text={t("home.deleteAsk", { name: cls.name, n: cls.pupils.length })}
          yes={t("home.delete")}
          onNo={() => setOpen(null)}
          onYes={() =>
            api.deleteClass(cls.id).then(
              () => {
                showMessage(t("home.deleted", { name: cls.name }));
                done();
              },
              (f) => {
                showError(f);
                done();
              },
            )
          }
        />
      )}
    </main>
  );
}

function Card({ cls, lesson, open }: { cls: Class; lesson?: Lesson; open: (o: Open) => void }) {
  return (
    <li class={lesson ? "card class-card running" : "card class-card"}>
      <div class="row between">
        <h2>
          <bdi>{cls.name}</bdi>
        </h2>
        <Menu
          label={t("home.more", { name: cls.name })}
          items={[
            { label: t("home.cards"), icon: IdCard, onSelect: () => go(`/cards/${encodeURIComponent(cls.id)}`) },
            { label: t("home.rename"), icon: Pencil, onSelect: () => open({ what: "rename", cls: cls.id }) },
            {
              label: `${t("home.delete")}…`,
              icon: Trash2,
              danger: true,
              onSelect: () => open({ what: "delete", cls: cls.id }),
            },
          ]}
        />
      </div>
      {lesson ? (
        <div class="stack tight">
          <p class="pill live">
            <i class="dot" aria-hidden="true" />
            {t("home.running", { time: clock(lesson.started) })}
          </p>
          {lesson.title && lesson.title !== cls.name && (
            <p>
              <bdi>{lesson.title}</bdi>
            </p>
          )}
          {lesson.code && (
            <p>
              {t("home.code")} <JoinCode code={lesson.code} />
            </p>
          )}
        </div>
      ) : null}
      <p class="muted">{t("home.pupils", { n: cls.pupils.length })}</p>
      <div class="row class-actions">
        {lesson ? (
          <PageLink class="button primary" href={`/teach/${encodeURIComponent(lesson.room)}`}>
            {t("home.back")}
          </PageLink>
        ) : (
          <button type="button" class="primary" onClick={() => open({ what: "start", cls: cls.id })}>
            {t("home.start")}
          </button>
        )}
        <button type="button" onClick={() => open({ what: "list", cls: cls.id })}>
          {t("home.list")}
        </button>
      </div>
    </li>
  );
}
