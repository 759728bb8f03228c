// The stage in the middle of the console: the question, the board or the class's answers, and under
// it the one action that comes next.
import { useLayoutEffect, useState, useRef } from "preact/hooks";
import { CircleCheck, Eye, ListChecks, MessageCircleQuestionMark, Presentation, Users } from "lucide";
import { Button } from "../../components/button";
import { Chip } from "../../components/chip";
import { Icon } from "../../components/icon";
import { MathText } from "../../components/math-text";
import { t } from "../../locales/i18n";
import type { Room } from "../../state/room";
import { AnswerWall } from "../quiz/answer-wall";
import { NextStepButton, nextStep } from "../quiz/next-step";
import { everybodyAnswered, QuestionStage, RoundTimer, RoundTools } from "../quiz/quiz-control";
import { QuickQuestion } from "../quiz/quick-question";
import { QuizLauncher } from "../quiz/quiz-launcher";
import { SlideStrip } from "../whiteboard/slide-strip";
import { BoardStage, PageTurner, type Preview, previewedPage, surfaceOf } from "../whiteboard/whiteboard-editor";
import { useStageKeys } from "./stage-keys";
import css from "./stage.module.css";

const views = [
  ["question", MessageCircleQuestionMark],
  ["board", Presentation],
  ["answers", Users],
] as const;
type View = (typeof views)[number][0];

export function Stage({ room }: { room: Room }) {
  const q = room.quiz;
  const b = room.board;
  const round = q.round.value && q.round.value.state !== "closed" ? q.round.value.round : 0;
  const surface = b.surface.value;
  const [view, setView] = useState<View>(round ? "question" : "board");
  const [chosen, setChosen] = useState<Preview | null>(null);
  const [open, setOpen] = useState<"" | "ask" | "quiz">("");
  // In layout effects: a view that comes a moment later would undo a choice made meanwhile.
  useLayoutEffect(() => setView((v) => (v === "answers" && round ? v : round ? "question" : "board")), [round]);
  const shown = useRef(surface);
  useLayoutEffect(() => {
    setChosen(null);
    // A teacher who turns a page wants to see it, also while a question is open. The first page of a console
    // that has just been opened does not hide the question.
    if (!round || shown.current) setView("board");
    shown.current = surface;
  }, [surface]);
  // While the class sees no page, the first one is ready to be shown.
  const first = b.decks.value[0];
  const preview = chosen ?? (!surface && first ? { deck: first.deck, index: 0 } : null);
  const page = previewedPage(room, preview);
  const looking = view === "board" && page ? preview : null;
  const showPage = (index: number, deck: string) => room.send("board.show", { surface: `d:${deck}:${index}` });
  const turn = (index: number) =>
    looking ? setChosen({ ...looking, index }) : b.page.value && showPage(index, b.page.value.deck);
  const turned = looking ? page : b.page.value;
  const showPreview = () => looking && room.send("board.show", { surface: surfaceOf(looking) });
  useStageKeys(
    () => {
      if (round) nextStep(room).press?.();
      else if (!surface && looking) showPreview();
      else if (turned && turned.index + 1 < turned.of) turn(turned.index + 1);
    },
    () => {
      if (!round && turned && turned.index > 0) turn(turned.index - 1);
    },
  );
  return (
    <>
      <section class={css.stage} aria-label={t("console.stage")} data-view={view} data-part="stage">
        <Views room={room} view={view} round={round} onView={setView} />
        <div
          class={view === "board" ? `${css.body} ${css.full}` : css.body}
          data-part="body"
          role="group"
          aria-label={t("console.stage")}
          tabIndex={view === "question" ? 0 : undefined} // a long question scrolls
        >
          {view === "answers" ? (
            <AnswerWall room={room} />
          ) : view === "question" ? (
            <Question room={room} />
          ) : (
            <BoardStage room={room} preview={looking} />
          )}
        </div>
        <div class={css.bar} data-part="bar">
          <div class={css.tools}>
            {view === "board" && <PageTurner page={turned} turn={turn} />}
            <RoundTimer room={room} />
            <Cue room={room} />
            <span class={css.gap} />
            <span class={css.round}>
              <RoundTools room={room} />
            </span>
            {q.state.value === "revealed" && (
              <Button
                kind="quiet"
                icon={Presentation}
                onClick={() => room.send("quiz.close", { round: q.round.value!.round })}
              >
                {t(b.page.value ? "stage.toSlides" : "stage.hideQuestion")}
              </Button>
            )}
            {q.state.value !== "open" && (
              <Button kind="quiet" icon={MessageCircleQuestionMark} onClick={() => setOpen("ask")}>
                {t("stage.ask")}
              </Button>
            )}
            <Button kind="quiet" icon={ListChecks} onClick={() => setOpen("quiz")}>
              {t("stage.more")}
            </Button>
          </div>
          <div class={css.go}>
            {looking ? (
              <>
                {q.loaded.value.items.length > 0 && <NextStepButton room={room} kind="secondary" />}
                <Button kind="primary" big icon={Eye} onClick={showPreview}>
                  {t("board.toClass")}
                </Button>
              </>
            ) : q.loaded.value.items.length > 0 ? (
              <NextStepButton room={room} kind="primary" />
            ) : (
              <Button kind="primary" big onClick={() => setOpen("quiz")}>
                {t("stage.choose")}
              </Button>
            )}
          </div>
        </div>
      </section>
      <div class={css.strip}>
        <SlideStrip
          room={room}
          preview={looking}
          onPreview={(p) => {
            setChosen(p);
            setView("board");
          }}
        />
      </div>
      {open === "ask" && <QuickQuestion room={room} close={() => setOpen("")} />}
      {open === "quiz" && <QuizLauncher room={room} onClose={() => setOpen("")} />}
    </>
  );
}

// Views chooses what the teacher looks at, and says what the class sees.
function Views({ room, view, round, onView }: { room: Room; view: View; round: number; onView: (view: View) => void }) {
  const seen = round ? "question" : room.board.surface.value ? "board" : "code";
  return (
    <div class={css.head}>
      <div class={css.views} role="group" aria-label={t("console.views")}>
        {views.map(([key, icon]) => (
          <button key={key} type="button" class={css.view} aria-pressed={view === key} onClick={() => onView(key)}>
            <Icon icon={icon} />
            {t(`console.view.${key}`)}
          </button>
        ))}
      </div>
      <Chip tone={seen === view ? undefined : "warn"} icon={Eye}>
        {t(`console.sees.${seen}`)}
      </Chip>
    </div>
  );
}

function Question({ room }: { room: Room }) {
  const q = room.quiz;
  const r = q.round.value;
  if (r && r.state !== "closed") return <QuestionStage room={room} />;
  const next = q.loaded.value.items.find((i) => !q.asked.value.includes(i.id));
  return (
    <div class={css.coming}>
      {!next ? (
        <p>{t(q.loaded.value.items.length ? "stage.allAsked" : "stage.noQuestions")}</p>
      ) : q.paced.value === "pupil" ? (
        <p>{t("stage.pupilPaced", { n: q.loaded.value.items.length })}</p>
      ) : (
        <>
          <p class="muted">{t("stage.coming")}</p>
          <h2>
            <bdi>
              <MathText text={next.text} />
            </bdi>
          </h2>
        </>
      )}
    </div>
  );
}

// Cue says when there is nothing left to wait for.
function Cue({ room }: { room: Room }) {
  return (
    <p class={css.cue} role="status">
      {everybodyAnswered(room) && (
        <>
          <Icon icon={CircleCheck} />
          {t("stage.allAnswered")}
        </>
      )}
    </p>
  );
}
