// Ask now: a question that the teacher says aloud, in two taps.
import { useState } from "preact/hooks";
import { t } from "../../locales/i18n";
import type { Key, Kind } from "../../state/quiz";
import type { Room } from "../../state/room";
import { Button } from "../../components/button";
import { Sheet } from "../../components/dialog";
import { Field } from "../../components/field";
import css from "./quick-question.module.css";

const options = (texts: string[]) => texts.map((text, i) => ({ id: String.fromCharCode(97 + i), text }));

export function QuickQuestion({ room, close }: { room: Room; close: () => void }) {
  const [text, setText] = useState("");
  const ask = (kind: Kind, texts: string[], key: Key) => {
    const item = {
      id: "",
      kind,
      text: text.trim() || t("stage.ask.aloud"),
      points: 0,
      key,
      ...(kind === "truefalse"
        ? {
            options: [
              { id: "t", text: "" },
              { id: "f", text: "" },
            ],
          }
        : texts.length
          ? { options: options(texts) }
          : {}),
    };
    room.send("quiz.ask", { item });
    close();
  };
  const kinds: [string, () => void][] = [
    ["stage.ask.yesno", () => ask("poll", [t("tap.yes"), t("tap.no")], {})],
    ["stage.ask.abcd", () => ask("poll", ["A", "B", "C", "D"], {})],
    ["stage.ask.scale", () => ask("poll", ["1", "2", "3", "4", "5"], {})],
    ["stage.ask.words", () => ask("text", [], {})],
  ];
  return (
    <Sheet title={t("stage.ask")} onClose={close}>
      <div class={css.parts}>
        <Field
          label={t("stage.ask.text")}
          name="ask-text"
          value={text}
          maxLength={500}
          placeholder={t("stage.ask.aloud")}
          autoComplete="off"
          onInput={setText}
        />
        <div class={css.kinds}>
          {kinds.map(([key, press]) => (
            <Button key={key} big onClick={press}>
              {t(key)}
            </Button>
          ))}
        </div>
      </div>
    </Sheet>
  );
}
