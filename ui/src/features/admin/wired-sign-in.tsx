// How the box signs in to a switch of the school that asks for it (802.1X on a cable).
import type { WiredSignIn as SignIn } from "../../api/admin";
import type { Fault } from "../../api/http";
import { TextField } from "../../components/form-field";
import { t } from "../../locales/i18n";
import { Certificate } from "./certificate";
import { withoutOldPassword } from "./school-password";

const securities = ["peap", "ttls"] as const;

// fields are the settings whose faults WiredSignIn shows, as the box names them.
export const fields = ["identity", "password", "ca", "server"].map((f) => `wired.${f}`);

export function WiredSignIn({
  signIn,
  change,
  fault,
}: {
  signIn: SignIn | null;
  change: (s: SignIn | null) => void;
  fault: Fault | null;
}) {
  return (
    <div class="stack tight">
      <label class="check">
        <input type="checkbox" checked={!!signIn} onChange={(e) => change(e.currentTarget.checked ? {} : null)} />{" "}
        {t("admin.wired")}
      </label>
      {signIn && <Settings signIn={signIn} change={change} fault={fault} />}
    </div>
  );
}

function Settings({ signIn, change, fault }: { signIn: SignIn; change: (s: SignIn) => void; fault: Fault | null }) {
  const set = (part: Partial<SignIn>) => {
    const next = { ...signIn, ...part };
    change({ ...next, password: withoutOldPassword(signIn, next).password });
  };
  const field = (name: "identity" | "password" | "server") => ({
    name: `wired.${name}`,
    value: signIn[name] ?? "",
    onInput: (v: string) => set({ [name]: v }),
    fault,
    autoComplete: "off",
  });
  return (
    <>
      <label class="field">
        <strong>{t("admin.school.security")}</strong>
        <select
          value={signIn.security || "peap"}
          onChange={(e) => set({ security: e.currentTarget.value as SignIn["security"] })}
        >
          {securities.map((s) => (
            <option key={s} value={s}>
              {t(`admin.school.${s}`)}
            </option>
          ))}
        </select>
      </label>
      <TextField label={t("admin.school.identity")} maxLength={253} required {...field("identity")} />
      <TextField label={t("admin.school.password")} type="password" required {...field("password")} />
      <Certificate
        ca={signIn.ca ?? ""}
        change={(ca) => set({ ca, server: ca ? signIn.server : "" })}
        name="wired.ca"
        fault={fault}
      />
      {signIn.ca ? (
        <TextField
          label={t("admin.school.server")}
          hint={t("admin.school.serverHint")}
          maxLength={253}
          dir="ltr"
          {...field("server")}
        />
      ) : (
        signIn.security !== "ttls" && <p class="note warn">{t("admin.wired.unchecked")}</p>
      )}
    </>
  );
}
