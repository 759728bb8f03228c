// Answers to choose from, as tiles: one, or several and a button.
import { MathText } from "../../components/math-text";
import { Tile, type TileState } from "../../components/tile";
import { t } from "../../locales/i18n";
import { AnswerForm, type Answering, Hint, SendAnswer, useDraft } from "./answering";
import { ItemPicture } from "./item-picture";
import { optionsOf } from "./options";
import css from "./answer-tiles.module.css";

function stateOf(chosen: boolean, right: boolean, { item, shut, revealed }: Answering): TileState {
  if (revealed && item.kind !== "poll") return right ? "right" : chosen ? "wrong" : "dimmed";
  if (shut) return chosen ? "locked" : "dimmed";
  return chosen ? "chosen" : "idle";
}

function Tiles({ a, chosen, press }: { a: Answering; chosen: string[]; press: (id: string) => void }) {
  const { item, revealed, counts, all } = a;
  const options = optionsOf(item);
  const pictures = options.some((o) => o.image);
  return (
    <div class={pictures ? `${css.tiles} ${css.pictures}` : css.tiles} role="group" aria-labelledby={`q-${item.id}`}>
      {options.map((o, n) => {
        const mine = chosen.includes(o.id);
        const right = !!revealed?.right?.includes(o.id);
        const count = revealed && counts?.[o.id];
        return (
          <div key={o.id} class={css.option} data-option={o.id} data-right={right || undefined}>
            <Tile n={n} state={stateOf(mine, right, a)} disabled={a.shut} onPress={() => press(o.id)}>
              {o.image && <ItemPicture image={o.image} />}
              <bdi class={css.text}>
                <MathText text={o.text} />
              </bdi>
              {revealed && (right || mine) && (
                <span class={css.fact}>
                  {[right && t("quiz.right"), mine && t("quiz.yours")].filter(Boolean).join(" · ")}
                </span>
              )}
              {count !== undefined && (
                <span class={css.share}>
                  {t("quiz.chose", { n: count })}
                  <span class={css.bar} data-bar="" aria-hidden="true">
                    <i style={{ inlineSize: `${(100 * count) / Math.max(all, 1)}%` }} />
                  </span>
                </span>
              )}
            </Tile>
          </div>
        );
      })}
    </div>
  );
}

export const AnswerOne = (a: Answering) => (
  <Tiles a={a} chosen={a.mine?.options ?? []} press={(id) => a.send({ options: [id] })} />
);

export function AnswerMany(a: Answering) {
  const [draft, set, changed] = useDraft(a.mine?.options ?? []);
  const toggle = (id: string) => set(draft.includes(id) ? draft.filter((o) => o !== id) : [...draft, id].sort());
  return (
    <AnswerForm onSend={() => draft.length > 0 && a.send({ options: draft })}>
      {!a.shut && <Hint>{t("quiz.many")}</Hint>}
      <Tiles a={a} chosen={draft} press={toggle} />
      <SendAnswer shut={a.shut} ready={draft.length > 0} changed={changed} sent={!!a.mine} />
    </AnswerForm>
  );
}
