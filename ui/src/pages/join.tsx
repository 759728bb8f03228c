// The door for pupils: the code of the lesson, then their own name.
import { useEffect, useRef, useState } from "preact/hooks";
import { api, type BoxState, type Look } from "../api/box";
import type { Fault } from "../api/http";
import { ChevronLeft } from "lucide";
import { ButtonLink } from "../components/button-link";
import { PageLink } from "../components/page-link";
import { chooseLanguage, EmptyNote, ErrorNote, Loading } from "../components/feedback";
import { Button } from "../components/button";
import { Icon } from "../components/icon";
import { mark } from "../components/brand";
import { NamedIcon } from "../components/named-icon";
import { PageTitle } from "../components/page-title";
import { explain, lang, languages, t } from "../locales/i18n";
import { go } from "../state/router";
import { reload } from "../state/session";
import { latePart } from "../components/late-part";
import { ticket } from "../state/ticket";
import css from "./join.module.css";

const InLobby = latePart(async () => (await import("../features/lesson/in-lobby")).InLobby);

type Ref = { code?: string; key?: string };

export function Join({ state, arg }: { state: BoxState; arg: string }) {
  const [ref, setRef] = useState<Ref | null>(arg ? { key: arg } : null);
  const [look, setLook] = useState<Look | null>(null);
  const [fault, setFault] = useState<Fault | null>(null);
  const [elsewhere, setElsewhere] = useState<Look["elsewhere"] | null>(null);
  const [busy, setBusy] = useState(false);

  const find = async (r: Ref) => {
    setRef(r);
    setFault(null);
    setElsewhere(null);
    setBusy(true);
    try {
      const found = await api.look(r);
      if (found.elsewhere) setElsewhere(found.elsewhere);
      else setLook(found);
    } catch (e) {
      setFault(e as Fault);
    } finally {
      setBusy(false);
    }
  };
  useEffect(() => {
    if (arg) void find({ key: arg });
  }, [arg]);

  const back = () => {
    setLook(null);
    setRef(null);
    setFault(null);
    if (arg) go("/", true);
  };

  return (
    <main id="main" class={css.join}>
      <header class={css.top}>
        <Brand state={state} />
        <Language />
      </header>
      {ticket.value && state.me.role !== "teacher" ? (
        <InLobby back={back} />
      ) : look && ref ? (
        <Names at={ref} look={look} state={state} again={() => api.look(ref).then(setLook, () => {})} back={back} />
      ) : ref?.key && busy ? (
        <Loading />
      ) : !state.box.claimed ? (
        <New />
      ) : (
        <div class="stack">
          <PageTitle>{t("join.title")}</PageTitle>
          <Resume state={state} />
          <Code
            find={find}
            busy={busy}
            fault={fault}
            elsewhere={elsewhere}
            link={!!ref?.key}
            second={state.me.role !== "none"}
            retry={() => ref && void find(ref)}
            clear={() => {
              setFault(null);
              setElsewhere(null);
            }}
          />
        </div>
      )}
      {state.box.claimed && state.me.role !== "teacher" && (
        <p class={css.foot}>
          <PageLink href="/login">{t("join.teacher")}</PageLink>
        </p>
      )}
    </main>
  );
}

const Brand = ({ state }: { state: BoxState }) => (
  <p class={css.brand}>
    <Icon icon={mark} />
    <bdi>{(state.box.claimed && state.box.name) || "LiveLearn"}</bdi>
  </p>
);

