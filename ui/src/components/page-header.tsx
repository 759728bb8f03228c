// What a teacher's pages have around them: the head, dialogs with a heading, menus.
import { api, type BoxState } from "../api/box";
import type { Fault } from "../api/http";
import { t } from "../locales/i18n";
import { go } from "../state/router";
import { reload } from "../state/session";
import { mark } from "./brand";
import { Icon } from "./icon";
import { PageLink } from "./page-link";
import { showError } from "./feedback";
import { LanguageChoice } from "./language-choice";
import "./page-header.css";

// PageHeader is the head of a teacher's pages.
export function PageHeader({ state }: { state: BoxState }) {
  const out = async () => {
    try {
      await api.logout();
      await reload();
      go("/login");
    } catch (e) {
      showError(e as Fault);
    }
  };
  return (
    <header class="topbar">
      <PageLink href="/teach" class="logo">
        <Icon icon={mark} />
        LiveLearn
      </PageLink>
      <span class="muted topbar-box">
        <bdi>{state.box.name}</bdi>
      </span>
      <span class="grow" />
      <span class="muted topbar-me">
        <bdi>{state.me.name}</bdi>
      </span>
      {state.me.admin && (
        <PageLink class="button quiet" href="/admin">
          {t("home.admin")}
        </PageLink>
      )}
      <LanguageChoice />
      <button type="button" class="quiet" onClick={() => void out()}>
        {t("home.logout")}
      </button>
    </header>
  );
}
