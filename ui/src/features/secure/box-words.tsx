// BoxWords shows the four words of the box's key and how to compare them. Nothing is shown until they
// are known.
import { useEffect, useState } from "preact/hooks";
import { api, type Authority } from "../../api/box";
import { t } from "../../locales/i18n";
import css from "./box-words.module.css";

export function useAuthority(): Authority | null {
  const [authority, set] = useState<Authority | null>(null);
  useEffect(() => void api.authority().then(set, () => {}), []);
  return authority;
}

export const BoxWords = ({ authority }: { authority: Authority | null }) =>
  authority?.words ? (
    <section class="stack" aria-labelledby="words-title">
      <h2 id="words-title" class={css.title}>
        {t("secure.words")}
      </h2>
      <p class={css.words} lang="en" dir="ltr" data-part="words">
        {authority.words}
      </p>
      <p class="muted">{t("secure.compare")}</p>
    </section>
  ) : null;
