// The whole box as one file, and the way back.
import { Download } from "lucide";
import { t } from "../../locales/i18n";
import { Icon } from "../../components/icon";

const command = "livelearn restore";

export const Backup = () => (
  <section class="card stack" aria-labelledby="backup-title">
    <h2 id="backup-title">{t("admin.backup")}</h2>
    <p>{t("admin.backupWhy")}</p>
    <div>
      <a class="button primary" href="/api/admin/backup" download>
        <Icon icon={Download} /> {t("admin.backupGet")}
      </a>
    </div>
  </section>
);

export const Restore = () => (
  <section class="card stack" aria-labelledby="restore-title">
    <h2 id="restore-title">{t("admin.restoreTitle")}</h2>
    <p>{t("admin.restoreWhy")}</p>
    <ol class="restore-steps">
      <li>{t("admin.restoreStep1")}</li>
      <li>
        {t("admin.restoreStep2")}
        <code dir="ltr">{command} --dry-run livelearn.llb</code>
      </li>
      <li>
        {t("admin.restoreStep3")}
        <code dir="ltr">{command} livelearn.llb</code>
      </li>
      <li>{t("admin.restoreStep4")}</li>
    </ol>
  </section>
);
