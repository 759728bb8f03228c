// A teacher's start: the classes and their lists, what is prepared, what is over.
import { useState } from "preact/hooks";
import { FileUp, Pencil, Play, Plus, QrCode, Radio, Trash2, Users } from "lucide";
import { api, type BoxState, type Class, type Lesson } from "../api/box";
import { clock, lang, t } from "../locales/i18n";
import { Button } from "../components/button";
import { ButtonLink } from "../components/button-link";
import { Chip } from "../components/chip";
import { ConfirmDialog } from "../components/confirm-dialog";
import { EmptyState } from "../components/empty-state";
import { ErrorNote, Loading, showError, showMessage } from "../components/feedback";
import { PageTitle } from "../components/page-title";
import { useLoad } from "../components/hooks";
import { library } from "../api/library";
import { ClassList } from "../features/setup/class-list";
import { ClockWarning } from "../features/setup/clock-warning";
import { DeckList } from "../features/whiteboard/deck-list";
import { ShareClass } from "../features/setup/share-class";
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
import css from "./home.module.css";

type Open = { what: "add" | "import" } | { what: "start" | "list" | "rename" | "share" | "delete"; cls: string };

export function Home({ state }: { state: BoxState; arg: string }) {
  if (!useStaff(state)) return <main id="main" />;
  return (
    <>
      <PageHeader state={state} />
      <Classes me={state.me} />
    </>
  );
}

// inOrder puts a class with a lesson first, and 7B before 10A.
const inOrder = (classes: Class[], lessons: Lesson[]) => {
  const running = (c: Class) => Number(lessons.some((l) => l.class === c.id));
  return [...classes].sort(
    (a, b) => running(b) - running(a) || a.name.localeCompare(b.name, lang.value, { numeric: true }),
  );
};

function Classes({ me }: { me: BoxState["me"] }) {
  const [data, fault, again] = useLoad(async () => ({ classes: await api.classes(), lessons: await api.lessons() }));
  const [past, pastFault, pastAgain] = useLoad(library.past);
  const [open, setOpen] = useState<Open | null>(null);
  const done = () => {
    setOpen(null);
    again();
  };
  const fresh = past?.length === 0 && data?.lessons.length === 0; // nobody has taught yet
  const cls = open && "cls" in open ? data?.classes.find((c) => c.id === open.cls) : undefined;
  return (
    <main id="main" class="page stack">
      <div class="row between">
        <PageTitle>{t("home.title")}</PageTitle>
        <span class={css.tools}>
          <Button icon={FileUp} onClick={() => setOpen({ what: "import" })}>
            {t("home.file")}
          </Button>
          {data?.classes.length !== 0 && (
            <Button icon={Plus} onClick={() => setOpen({ what: "add" })}>
              {t("home.add")}
            </Button>
          )}
        </span>
      </div>
      <ClockWarning />
      {fault && <ErrorNote fault={fault} retry={again} />}
      {!data && !fault && <Loading />}
      {data && fresh && <ReadyToTeach classes={data.classes} />}
      {data?.classes.length === 0 && (
        <div class="card">
          <EmptyState
            icon={Users}
            action={
              <Button kind="primary" big icon={Plus} onClick={() => setOpen({ what: "add" })}>
                {t("home.add")}
              </Button>
            }
          >
            {t("home.empty")}
          </EmptyState>
        </div>
      )}
      {data && data.classes.length > 0 && (
        <ul class={css.classes}>
          {inOrder(data.classes, data.lessons).map((c) => (
            <Card
              key={c.id}
              cls={c}
              lesson={data.lessons.find((l) => l.class === c.id)}
              main={data.classes.length === 1 && !fresh}
              open={setOpen}
            />
          ))}
        </ul>
      )}
      <div class={css.shelf}>
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
      {cls && open?.what === "share" && <ShareClass me={me} cls={cls} onClose={() => setOpen(null)} saved={done} />}
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

// Card is a class. main is the one action that the page asks for.
function Card({ cls, lesson, main, open }: { cls: Class; lesson?: Lesson; main: boolean; open: (o: Open) => void }) {
  const named = cls.pupils.length > 0;
  const start = (
    <Button
      key="start"
      kind={main && named ? "primary" : "secondary"}
      icon={Play}
      onClick={() => open({ what: "start", cls: cls.id })}
    >
      {t("home.start")}
    </Button>
  );
  const list = (
    <Button
      key="list"
      kind={main && !named ? "primary" : "secondary"}
      onClick={() => open({ what: "list", cls: cls.id })}
    >
      {t("home.list")}
    </Button>
  );
  return (
    <li class={lesson ? `${css.class} ${css.running}` : css.class} data-class={cls.id}>
      <div class={css.head}>
        <h2>
          <bdi>{cls.name}</bdi>
        </h2>
        <Menu
          label={t("home.more", { name: cls.name })}
          items={[
            { label: t("home.cards"), icon: QrCode, onSelect: () => go(`/cards/${encodeURIComponent(cls.id)}`) },
            { label: t("home.rename"), icon: Pencil, onSelect: () => open({ what: "rename", cls: cls.id }) },
            { label: t("home.share"), icon: Users, onSelect: () => open({ what: "share", cls: cls.id }) },
            {
              label: `${t("home.delete")}…`,
              icon: Trash2,
              danger: true,
              onSelect: () => open({ what: "delete", cls: cls.id }),
            },
          ]}
        />
      </div>
      <div class={css.body}>
        <div class={css.lesson}>
          {lesson && (
            <Chip tone="ok" icon={Radio}>
              {t("home.running", { time: clock(lesson.started) })}
            </Chip>
          )}
          {lesson?.title && lesson.title !== cls.name && <bdi>{lesson.title}</bdi>}
          {lesson?.code && (
            <span>
              {t("home.code")} <JoinCode code={lesson.code} />
            </span>
          )}
          <span class="muted">{t("home.pupils", { n: cls.pupils.length })}</span>
        </div>
        <div class={css.actions}>
          {lesson ? (
            <ButtonLink kind="primary" href={`/teach/${encodeURIComponent(lesson.room)}`}>
              {t("home.back")}
            </ButtonLink>
          ) : (
            start
          )}
          {list}
        </div>
      </div>
    </li>
  );
}
