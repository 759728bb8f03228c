import { api, type BoxState } from "../api/box";
import { LogOut, Settings } from "lucide";
import { ButtonLink } from "./button-link";
import { Button } from "./button";
import type { Fault } from "../api/http";
import { t } from "../locales/i18n";
import { go } from "../state/router";
import { reload } from "../state/session";
import { showError } from "./feedback";
import { LanguageChoice } from "./language-choice";
import { TopBar } from "./top-bar";
import css from "./page-header.module.css";

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
    <TopBar box={state.box.name} home="/teach" who={state.me.name}>
      {state.me.admin && (
        <ButtonLink kind="quiet" icon={Settings} label={t("home.admin")} href="/admin">
          <span class={css.wide}>{t("home.admin")}</span>
        </ButtonLink>
      )}
      <LanguageChoice />
      <Button kind="quiet" icon={LogOut} mirrored label={t("home.logout")} onClick={() => void out()}>
        <span class={css.wide}>{t("home.logout")}</span>
      </Button>
    </TopBar>
  );
}
