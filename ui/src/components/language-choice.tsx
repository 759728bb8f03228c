import { lang, languages, t } from "../locales/i18n";
import { chooseLanguage } from "./feedback";
import css from "./language-choice.module.css";

// LanguageChoice switches the language of the pages on this device.
export function LanguageChoice() {
  return (
    <label class={css.language}>
      <span class="visually-hidden">{t("home.language")}</span>
      <select value={lang.value} onChange={(e) => void chooseLanguage(e.currentTarget.value)}>
        {languages.map(([id, name]) => (
          <option key={id} value={id} lang={id}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}
