// The settings of the box, for the person who looks after it. Each part has its own address.
import { useState } from "preact/hooks";
import {
  Activity,
  Archive,
  ChevronLeft,
  ChevronRight,
  CircleArrowUp,
  Cloud,
  Gauge,
  type IconNode,
  Library,
  RefreshCw,
  ScrollText,
  Users,
  Wifi,
} from "lucide";
import type { ComponentType } from "preact";
import { Button } from "../components/button";
import type { BoxState } from "../api/box";
import { library } from "../api/library";
import { t } from "../locales/i18n";
import { useLoad } from "../components/hooks";
import { Icon } from "../components/icon";
import { PageHeader } from "../components/page-header";
import { PageLink } from "../components/page-link";
import { PageTitle } from "../components/page-title";
import { useStaff } from "../state/use-staff";
import { Audit } from "../features/admin/audit";
import { Boxes } from "../features/admin/boxes";
import { Backup } from "../features/admin/backup";
import { CloudLink } from "../features/admin/cloud-link";
import { Crashes, Letters, Log, Tree } from "../features/admin/diagnostics";
import { About, Addresses, Health } from "../features/admin/health";
import { Jobs } from "../features/admin/jobs";
import { LoadHistory } from "../features/admin/load-history";
import { LastStart, PowerButtons } from "../features/admin/machine";
import { MediaServers } from "../features/admin/media-servers";
import { Network } from "../features/admin/network";
import { NetworkCheck } from "../features/admin/network-check";
import { PINDialog } from "../features/admin/pin-dialog";
import { People } from "../features/admin/people";
import { Restore } from "../features/admin/restore";
import { Settings } from "../features/admin/settings";
import { Updates } from "../features/admin/updates";
import { LessonHistory } from "../features/results/lesson-history";
import { LostPage } from "./lost";
import css from "./admin.module.css";

interface Props {
  state: BoxState;
  turn: number; // one more each time the admin asks to refresh
}

const parts: { id: string; icon: IconNode; Content: ComponentType<Props> }[] = [
  {
    id: "overview",
    icon: Gauge,
    Content: ({ state, turn }) => (
      <>
        <Health turn={turn} />
        <About state={state} />
        <Settings which="box" />
        <PowerButtons turn={turn} />
      </>
    ),
  },
  { id: "people", icon: Users, Content: People },
  { id: "content", icon: Library, Content: Content },
  {
    id: "network",
    icon: Wifi,
    Content: ({ state, turn }) => (
      <>
        <section class="card stack tight" aria-labelledby="addresses-title">
          <h2 id="addresses-title">{t("admin.addresses")}</h2>
          <Addresses list={[...state.addresses, ...state.https]} />
          <p>
            <PageLink href="/label">{t("label.link")}</PageLink>
          </p>
          <p>
            <PageLink href="/certificate">{t("cert.link")}</PageLink>
          </p>
        </section>
        <Network turn={turn} />
        <NetworkCheck turn={turn} />
        <Boxes state={state} turn={turn} />
      </>
    ),
  },
  { id: "cloud", icon: Cloud, Content: CloudLink },
  { id: "updates", icon: CircleArrowUp, Content: Updates },
  {
    id: "backup",
    icon: Archive,
    Content: ({ state }) => (
      <>
        <Backup box={state.box.name} />
        <Restore />
      </>
    ),
  },
  { id: "audit", icon: ScrollText, Content: Audit },
  {
    id: "diagnostics",
    icon: Activity,
    Content: ({ turn }) => (
      <>
        <LoadHistory turn={turn} />
        <MediaServers turn={turn} />
        <LastStart turn={turn} />
        <Letters turn={turn} />
        <Crashes turn={turn} />
        <Tree turn={turn} />
        <Log turn={turn} />
      </>
    ),
  },
];

const pathOf = (id: string) => (id === "overview" ? "/admin" : `/admin/${id}`);

function Content({ turn }: Props) {
  const [past, fault, again] = useLoad(library.past, [turn]);
  return (
    <>
      <Settings which="keep" />
      <LessonHistory list={past} fault={fault} again={again} />
      <Jobs turn={turn} />
    </>
  );
}

export function Admin({ state, arg }: { state: BoxState; arg: string }) {
  const staff = useStaff(state);
  const [turn, setTurn] = useState(0);
  const part = parts.find((p) => p.id === (arg || "overview"));
  if (!staff) return <main id="main" />;
  if (!part) return <LostPage />;
  return (
    <>
      <PageHeader state={state} />
      {state.me.admin ? (
        <main id="main" class={`page ${css.admin} ${part.id === "overview" ? "" : css.part}`}>
          <div class={`row between ${css.head}`}>
            <div>
              <PageLink class={css.back} href="/admin">
                <Icon icon={ChevronLeft} mirrored /> {t("admin.title")}
              </PageLink>
              <PageTitle>{t(part.id === "overview" ? "admin.title" : `admin.part.${part.id}`)}</PageTitle>
            </div>
            {part.id !== "backup" && (
              <Button icon={RefreshCw} onClick={() => setTurn(turn + 1)}>
                {t("admin.refresh")}
              </Button>
            )}
          </div>
          <PINDialog />
          <PartList now={part.id} />
          <div class={`stack ${css.content}`} data-part="content">
            <part.Content key={part.id} state={state} turn={turn} />
          </div>
        </main>
      ) : (
        <main id="main" class="page stack">
          <PageTitle>{t("admin.title")}</PageTitle>
          <div class="note">
            <p>{t("admin.denied")}</p>
            <p>
              <PageLink href="/teach">{t("admin.home")}</PageLink>
            </p>
          </div>
        </main>
      )}
    </>
  );
}

// PartList is at the side of a laptop. On a phone it is the first thing of the overview.
const PartList = ({ now }: { now: string }) => (
  <nav class={css.parts} aria-label={t("admin.title")}>
    <ul>
      {parts.map((p) => (
        <li key={p.id}>
          <PageLink href={pathOf(p.id)} aria-current={p.id === now ? "page" : undefined}>
            <Icon icon={p.icon} />
            <span>{t(`admin.part.${p.id}`)}</span>
            <Icon icon={ChevronRight} mirrored />
          </PageLink>
        </li>
      ))}
    </ul>
  </nav>
);
