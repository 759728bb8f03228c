// Ask now: a question that the teacher says aloud, in two taps.
import { useState } from "preact/hooks";
import { t } from "../core/i18n";
import type { Key, Kind } from "../core/quiz";
import type { Room } from "../core/room";
import { Sheet } from "./frame";

const options = (texts: string[]) => texts.map((text, i) => ({ id: String.fromCharCode(97 + i), text }));

export function Ask({ room, close }: { room: Room; close: () => void }) {
  const [text, setText] = useState("");
  const ask = (kind: Kind, texts: string[], key: Key) => {
    const item = { id: "", kind, text: text.trim() || t("stage.ask.aloud"), points: 0, key, ...(kind === "truefalse" ? { options: [{ id: "t", text: "" }, { id: "f", text: "" }] } : texts.length ? { options: options(texts) } : {}) };
    room.send("quiz.ask", { item });
    close();
  };
  return (
    <Sheet title={t("stage.ask")} onClose={close}>
      <div class="stack">
        <label class="field"><span>{t("stage.ask.text")}</span><input type="text" value={text} maxLength={500} placeholder={t("stage.ask.aloud")} onInput={(e) => setText(e.currentTarget.value)} /></label>
        <div class="ask-kinds">
          <button type="button" class="big" onClick={() => ask("poll", [t("tap.yes"), t("tap.no")], {})}>{t("stage.ask.yesno")}</button>
          <button type="button" class="big" onClick={() => ask("poll", ["A", "B", "C", "D"], {})}>{t("stage.ask.abcd")}</button>
          <button type="button" class="big" onClick={() => ask("poll", ["1", "2", "3", "4", "5"], {})}>{t("stage.ask.scale")}</button>
          <button type="button" class="big" onClick={() => ask("text", [], {})}>{t("stage.ask.words")}</button>
        </div>
      </div>
    </Sheet>
  );
}
