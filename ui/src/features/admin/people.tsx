// The people of the box: teachers, and pupils with what the law lets them ask for. One field
// searches both.
import { useState } from "preact/hooks";
import { Search } from "lucide";
import { api, type BoxState } from "../../api/box";
import { t } from "../../locales/i18n";
import { EmptyNote, ErrorNote, Loading } from "../../components/feedback";
import { Icon } from "../../components/icon";
import { useLoad } from "../../components/hooks";
import { type Person, Privacy } from "./privacy";
import { Staff } from "./staff";
import css from "./people.module.css";

const most = 20; // pupils in the list

// foldName makes names comparable: without accents and capitals.
const foldName = (s: string) => s.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase().trim();

export function People({ state, turn }: { state: BoxState; turn: number }) {
  const [text, setText] = useState("");
  const [classes, fault, again] = useLoad(api.classes, [turn]);
  const isFound = (name: string) => foldName(name).includes(foldName(text));
  const pupils = (classes ?? []).flatMap((c) => c.pupils.map((p): Person => ({ ...p, cls: c.name })));
  const found = text.trim() ? pupils.filter((p) => isFound(p.name)) : [];
  return (
    <>
      <search class={css.search}>
        <label for="people-search">{t("admin.people.search")}</label>
        <span class={css.searchField}>
          <Icon icon={Search} />
          <input
            id="people-search"
            type="search"
            value={text}
            autoComplete="off"
            spellcheck={false}
            onInput={(e) => setText(e.currentTarget.value)}
          />
        </span>
      </search>
      <Staff state={state} isFound={isFound} />
      <Privacy pupils={found.slice(0, most)} changed={again}>
        {fault && <ErrorNote fault={fault} retry={again} />}
        {!classes && !fault && <Loading />}
        {classes && !text.trim() && <EmptyNote>{t("admin.people.hint")}</EmptyNote>}
        {classes && text.trim() && found.length === 0 && (
          <EmptyNote>{t("admin.people.none", { text: `\u2068${text.trim()}\u2069` })}</EmptyNote>
        )}
        {found.length > most && <p class="muted">{t("admin.people.more", { n: found.length - most })}</p>}
      </Privacy>
    </>
  );
}
