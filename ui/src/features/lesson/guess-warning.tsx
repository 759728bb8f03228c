// GuessWarning tells the teacher that somebody guesses codes of lessons.
import { useEffect, useState } from "preact/hooks";
import { call } from "../../api/http";
import type { HealthCheck } from "../../api/schema";
import { t } from "../../locales/i18n";

const interval = 30_000; // the box looks once a minute

export function GuessWarning() {
  const [guessing, setGuessing] = useState(false);
  useEffect(() => {
    const look = () =>
      void call<HealthCheck[]>("GET", "/api/admin/health").then(
        (list) => setGuessing(list.some((c) => c.code === "codes_guessed")),
        () => {}, // the box is away: the page says so
      );
    look();
    const timer = setInterval(look, interval);
    return () => clearInterval(timer);
  }, []);
  return <div role="status">{guessing && <p class="note">{t("console.guessing")}</p>}</div>;
}
