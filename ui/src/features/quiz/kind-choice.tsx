// The kinds of questions to choose from, each with its sentence.
import { DialogSheet } from "../../components/dialog-sheet";
import { Icon } from "../../components/icon";
import { t } from "../../locales/i18n";
import { type EditorKind, kindIcons, kinds } from "./question-kinds";
import css from "./kind-choice.module.css";

export const KindChoice = ({ choose }: { choose: (kind: EditorKind) => void }) => (
  <ul class={css.kinds}>
    {kinds.map((kind) => (
      <li key={kind}>
        <button type="button" class={css.kind} data-kind={kind} onClick={() => choose(kind)}>
          <span class={css.icon}>
            <Icon icon={kindIcons[kind]} />
          </span>
          <span>
            <b>{t(`edit.kind.${kind}`)}</b>
            <small>{t(`edit.about.${kind}`)}</small>
          </span>
        </button>
      </li>
    ))}
  </ul>
);

export const KindDialog = ({ choose, close }: { choose: (kind: EditorKind) => void; close: () => void }) => (
  <DialogSheet title={t("edit.add")} onClose={close} wide>
    <KindChoice choose={choose} />
  </DialogSheet>
);
