// Bringing files to the box: dropped anywhere on a page, or picked.
import { useEffect, useRef, useState } from "preact/hooks";
import { type IconNode, X } from "lucide";
import type { Fault } from "../api/http";
import { t } from "../locales/i18n";
import { type Deck, library } from "../api/library";
import { Button } from "./button";
import { showError, showMessage } from "./feedback";
import css from "./file-upload.module.css";

const types =
  "application/pdf,image/png,image/jpeg,image/gif,image/webp,image/svg+xml,image/avif,.pdf,.png,.jpg,.jpeg,.gif,.webp,.bmp,.tif,.tiff,.svg,.avif,.heic,.heif";

// useFileDrop takes files that are dropped anywhere on the page, and reports when some hover.
export function useFileDrop(take: (files: File[]) => void): boolean {
  const [over, setOver] = useState(false);
  const taker = useRef(take);
  taker.current = take;
  useEffect(() => {
    const holds = (e: DragEvent) => e.dataTransfer?.types.includes("Files") && !document.querySelector("dialog[open]");
    const on = (e: DragEvent) => {
      if (!holds(e)) return;
      e.preventDefault();
      setOver(true);
    };
    const off = (e: DragEvent) => !e.relatedTarget && setOver(false);
    const drop = (e: DragEvent) => {
      if (!holds(e)) return;
      e.preventDefault();
      setOver(false);
      taker.current([...(e.dataTransfer?.files ?? [])]);
    };
    addEventListener("dragover", on);
    addEventListener("dragleave", off);
    addEventListener("drop", drop);
    return () => {
      removeEventListener("dragover", on);
      removeEventListener("dragleave", off);
      removeEventListener("drop", drop);
    };
  }, []);
  return over;
}

export interface Upload {
  id: number;
  title: string;
  part: number; // 0 to 1
  stop: () => void;
}

const stem = (name: string) => name.replace(/\.[^.]+$/, "").slice(0, 120) || name;

// decksOf has a deck for each document, and one for all pictures that came together.
function decksOf(files: File[]): File[][] {
  const picture = (f: File) => f.type.startsWith("image/") || /\.(heic|heif|avif|bmp|tiff?)$/i.test(f.name);
  const pictures = files.filter(picture).sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
  return [...files.filter((f) => !picture(f)).map((f) => [f]), ...(pictures.length > 0 ? [pictures] : [])];
}

let last = 0; // id of an upload of this page

// useUploads sends one deck after the other and reports when one is on the box.
export function useUploads(there: (d: Deck) => void): [Upload[], (files: File[]) => void] {
  const [list, setList] = useState<Upload[]>([]);
  const send = async (files: File[]) => {
    const jobs = decksOf(files).map((files) => ({
      files,
      id: ++last,
      title: stem(files[0]!.name),
      by: new AbortController(),
    }));
    setList((l) => [...l, ...jobs.map((j) => ({ id: j.id, title: j.title, part: 0, stop: () => j.by.abort() }))]);
    for (const j of jobs) {
      const set = (part: number) => setList((l) => l.map((u) => (u.id === j.id ? { ...u, part } : u)));
      try {
        if (!j.by.signal.aborted) there((await library.addDeck(j.title, j.files, set, j.by.signal)).deck);
      } catch (f) {
        if (j.by.signal.aborted) showMessage(t("deck.stopped", { title: j.title }));
        else showError(f as Fault);
      }
      setList((l) => l.filter((u) => u.id !== j.id));
    }
  };
  return [list, (files) => void send(files)];
}

export function UploadList({ list }: { list: Upload[] }) {
  if (list.length === 0) return null;
  return (
    <ul class="stack tight" aria-label={t("deck.uploading")}>
      {list.map((u) => (
        <li key={u.id} class={css.upload}>
          <bdi>{u.title}</bdi>
          <progress max={1} value={u.part} aria-label={t("deck.uploadingOne", { title: u.title })} />
          <Button kind="quiet" icon={X} label={t("deck.stop", { title: u.title })} onClick={u.stop} />
        </li>
      ))}
    </ul>
  );
}

// FilePicker is the button for who does not drag.
export function FilePicker(props: {
  take: (files: File[]) => void;
  label: string;
  accept?: string;
  multiple?: boolean;
  big?: boolean;
  icon?: IconNode;
}) {
  const ref = useRef<HTMLInputElement>(null);
  return (
    <>
      <input
        ref={ref}
        hidden
        type="file"
        accept={props.accept ?? types}
        multiple={props.multiple ?? true}
        onChange={(e) => {
          props.take([...(e.currentTarget.files ?? [])]);
          e.currentTarget.value = "";
        }}
      />
      <Button big={props.big} icon={props.icon} onClick={() => ref.current?.click()}>
        {props.label}
      </Button>
    </>
  );
}