// Language is its own word in each language, so that nobody has to read a foreign one.
function Language() {
  return (
    <label class={css.language}>
      <span class="visually-hidden">{t("join.lang")}</span>
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

function New() {
  return (
    <div class={`card ${css.card}`}>
      <PageTitle>{t("join.new")}</PageTitle>
      <p>{t("join.new.text")}</p>
      <ButtonLink kind="primary" big href="/claim">
        {t("join.new.go")}
      </ButtonLink>
      <p class="muted">{t("join.new.wait")}</p>
    </div>
  );
}

// apart keeps a name's own direction from turning the words around it.
const apart = (name = "") => `\u2068${name}\u2069`;

function Resume({ state }: { state: BoxState }) {
  const { me, room } = state;
  if (me.role === "teacher") {
    return (
      <div class={`card ${css.card}`}>
        <p>{t("join.staff", { name: apart(me.name) })}</p>
        <ButtonLink kind="primary" href="/teach">
          {t("join.staff.go")}
        </ButtonLink>
      </div>
    );
  }
  if (me.role !== "pupil" || !room) return null;
  return (
    <div class={`card ${css.card}`}>
      <p>{t("join.resume.text")}</p>
      <ButtonLink kind="primary" big href="/lesson">
        {t("join.resume", { name: apart(me.name) })}
      </ButtonLink>
      <p class="muted">{t("join.resume.other")}</p>
    </div>
  );
}

// digits reads Western, Arabic and Persian digits, however they were pasted.
export const digits = (s: string) =>
  s
    .replace(/[٠-٩]/g, (c) => String(c.charCodeAt(0) - 0x660))
    .replace(/[۰-۹]/g, (c) => String(c.charCodeAt(0) - 0x6f0))
    .replace(/\D/g, "")
    .slice(0, 6);

export const grouped = (code: string) => (code.length > 3 ? `${code.slice(0, 3)} ${code.slice(3)}` : code);

function Code(props: {
  find: (r: Ref) => void;
  busy: boolean;
  fault: Fault | null;
  elsewhere: Look["elsewhere"] | null | undefined;
  link: boolean;
  second: boolean;
  retry: () => void;
  clear: () => void;
}) {
  const { find, busy, fault, link } = props;
  const [code, setCode] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const wrong = fault?.code === "no_lesson" || fault?.reason === "invalid";
  useEffect(() => {
    if (fault) input.current?.select();
  }, [fault]);
  return (
    <form
      class={css.form}
      onSubmit={(e) => {
        e.preventDefault();
        if (code.length === 6) find({ code });
        else input.current?.focus();
      }}
    >
      <div class="field">
        <label for="code">{t("join.code")}</label>
        <input
          ref={input}
          id="code"
          name="code"
          class={css.code}
          dir="ltr"
          type="text"
          inputMode="numeric"
          autoComplete="off"
          // biome-ignore lint/a11y/noAutofocus: the page asks for nothing else
          autoFocus
          spellcheck={false}
          placeholder="000 000"
          value={grouped(code)}
          readOnly={busy}
          aria-invalid={wrong && !link ? "true" : undefined}
          aria-describedby="code-hint code-fault"
          onInput={(e) => {
            const now = digits(e.currentTarget.value);
            e.currentTarget.value = grouped(now);
            if (now === code) return;
            setCode(now);
            props.clear();
            if (now.length === 6) find({ code: now });
          }}
        />
        <small id="code-hint">{t("join.code.hint")}</small>
      </div>
      <div id="code-fault" aria-live="assertive">
        {busy ? (
          <p class="muted">{t("join.looking")}</p>
        ) : props.elsewhere ? (
          <Elsewhere place={props.elsewhere} />
        ) : (
          fault &&
          (wrong ? (
            <p class="note bad">{t(link ? "join.wrong.link" : "join.wrong")}</p>
          ) : fault.code === "offline" ? (
            <ErrorNote fault={fault} retry={props.retry} />
          ) : (
            <p class="note bad">{explain(fault)}</p>
          ))
        )}
      </div>
      <Button type="submit" kind={props.second || props.elsewhere ? "secondary" : "primary"} big busy={busy}>
        {t("join.go")}
      </Button>
      <p class={css.hint}>{t("join.card.hint")}</p>
    </form>
  );
}

// Elsewhere leads to the box of the school that has the lesson.
const Elsewhere = ({ place }: { place: NonNullable<Look["elsewhere"]> }) => (
  <div class="note stack tight" data-part="elsewhere">
    <p>{t("join.elsewhere", { box: `\u2068${place.box}\u2069` })}</p>
    <ButtonLink kind="primary" href={place.address} outside big>
      {t("join.elsewhere.go")}
    </ButtonLink>
  </div>
);

// plain is a name as it is searched: without case, accents and Arabic vowel signs.
const plain = (s: string) => s.normalize("NFD").replace(/\p{M}/gu, "").toLocaleLowerCase();

function Names({
  at,
  look,
  state,
  again,
  back,
}: {
  at: Ref;
  look: Look;
  state: BoxState;
  again: () => void;
  back: () => void;
}) {
  const [search, setSearch] = useState("");
  const [busy, setBusy] = useState("");
  const [fault, setFault] = useState<Fault | null>(null);
  const { lesson, names } = look;
  // Names get taken and released while one looks.
  useEffect(() => {
    const fresh = () => document.visibilityState === "visible" && again();
    const timer = setInterval(fresh, 8000);
    document.addEventListener("visibilitychange", fresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", fresh);
    };
  }, [at.code, at.key]);

  const join = async (pupil: string) => {
    if (busy) return;
    setBusy(pupil);
    setFault(null);
    try {
      if (look.lesson.lobby) {
        ticket.value = (await api.ask(at, pupil)).ticket;
        return;
      }
      await api.join(at, pupil);
      await reload();
      go("/lesson");
    } catch (e) {
      setFault(e as Fault);
      setBusy("");
      again();
    }
  };
  const shown = names.filter((n) => plain(n.name).includes(plain(search.trim())));
  const mine = (id: string) => state.me.user === id;
  return (
    <div class="stack">
      <div>
        <p class={css.lesson}>
          <bdi>{lesson.className}</bdi>
          {lesson.title && (
            <>
              {" "}
              · <bdi>{lesson.title}</bdi>
            </>
          )}
        </p>
        <PageTitle>{t("join.who")}</PageTitle>
      </div>
      {names.length > 8 && (
        <div class="field">
          <label for="search">{t("join.search")}</label>
          <input
            id="search"
            type="search"
            autoComplete="off"
            spellcheck={false}
            value={search}
            onInput={(e) => setSearch(e.currentTarget.value)}
          />
        </div>
      )}
      <div aria-live="assertive">{fault && <p class="note bad">{explain(fault)}</p>}</div>
      <p class="visually-hidden" role="status">
        {busy ? t("join.joining") : t("join.shown", { n: shown.length })}
      </p>
      {names.length === 0 ? (
        <EmptyNote>{t("join.empty")}</EmptyNote>
      ) : shown.length === 0 ? (
        <EmptyNote>{t("join.none")}</EmptyNote>
      ) : (
        <ul class={css.names} aria-label={t("join.tap")}>
          {shown.map((n) => (
            <li key={n.id}>
              <button
                type="button"
                disabled={n.taken || (busy !== "" && busy !== n.id)}
                aria-busy={busy === n.id}
                class={mine(n.id) ? css.mine : ""}
                onClick={() => void join(n.id)}
              >
                <bdi>{n.name}</bdi>
                {busy === n.id ? (
                  <small>{t("join.joining")}</small>
                ) : n.taken ? (
                  <small>
                    <NamedIcon name="lock" />
                    {t("join.taken")}
                  </small>
                ) : n.asked ? (
                  <small>{t("join.asked")}</small>
                ) : mine(n.id) ? (
                  <small>{t("join.mine")}</small>
                ) : null}
              </button>
            </li>
          ))}
        </ul>
      )}
      {names.some((n) => n.taken) && <p class="muted">{t("join.taken.hint")}</p>}
      <div class={css.back}>
        <Button kind="quiet" icon={ChevronLeft} mirrored onClick={back}>
          {t("join.other")}
        </Button>
      </div>
    </div>
  );
}

// Card is the way in by a pupil's own card: the name is known, so nothing is asked.
export function Card({ state, arg }: { state: BoxState; arg: string }) {
  const [fault, setFault] = useState<Fault | null>(null);
  const enter = async () => {
    setFault(null);
    try {
      await api.joinCard(arg);
      await reload();
      go("/lesson", true);
    } catch (e) {
      setFault(e as Fault);
    }
  };
  useEffect(() => void enter(), []);
  return (
    <main id="main" class={css.join}>
      <Brand state={state} />
      {!fault ? (
        <Loading />
      ) : (
        <div class={`card ${css.card}`}>
          <PageTitle>{t("join.card")}</PageTitle>
          <ErrorNote fault={fault} retry={() => void enter()} />
          <ButtonLink href="/">{t("join.card.code")}</ButtonLink>
        </div>
      )}
    </main>
  );
}
