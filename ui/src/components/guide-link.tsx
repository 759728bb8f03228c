import { lang, t } from "../locales/i18n";

// GuideLink leads to the guide, a page of the box that needs no script and nobody signed in.
export const GuideLink = () => <a href={`/guide?lang=${lang.value}`}>{t("guide.link")}</a>;
