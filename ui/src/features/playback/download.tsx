// The recording as one file: made by a job of the box, then downloaded.
import { useEffect, useState } from "preact/hooks";
import { Download as DownloadIcon, FileVideo } from "lucide";
import type { Fault } from "../../api/http";
import { library } from "../../api/library";
import { type Capsule, type Film, resultsAPI } from "../../api/results";
import { Button } from "../../components/button";
import { Sheet } from "../../components/dialog";
import { EmptyNote, ErrorNote, Loading } from "../../components/feedback";
import { Icon } from "../../components/icon";
import { isRunning, JobProgress } from "../../components/job-progress";
import { lang, span, t } from "../../locales/i18n";
import { isPicture } from "./played-media";
import css from "./download.module.css";

// sizeText is a size in MB or GB, as this language writes it.
export function sizeText(bytes: number): string {
  const [unit, n] = bytes >= 1e9 ? ["gigabyte", bytes / 1e9] : ["megabyte", bytes / 1e6];
  return new Intl.NumberFormat(lang.value, {
    style: "unit",
    unit: unit as string,
    maximumFractionDigits: (n as number) < 10 ? 1 : 0,
  }).format(n as number);
}

const sources = ["camera", "screen"] as const;
type Source = (typeof sources)[number];

export function DownloadSheet({ index, onClose }: { index: Capsule; onClose: () => void }) {
  const { lesson } = index;
  const [film, setFilm] = useState<Film | null>(null);
  const [known, setKnown] = useState(false);
  const [job, setJob] = useState("");
  const [working, setWorking] = useState(false);
  const [fault, setFault] = useState<Fault | null>(null);
  const mine = index.parts.filter((p) => p.role === "teacher");
  const offered = sources.filter((s) => mine.some((p) => p.source === s && isPicture(p)));
  const [source, setSource] = useState<Source | undefined>(offered[0]);
  const follow = (id: string) => {
    setJob(id);
    setWorking(true);
  };
  const load = async () => {
    setFault(null);
    try {
      const jobs = await library.jobs();
      const open = jobs.find((j) => j.kind === "film" && j.lesson === lesson && isRunning(j));
      if (open) follow(open.id);
      setFilm(await resultsAPI.film(lesson));
    } catch (e) {
      setFilm(null);
      if ((e as Fault).code !== "not_ready") setFault(e as Fault);
    }
    setKnown(true);
  };
  useEffect(() => void load(), [lesson]);
  const make = () => {
    setFault(null);
    setFilm(null);
    resultsAPI.makeFilm(lesson, source).then((j) => follow(j.id), setFault);
  };
  const over = (state: string) => {
    setWorking(false);
    if (state !== "done") return;
    setJob("");
    void load();
  };
  const here = film && (!source || film.source === source || offered.length < 2);
  return (
    <Sheet title={t("capsule.download")} onClose={onClose}>
      <div class={css.download}>
        <p>{t("capsule.download.what")}</p>
        {fault && <ErrorNote fault={fault} retry={known ? undefined : () => void load()} />}
        {!known && !fault && <Loading />}
        {known && mine.length === 0 && <EmptyNote>{t("capsule.download.none")}</EmptyNote>}
        {known && offered.length > 1 && (
          <fieldset class={css.choice}>
            <legend>{t("capsule.download.picture")}</legend>
            {offered.map((s) => (
              <label key={s}>
                <input type="radio" name="source" checked={s === source} onChange={() => setSource(s)} />
                {t(`capsule.download.${s}`)}
              </label>
            ))}
          </fieldset>
        )}
        {job && <JobProgress key={job} id={job} over={(j) => over(j.state)} />}
        {known && here && (
          <div class={css.film} data-film>
            <Icon icon={FileVideo} />
            <p>
              <strong>
                <bdi>{film.name}</bdi>
              </strong>
              <span>
                {[film.file.endsWith(".mp4") ? "MP4" : "WebM", span(film.duration_ms), sizeText(film.bytes)].join(
                  " · ",
                )}
              </span>
            </p>
            <a class={css.save} href={resultsAPI.filmFile(lesson, film)} download>
              <Icon icon={DownloadIcon} />
              {t("capsule.download.save")}
            </a>
            {!!film.left_out_ms && (
              <p class="note warn">{t("capsule.download.left", { time: span(film.left_out_ms) })}</p>
            )}
            {film.file.endsWith(".webm") && <small>{t("capsule.download.webm")}</small>}
          </div>
        )}
        {known && !here && !working && mine.length > 0 && (
          <Button kind="primary" icon={FileVideo} onClick={make}>
            {t("capsule.download.make")}
          </Button>
        )}
      </div>
    </Sheet>
  );
}
