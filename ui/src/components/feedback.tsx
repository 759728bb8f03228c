// What a page says of itself: that it loads, that something failed, that something was done.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Button } from "./button";
import { api } from "../api/box";
import type { Fault } from "../api/http";
import { explain, setLang, t } from "../locales/i18n";
import { Skeleton } from "./skeleton";
import { showToast } from "./toast";
import css from "./feedback.module.css";

// Delayed shows its child only when something takes long: 300 ms.
export function Delayed({ children }: { children: ComponentChildren }) {
  const [show, set] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => set(true), 300);
    return () => clearTimeout(timer);
  }, []);
  return show ? children : null;
}

export const Loading = () => (
  <Delayed>
    <div class={css.loading}>
      <Skeleton />
    </div>
  </Delayed>
);

export function ErrorNote({ fault, retry }: { fault: Fault; retry?: () => void }) {
  return (
    <div class="note bad" role="alert">
      <p>{explain(fault)}</p>
      {retry && <Button onClick={retry}>{t("retry")}</Button>}
    </div>
  );
}

// PartMissing is in place of a part of the page that could not be loaded.
export const PartMissing = () => <ErrorNote fault={{ code: "part" } as Fault} retry={reloadPage} />;

export const EmptyNote = ({ children }: { children: ComponentChildren }) => <p class={css.empty}>{children}</p>;

// showMessage says what was done, and lets it be undone for a while, or what failed and can be tried
// again.
export const showMessage = (text: string, again?: () => void, bad = false) =>
  showToast({ text, bad, [bad ? "retry" : "undo"]: again });

export const showError = (f: Fault) => showMessage(explain(f), undefined, true);

// reloadPage loads the page again once the box answers: after an update only the new page
// knows the names of its parts.
const reloadPage = () =>
  void api.state().then(
    () => location.reload(),
    (f) => showMessage(explain(f), reloadPage, true),
  );

export const chooseLanguage = (to: string) => setLang(to).catch(() => showMessage(t("err.part"), reloadPage, true));
